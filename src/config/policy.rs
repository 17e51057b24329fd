//! `[[policy]]`: what a route demands of its callers.

use crate::config::declared::Declared;
use crate::config::{ClientCertificateMode, Listener};
use crate::document::{Placed, Table, alternatives};
use crate::names::{ConsumerName, PolicyName};
use crate::problem::suggestion;

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name; `open` for the one that is always there.
    pub name: PolicyName,
    /// What is demanded.
    pub demand: Demand,
    /// The consumers it admits; `None` admits every configured one.
    pub consumers: Option<Vec<ConsumerName>>,
    /// The line of the configuration where it starts; 0 for `open`.
    pub line: usize,
}

/// What a policy demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: anyone may call.
    Open,
    /// Every one of these proofs, all of the same consumer.
    AllOf(Proof),
    /// At least one of these; what is shown must be right, and of one consumer.
    AnyOf(Proof),
}

/// The proofs that a policy takes; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// A client certificate of a consumer.
    pub certificate: bool,
    /// A signature by a consumer's credential.
    pub signature: Option<SignatureDemand>,
}

/// How a signature must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureDemand {
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
    /// The service of the credential scope.
    pub service: String,
    /// The region of the credential scope.
    pub region: String,
    /// Seconds by which the signature's time may be off, both ways; at least 1.
    pub max_skew_secs: u32,
    /// Whether `UNSIGNED-PAYLOAD` is taken, over TLS only.
    pub unsigned_payload: bool,
    /// The chunked payload modes that are taken; unsigned ones over TLS only.
    pub streaming: Vec<StreamingMode>,
    /// The longest `X-Amz-Expires` of a presigned URL, in seconds; `None` when the policy takes
    /// no presigned URLs.
    pub max_expires_secs: Option<u32>,
    /// The largest body taken from callers that send no `x-amz-content-sha256`: it is held
    /// until its hash, and with it the signature, is known.
    pub max_buffered_body_bytes: u64,
}

/// How SigV4's canonical request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureProfile {
    /// Every service but S3: the path is normalised and encoded twice.
    Aws,
    /// S3: the path is taken as it is and encoded once.
    S3,
}

/// How a body in AWS's chunks is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamingMode {
    /// Each chunk is signed: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`.
    Signed,
    /// So are trailers behind them: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`.
    SignedTrailer,
    /// Nothing is, but a checksum behind the chunks: `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    UnsignedTrailer,
}

const OPEN: &str = "open";
const CERTIFICATE: &str = "certificate";
const SIGNATURE: &str = "signature";

/// Reads every `[[policy]]`; `open` goes before them.
pub(super) fn read(
    root: &mut Table<'_>,
    consumers: &Declared,
    listeners: &[Listener],
) -> (Vec<Policy>, Declared) {
    let mut names = Declared::new("policy");
    names.reserve(OPEN);
    let mut policies = vec![Policy {
        name: PolicyName::new(OPEN),
        demand: Demand::Open,
        consumers: None,
        line: 0,
    }];
    for mut table in root.tables("policy") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        let demand = read_demand(&mut table);
        check_listeners(&table, &demand, listeners);
        let consumers = read_consumers(&mut table, consumers);
        table.finish();
        policies.push(Policy {
            name: PolicyName::new(name),
            demand,
            consumers,
            line,
        });
    }
    (policies, names)
}

fn read_demand(table: &mut Table<'_>) -> Demand {
    let document = table.document();
    let (all, any) = (table.has("all_of"), table.has("any_of"));
    let line = table.line_of("any_of");
    let all_of = read_proofs(table, "all_of");
    let any_of = read_proofs(table, "any_of");
    if all && any {
        let text = format!(
            "{} has both \"all_of\" and \"any_of\"; keep one",
            table.label()
        );
        document.note(line, text);
    } else if !all && !any {
        let text = format!(
            "{} demands nothing; write all_of = [\"certificate\"], any_of = [\"certificate\", \"signature\"] or the like",
            table.label()
        );
        document.note(table.line(), text);
    }
    let proofs = match all {
        true => all_of,
        false => any_of,
    };
    let proof = Proof {
        certificate: proofs.iter().flatten().any(|proof| proof == CERTIFICATE),
        signature: read_signature(table, proofs.as_deref()),
    };
    match all {
        true => Demand::AllOf(proof),
        false => Demand::AnyOf(proof),
    }
}

/// The words under `key`; `None` when they are absent or wrong.
fn read_proofs(table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let document = table.document();
    let line = table.line_of(key);
    let words = table.texts(key)?;
    if words.is_empty() {
        let text = format!("\"{key}\" in {} must not be empty", table.label());
        document.note(line, text);
        return None;
    }
    let mut proofs: Vec<String> = Vec::new();
    let mut good = true;
    for Placed { value, line } in words {
        let known = [CERTIFICATE, SIGNATURE];
        if !known.contains(&value.as_str()) {
            let text = format!(
                "\"{key}\" in {} holds \"{value}\", but must hold {}{}",
                table.label(),
                alternatives(known),
                suggestion(&value, known)
            );
            document.note(line, text);
            good = false;
        } else if proofs.contains(&value) {
            let text = format!("\"{key}\" in {} holds \"{value}\" twice", table.label());
            document.note(line, text);
        } else {
            proofs.push(value);
        }
    }
    good.then_some(proofs)
}

