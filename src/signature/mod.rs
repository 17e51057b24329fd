//! Request signatures, a room for each scheme. In: a `Call`, the policy's demand and the ring
//! of keys. Out: whose signature it is and what the body still owes, or a `Refusal`.
//! Knows nothing of routes, consumers or Pingora; the time is handed in.

mod body;
mod compare;
mod fields;
mod hmac;
mod keys;
mod known;
mod outcome;
pub mod rfc9421;
mod sigv4;
mod sts;
mod working;

use std::borrow::Cow;

use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::config::SignatureDemand;
use crate::refusal::{Challenge, Refusal};

pub use body::{BodyDuty, KnownBody};
pub use compare::{Comparison, Difference, compare};
pub use hmac::{HmacSigningRequest, sign as sign_hmac};
pub use keys::KeyRing;
pub use outcome::{Evidence, Outcome, SignError, Signer, Verified};
pub use sigv4::{
    ChunkedBody, ChunkedDuty, SigningRequest, derive_key, derive_public, presign, sign,
    strip_presigned,
};
pub use sts::{Principals, Question};
pub use working::{Working, WorkingKind, for_log};

/// A signature as a call presents it: parsed, and verified by nobody yet.
#[derive(Clone)]
pub enum Presented<'a> {
    /// AWS Signature Version 4 or 4a.
    SigV4(sigv4::Presented<'a>),
    /// An HTTP Message Signature.
    Rfc9421(Box<rfc9421::Presented<'a>>),
    /// An HMAC that the policy describes.
    Hmac(hmac::Presented<'a>),
    /// A presigned request to STS.
    Sts(sts::Presented<'a>),
}

impl Presented<'_> {
    /// The ids of the credentials of which it may be: most schemes name one.
    pub fn credential_ids<'s>(&'s self, demand: &'s SignatureDemand) -> Vec<&'s str> {
        match (self, &demand.hmac) {
            (Self::SigV4(presented), _) => vec![presented.credential_id()],
            (Self::Rfc9421(presented), _) => vec![presented.credential_id()],
            (Self::Hmac(presented), Some(demand)) => presented.credential_ids(demand),
            (Self::Hmac(_), None) | (Self::Sts(_), _) => Vec::new(),
        }
    }

    /// Whether it is good for a time, so that it cannot be judged without knowing the time.
    pub fn has_lifetime(&self, demand: &SignatureDemand) -> bool {
        match self {
            Self::SigV4(_) | Self::Rfc9421(_) | Self::Sts(_) => true,
            Self::Hmac(_) => (demand.hmac.as_ref()).is_none_or(|hmac| hmac.timestamp.is_some()),
        }
    }

    /// The fields that carry it. They prove nothing beyond this gateway, and go no further
    /// unless the route passes them on.
    pub fn carriers(&self) -> Carriers {
        static AWS: [HeaderName; 1] = [AUTHORIZATION];
        static MESSAGE: [HeaderName; 2] = [
            HeaderName::from_static("signature"),
            HeaderName::from_static("signature-input"),
        ];
        match self {
            Self::SigV4(_) | Self::Sts(_) => Cow::Borrowed(&AWS),
            Self::Rfc9421(_) => Cow::Borrowed(&MESSAGE),
            Self::Hmac(presented) => Cow::Owned(vec![presented.carrier().clone()]),
        }
    }
}

/// The fields that carry a signature: of most schemes always the same.
pub type Carriers = Cow<'static, [HeaderName]>;

/// Finds the one signature that `call` presents; `None` when there is none.
///
/// # Errors
/// `SignatureMalformed` for two of them, for one of a scheme that `demand` does not take, and
/// for one that cannot be read.
pub fn present<'a>(
    call: &Call<'a>,
    demand: &SignatureDemand,
    keys: &KeyRing,
) -> Result<Option<Presented<'a>>, Refusal> {
    let mut found = sigv4::present(call)?.map(Presented::SigV4);
    let is_taken = found.is_none() || demand.sigv4.is_some();
    if let Some(demand) = &demand.rfc9421 {
        let known = |id: &str| keys.store().find(id).is_some();
        let message = rfc9421::present(call, demand, known)?;
        put(
            &mut found,
            message.map(|one| Presented::Rfc9421(Box::new(one))),
        )?;
    }
    // What an HMAC looks like, only a policy says.
    if let Some(demand) = &demand.hmac {
        put(
            &mut found,
            hmac::present(call, demand)?.map(Presented::Hmac),
        )?;
    }
    if let Some(demand) = &demand.sts {
        put(&mut found, sts::present(call, demand).map(Presented::Sts))?;
    }
    match is_taken {
        true => Ok(found),
        false => Err(Refusal::SignatureMalformed("the policy takes no SigV4")),
    }
}

