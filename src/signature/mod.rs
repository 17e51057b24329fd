//! Request signatures, a room for each scheme. In: a `Call`, the policy's demand and the ring
//! of keys. Out: whose signature it is and what the body still owes, or a `Refusal`.
//! Knows nothing of routes, consumers or Pingora; the time is handed in.

mod body;
mod compare;
mod hmac;
mod keys;
pub mod rfc9421;
mod sigv4;
mod sts;
mod workings;

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::clock::UtcTime;
use crate::config::SignatureDemand;
use crate::names::CredentialId;
use crate::refusal::{Challenge, Refusal};

pub use body::{BodyDuty, KnownBody};
pub use compare::{Comparison, Difference, compare};
pub use hmac::{HmacSigningRequest, sign as sign_hmac};
pub use keys::KeyRing;
pub use sigv4::{
    ChunkedBody, ChunkedDuty, SignError, SigningRequest, derive_key, derive_public, presign, sign,
    strip_presigned,
};
pub use sts::{Principals, Question};
pub use workings::{Working, WorkingKind, for_log, workings};

/// What is judged, and what is known around it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The request.
    pub call: &'a Call<'a>,
    /// What is known of its body.
    pub body: KnownBody<'a>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The time of the request.
    pub now: UtcTime,
}

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

/// What verifying came to, when nothing was refused.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The signature is right.
    Verified(Verified),
    /// It covers a body that is unread, and of which the head tells no hash: read it, up to the
    /// demand's `max_buffered_body_bytes`, and ask again with [`KnownBody::Whole`].
    NeedsBody,
    /// STS must be asked whose it is; then ask again.
    NeedsAnswer(Box<sts::Question>),
}

/// Who has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Whoever holds the credential of this id.
    Credential(CredentialId),
    /// The principal of AWS IAM with this ARN.
    Principal(Arc<str>),
}

/// A signature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub signer: Signer,
    /// What the body still owes.
    pub duty: BodyDuty,
    /// What tells this signature from every other one, made from what was signed: signatures
    /// themselves can be changed and stay right (ECDSA). Only made when replays are refused.
    pub replay_key: Option<[u8; 32]>,
    /// The last second at which it would be found right.
    pub good_until: UtcTime,
}

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
    let aws = sigv4::present(call)?.map(Presented::SigV4);
    let message = match &demand.rfc9421 {
        Some(demand) => rfc9421::present(call, demand, |id| keys.holds(id))?,
        None => None,
    };
    let message = message.map(|message| Presented::Rfc9421(Box::new(message)));
    // What an HMAC looks like, only a policy says.
    let hmac = match &demand.hmac {
        Some(demand) => hmac::present(call, demand)?.map(Presented::Hmac),
        None => None,
    };
    let token = demand.sts.as_ref().and_then(|sts| sts::present(call, sts));
    let mut all = [aws, message, hmac, token.map(Presented::Sts)]
        .into_iter()
        .flatten();
    let (first, second) = (all.next(), all.next());
    match (&first, second, &demand.sigv4) {
        (_, Some(_), _) => Err(Refusal::SignatureMalformed("two signatures")),
        (Some(Presented::SigV4(_)), None, None) => {
            Err(Refusal::SignatureMalformed("the policy takes no SigV4"))
        }
        _ => Ok(first),
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
            sigv4::verify(presented, evidence, sigv4, keys, demand.refuse_replays)
        }
        Presented::Rfc9421(presented) => {
            let rfc9421 = demand.rfc9421.as_ref().ok_or(NOT_TAKEN)?;
            rfc9421::judge(presented, evidence, rfc9421, keys, demand.refuse_replays)
        }
        Presented::Hmac(presented) => {
            let hmac = demand.hmac.as_ref().ok_or(NOT_TAKEN)?;
            hmac::verify(presented, evidence, hmac, keys, demand.refuse_replays)
        }
        Presented::Sts(presented) => {
            let sts = demand.sts.as_ref().ok_or(NOT_TAKEN)?;
            sts::verify(presented, evidence, sts, keys, demand.refuse_replays)
        }
    }
}