/// The table `signature`, which is there exactly when a signature is demanded; with
/// `proofs` unknown, neither is reported.
fn read_signature(table: &mut Table<'_>, proofs: Option<&[String]>) -> Option<SignatureDemand> {
    let document = table.document();
    let demanded = proofs.map(|proofs| proofs.iter().any(|proof| proof == SIGNATURE));
    let line = table.line_of(SIGNATURE);
    let given = table.has(SIGNATURE);
    let below = table.table(SIGNATURE);
    let problem = match demanded {
        Some(true) if !given => {
            "demands a signature but does not say of what kind; write signature = { schemes = [\"sigv4\"], service = \"…\", region = \"…\" }"
        }
        Some(false) if given => {
            "describes a \"signature\" that it does not demand; add \"signature\" to \"all_of\" or \"any_of\", or leave the table out"
        }
        _ => return below.map(read_signature_demand),
    };
    document.note(line, format!("{} {problem}", table.label()));
    below.map(read_signature_demand)
}

const PROFILES: [(&str, SignatureProfile); 2] =
    [("aws", SignatureProfile::Aws), ("s3", SignatureProfile::S3)];
const STREAMING: [(&str, StreamingMode); 3] = [
    ("signed", StreamingMode::Signed),
    ("signed_trailer", StreamingMode::SignedTrailer),
    ("unsigned_trailer", StreamingMode::UnsignedTrailer),
];
const MAX_SKEW_SECS: u32 = 900;
/// A week, in seconds: as long as a presigned URL may be good (Amazon S3 API Reference,
/// "Authenticating Requests: Using Query Parameters").
pub const MAX_EXPIRES_SECS: u32 = 604_800;
const MAX_BUFFERED_BODY_BYTES: u64 = 1 << 30;

fn read_signature_demand(mut table: Table<'_>) -> SignatureDemand {
    read_schemes(&mut table);
    let demand = SignatureDemand {
        profile: table
            .word("profile", &PROFILES)
            .unwrap_or(SignatureProfile::Aws),
        service: read_scope(&mut table, "service"),
        region: read_scope(&mut table, "region"),
        max_skew_secs: read_max_skew(&mut table),
        unsigned_payload: table.boolean("unsigned_payload").unwrap_or(false),
        streaming: table.words("streaming", &STREAMING).unwrap_or_default(),
        max_expires_secs: table.integer("max_expires_secs", 1..=MAX_EXPIRES_SECS),
        max_buffered_body_bytes: table
            .integer("max_buffered_body_bytes", 0..=MAX_BUFFERED_BODY_BYTES)
            .unwrap_or(1024 * 1024),
    };
    table.finish();
    demand
}

fn read_schemes(table: &mut Table<'_>) {
    let document = table.document();
    table.need("schemes", "write schemes = [\"sigv4\"]");
    let line = table.line_of("schemes");
    let Some(schemes) = table.texts("schemes") else {
        return;
    };
    if schemes.is_empty() {
        document.note(line, "\"schemes\" is empty; write schemes = [\"sigv4\"]");
    }
    for (index, scheme) in schemes.iter().enumerate() {
        let word = &scheme.value;
        if word != "sigv4" {
            let cure = suggestion(word, ["sigv4"]);
            let text =
                format!("signature scheme \"{word}\" is unknown; only \"sigv4\" is there{cure}");
            document.note(scheme.line, text);
        } else if index > 0 {
            document.note(scheme.line, "\"schemes\" holds \"sigv4\" twice");
        }
    }
}

/// A part of the credential scope: `20260131/<region>/<service>/aws4_request`.
fn read_scope(table: &mut Table<'_>, key: &'static str) -> String {
    let document = table.document();
    let Some(text) = table
        .need(key, "write the one that callers sign for")
        .text(key)
    else {
        return String::new();
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !text.value.bytes().all(fits) {
        let problem = format!(
            "\"{key}\" in {} must be made of letters, digits, \"-\", \"_\" and \".\"",
            table.label()
        );
        document.note(text.line, problem);
    }
    text.value
}

fn read_max_skew(table: &mut Table<'_>) -> u32 {
    const KEY: &str = "max_skew_secs";
    let line = table.line_of(KEY);
    let skew = table.any_integer(KEY).unwrap_or(300);
    let text = match u32::try_from(skew) {
        Ok(skew @ 1..=MAX_SKEW_SECS) => return skew,
        Ok(1..) => format!("\"{KEY}\" must be from 1 to {MAX_SKEW_SECS}, not {skew}"),
        _ => format!(
            "\"{KEY}\" must be from 1 to {MAX_SKEW_SECS}; {skew} would refuse everything, since no signature is made at the very second it arrives"
        ),
    };
    table.document().note(line, text);
    300
}

fn read_consumers(table: &mut Table<'_>, names: &Declared) -> Option<Vec<ConsumerName>> {
    let document = table.document();
    let line = table.line_of("consumers");
    let used = table.texts("consumers")?;
    if used.is_empty() {
        let text = format!(
            "{} admits nobody; name a consumer, or leave \"consumers\" out to admit every one",
            table.label()
        );
        document.note(line, text);
    }
    for name in &used {
        names.check(document, table.label(), name);
    }
    Some(
        used.into_iter()
            .map(|name| ConsumerName::new(name.value))
            .collect(),
    )
}

/// Notes it when a certificate must be shown and no listener would ask for one.
fn check_listeners(table: &Table<'_>, demand: &Demand, listeners: &[Listener]) {
    let asks = |listener: &Listener| {
        let tls = listener.tls.as_ref();
        tls.is_some_and(|tls| tls.client_certificate.mode != ClientCertificateMode::Off)
    };
    let demanded = matches!(demand, Demand::AllOf(proof) if proof.certificate);
    if demanded && !listeners.is_empty() && !listeners.iter().any(asks) {
        let text = format!(
            "{} demands a certificate, but no listener asks for one; write client_certificate = {{ mode = \"optional\", trust = [\"…\"] }} in a [[listener]]",
            table.label()
        );
        table.document().note(table.line(), text);
    }
}
