//! AWS Signature Version 4 in its header form (AWS IAM User Guide, "Create a signed AWS API
//! request"). In: a `Call`, the demand, the keys and the time. Out: `Outcome` or `Refusal`.
//! The query form and the chunked payload modes are refused, not ignored.
//! Knows nothing of consumers: which of them owns the credential is asked elsewhere.

mod authorization;
mod canonical;
mod coverage;
mod encode;
mod key;
mod payload;
mod scratch;
mod sign;
mod stamp;
#[cfg(test)]
mod tests;
mod uri;

use http::HeaderName;

use crate::call::Call;
use crate::clock::UtcTime;
use crate::config::SignatureDemand;
use crate::digest::sha256;
use crate::refusal::Refusal;

use canonical::{Canonical, write_string_to_sign};
use key::Scope;
use payload::Payload;
use scratch::with_scratch;
use stamp::Stamp;

// Made once: a name that is looked up as text is parsed and folded each time.
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

pub use authorization::{Presented, present};
pub use key::KeyRing;
pub use payload::{BodyDuty, KnownBody};
pub use sign::{SignError, SigningRequest, sign};

/// What verifying came to, when nothing was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The signature is right; the body may still owe a proof.
    Verified(BodyDuty),
    /// The call names no hash for a body that is unread: read it, up to the demand's
    /// `max_buffered_body_bytes`, and ask again with [`KnownBody::Hash`].
    NeedsBody,
}

/// Judges the signature that `call` presents. `secure` says whether it came over TLS.
///
/// Every check but the last depends only on the call and the demand, so a stranger's answers
/// are the same for credentials that exist and for those that do not.
///
/// # Errors
/// Every `Signature…` refusal, `PayloadModeRefused`, and `BodyHashMismatch` once the
/// signature itself was right.
pub fn verify(
    presented: &Presented<'_>,
    call: &Call<'_>,
    demand: &SignatureDemand,
    keys: &KeyRing,
    secure: bool,
    now: UtcTime,
    body: KnownBody,
) -> Result<Outcome, Refusal> {
    coverage::check(presented.signed_headers(), call)?;
    let stamp = Stamp::of(call, presented.signed_headers())?;
    let scope = presented.scope_demanded(&stamp, demand)?;
    stamp.check_skew(now, demand.max_skew_secs)?;
    refuse_session_token(presented, call, keys)?;
    let payload = Payload::of(call, demand, secure)?;
    let body = body.as_head_says(call);

    let canonical = Canonical {
        method: call.method().as_str(),
        path: call.path(),
        query: call.query(),
        authority: call.authority(),
        headers: call.headers(),
        signed_headers: presented.signed_headers(),
        profile: demand.profile,
    };
    let known = with_scratch(|scratch| -> Result<bool, Refusal> {
        canonical
            .write(scratch)
            .map_err(Refusal::SignatureMalformed)?;
        let Some(line) = payload.canonical_line(body) else {
            return Ok(false);
        };
        scratch.request.extend_from_slice(line.as_bytes());
        let hash = sha256(&scratch.request);
        write_string_to_sign(&mut scratch.request, &stamp, &scope, &hash);
        keys.check(
            presented.credential_id(),
            &scope,
            &scratch.request,
            presented.signature(),
            now,
        )?;
        Ok(true)
    })?;
    match known {
        true => payload.settle(body).map(Outcome::Verified),
        false => Ok(Outcome::NeedsBody),
    }
}

/// Local credentials are long-lived and come without a session token (AWS STS gives those to
/// temporary ones). The answer is the same whether the credential exists; the log says more.
fn refuse_session_token(
    presented: &Presented<'_>,
    call: &Call<'_>,
    keys: &KeyRing,
) -> Result<(), Refusal> {
    if !call.headers().contains_key(SECURITY_TOKEN) {
        return Ok(());
    }
    let id = presented.credential_id();
    Err(Refusal::SignatureMalformed(match keys.holds(id) {
        true => "session token for a long-lived credential",
        false => key::why_unknown(id),
    }))
}

/// The scope as it stands in the credential and in the string to sign.
impl<'a> Presented<'a> {
    fn scope_demanded(
        &self,
        stamp: &'a Stamp,
        demand: &'a SignatureDemand,
    ) -> Result<Scope<'a>, Refusal> {
        let scope = Scope {
            day: stamp.day(),
            region: &demand.region,
            service: &demand.service,
        };
        match self.scope() == scope {
            true => Ok(scope),
            false => Err(Refusal::SignatureScope),
        }
    }
}