/// Notes what was found; refuses it beside another.
fn put<'a>(found: &mut Option<Presented<'a>>, other: Option<Presented<'a>>) -> Result<(), Refusal> {
    match (&found, other) {
        (_, None) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::SignatureMalformed("two signatures")),
        (None, other) => {
            *found = other;
            Ok(())
        }
    }
}

/// What a 401 asks for, by a call that has content or by one that has none.
pub fn challenge(demand: &SignatureDemand, has_content: bool) -> Challenge {
    let aws = demand.sigv4.iter().flat_map(|sigv4| &sigv4.algorithms);
    let schemes = aws.copied().map(sigv4::token);
    let schemes: Vec<&str> = schemes
        .chain(demand.sts.as_ref().map(|_| "Bearer"))
        .collect();
    let message = demand.rfc9421.as_ref();
    Challenge {
        // RFC 9110 §11.6.1 wants every 401 to say it, though RFC 9421 has no name for itself, and
        // no more have the ways in which webhooks are signed.
        www_authenticate: match schemes.is_empty() {
            true => "Signature".to_owned(),
            false => schemes.join(", "),
        },
        accept_signature: message.map(|demand| rfc9421::accept_signature(demand, has_content)),
    }
}

/// Judges the signature that a call presents.
///
/// Every check but the last depends only on the call and the demand, so a stranger's answers
/// are the same for credentials that exist and for those that do not.
///
/// # Errors
/// Every `Signature…` refusal, `PayloadModeRefused`, and `BodyHashMismatch` once the
/// signature itself was right.
pub fn verify(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &SignatureDemand,
    keys: &KeyRing,
) -> Result<Outcome, Refusal> {
    const NOT_TAKEN: Refusal = Refusal::Internal("a scheme that the policy does not take");
    match presented {
        Presented::SigV4(presented) => {
            let sigv4 = demand.sigv4.as_ref().ok_or(NOT_TAKEN)?;
            sigv4::verify(
                presented,
                evidence,
                sigv4,
                &keys.sigv4,
                demand.refuse_replays,
            )
        }
        Presented::Rfc9421(presented) => {
            let rfc9421 = demand.rfc9421.as_ref().ok_or(NOT_TAKEN)?;
            rfc9421::judge(
                presented,
                evidence,
                rfc9421,
                keys.store(),
                demand.refuse_replays,
            )
        }
        Presented::Hmac(presented) => {
            let hmac = demand.hmac.as_ref().ok_or(NOT_TAKEN)?;
            hmac::verify(
                presented,
                evidence,
                hmac,
                keys.store(),
                demand.refuse_replays,
            )
        }
        Presented::Sts(presented) => {
            let sts = demand.sts.as_ref().ok_or(NOT_TAKEN)?;
            sts::verify(
                presented,
                evidence,
                sts,
                keys.principals(),
                demand.refuse_replays,
            )
        }
    }
}

/// The texts from which the signature of `presented` is made, as far as the request can be
/// read, whether or not the signature is right.
///
/// # Errors
/// The request cannot be signed at all: what is refused about it.
pub fn workings(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &SignatureDemand,
) -> Result<Vec<Working>, Refusal> {
    match (presented, &demand.sigv4, &demand.hmac) {
        (Presented::SigV4(presented), Some(demand), _) => {
            sigv4::workings(presented, evidence, demand)
        }
        (Presented::Hmac(presented), _, Some(demand)) => {
            hmac::workings(presented, evidence, demand)
        }
        (Presented::Rfc9421(presented), ..) => {
            let text = rfc9421::signature_base(presented, evidence.call, evidence.secure)?;
            let kind = WorkingKind::SignatureBase;
            Ok(vec![Working { kind, text }])
        }
        // A token signs nothing of the request that carries it.
        (Presented::SigV4(_), None, _)
        | (Presented::Hmac(_), _, None)
        | (Presented::Sts(_), ..) => Ok(Vec::new()),
    }
}
