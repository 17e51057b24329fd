//! `signature` in a `[[policy]]`: which schemes it takes and how their signatures must be made.
//! What holds for every scheme is here; what is one scheme's own is in its file.

mod hmac;
mod rfc9421;
mod sigv4;
mod sts;

use crate::document::Table;

pub use hmac::{
    HmacDemand, HmacEncoding, HmacForm, HmacHash, HmacPreset, HmacTimestamp, SignedPart,
    SignedTemplate, TimestampPlace, TimestampUnit,
};
pub use rfc9421::Rfc9421Demand;
pub use sigv4::{MAX_EXPIRES_SECS, SigV4Algorithm, SigV4Demand, SignatureProfile, StreamingMode};
pub(super) use sigv4::{PROFILES, read_scope};
pub use sts::StsDemand;

/// How a signature must be made: in one of the schemes that are here, of which there is at
/// least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignatureDemand {
    /// AWS Signature Version 4 or 4a.
    pub sigv4: Option<SigV4Demand>,
    /// An HMAC that the policy describes.
    pub hmac: Option<HmacDemand>,
    /// HTTP Message Signatures.
    pub rfc9421: Option<Rfc9421Demand>,
    /// Identities of AWS IAM, delegated through STS.
    pub sts: Option<StsDemand>,
    /// The largest body that is held until it is checked, in bytes: of callers whose signature
    /// covers a body of which the head tells no hash.
    pub max_buffered_body_bytes: u64,
    /// Whether a signature is taken only once.
    pub refuse_replays: bool,
}

/// A way of signing requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    SigV4,
    SigV4a,
    Rfc9421,
    Hmac,
    Sts,
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("sigv4", Scheme::SigV4),
    ("sigv4a", Scheme::SigV4a),
    ("rfc9421", Scheme::Rfc9421),
    ("hmac", Scheme::Hmac),
    ("sts", Scheme::Sts),
];
const ALGORITHMS: [(Scheme, SigV4Algorithm); 2] = [
    (Scheme::SigV4, SigV4Algorithm::Hmac),
    (Scheme::SigV4a, SigV4Algorithm::Ecdsa),
];
const MAX_BUFFERED_BODY_BYTES: u64 = 1 << 30;

/// Reads the table.
pub(super) fn read(mut table: Table<'_>) -> SignatureDemand {
    let schemes = read_schemes(&mut table);
    let max_buffered_body_bytes = table
        .integer("max_buffered_body_bytes", 0..=MAX_BUFFERED_BODY_BYTES)
        .unwrap_or(1024 * 1024);
    let refuse_replays = table.boolean("refuse_replays").unwrap_or(false);
    let hmac = read_hmac(&mut table, schemes.as_deref(), refuse_replays);
    // Where no scheme is named, SigV4's keys are what the others most likely are meant to be.
    let schemes = schemes.unwrap_or_else(|| vec![Scheme::SigV4]);
    let has = |scheme| schemes.contains(&scheme);
    let algorithms = ALGORITHMS.iter().filter(|(scheme, _)| has(*scheme));
    let algorithms: Vec<_> = algorithms.map(|(_, algorithm)| *algorithm).collect();
    let demand = SignatureDemand {
        hmac,
        sigv4: (!algorithms.is_empty())
            .then(|| sigv4::read(&mut table, algorithms, max_buffered_body_bytes)),
        rfc9421: has(Scheme::Rfc9421).then(|| rfc9421::read(&mut table, refuse_replays)),
        sts: has(Scheme::Sts).then(|| sts::read(&mut table)).flatten(),
        max_buffered_body_bytes,
        refuse_replays,
    };
    table.finish();
    demand
}

/// The table `hmac`, which is there exactly when the scheme is taken; with `schemes` unknown,
/// neither is reported.
fn read_hmac(
    table: &mut Table<'_>,
    schemes: Option<&[Scheme]>,
    refuse_replays: bool,
) -> Option<HmacDemand> {
    const KEY: &str = "hmac";
    let taken = schemes.map(|schemes| schemes.contains(&Scheme::Hmac));
    match (taken, table.has(KEY)) {
        (Some(true), false) => {
            table.need(
                KEY,
                "write hmac = { preset = \"github\", credentials = [\"…\"] } or describe it",
            );
        }
        (Some(false), true) => {
            let text = format!(
                "{} describes \"hmac\", which is not among its \"schemes\"; add it, or leave the table out",
                table.label()
            );
            table.document().note(table.line_of(KEY), text);
        }
        _ => {}
    }
    let below = table.table(KEY)?;
    let demand = hmac::read(below, refuse_replays);
    taken.unwrap_or(true).then_some(demand)
}

/// The schemes; `None` when none is named that there is, which is noted.
fn read_schemes(table: &mut Table<'_>) -> Option<Vec<Scheme>> {
    table.need("schemes", "write schemes = [\"sigv4\"]");
    let schemes = table.words("schemes", &SCHEMES)?;
    Some(schemes).filter(|found| !found.is_empty())
}
