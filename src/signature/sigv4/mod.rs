//! AWS Signature Version 4, in a header or in the query (AWS IAM User Guide, "Create a signed
//! AWS API request"). In: a `Call`, the demand, the keys and the time. Out: `Outcome` or
//! `Refusal`. What a body in chunks owes is said in the outcome, and checked as it goes by.
//! Knows nothing of consumers: which of them owns the credential is asked elsewhere.

mod authorization;
mod canonical;
mod checksum;
mod chunked;
mod coverage;
mod encode;
mod key;
mod payload;
mod presented;
mod presigned;
mod scratch;
mod sign;
mod stamp;
#[cfg(test)]
mod tests;
mod uri;

use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::clock::UtcTime;
use crate::config::SignatureDemand;
use crate::digest::sha256;
use crate::refusal::Refusal;

use canonical::{Canonical, write_string_to_sign};
use chunked::Chain;
use key::Scope;
use payload::Payload;
use presented::Carrier;
use scratch::with_scratch;
use stamp::Stamp;

// Made once: a name that is looked up as text is parsed and folded each time.
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

pub use chunked::{ChunkedBody, ChunkedDuty};
pub use key::KeyRing;
pub use payload::{BodyDuty, KnownBody};
pub use presented::Presented;
pub use presigned::strip as strip_presigned;
pub use sign::{SignError, SigningRequest, sign};

/// What verifying came to, when nothing was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The signature is right; the body may still owe a proof.
    Verified(BodyDuty),
    /// The call names no hash for a body that is unread: read it, up to the demand's
    /// `max_buffered_body_bytes`, and ask again with [`KnownBody::Hash`].
    NeedsBody,
}

/// Finds the one signature that `call` presents; `None` when there is none of AWS's family.
///
/// # Errors
/// `SignatureMalformed` for two carriers, a carrier twice, or one that cannot be read.
pub fn present<'a>(call: &Call<'a>) -> Result<Option<Presented<'a>>, Refusal> {
    let mut fields = call.headers().get_all(AUTHORIZATION).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(Refusal::SignatureMalformed("Authorization was sent twice"));
    }
    let query = call.query().unwrap_or_default();
    let presented = match (field, presigned::is_in(query)) {
        (Some(_), true) => Err("both Authorization and the presigned query form"),
        (None, true) => presigned::parse(query),
        (Some(field), false) if authorization::is_of_family(field.as_bytes()) => {
            let text = field.to_str().ok().ok_or("Authorization is not text");
            text.and_then(authorization::parse)
        }
        (_, false) => return Ok(None),
    };
    presented.map(Some).map_err(Refusal::SignatureMalformed)
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
    let stamp = Stamp::of(call, presented)?;
    let scope = presented.scope_demanded(&stamp, demand)?;
    let expires_secs = match presented.carrier() {
        Carrier::Header => demand.max_skew_secs,
        Carrier::Query(expiry) => expiry.within(demand)?,
    };
    stamp.check(now, demand.max_skew_secs, expires_secs)?;
    refuse_session_token(presented, call, keys)?;
    let payload = Payload::of(call, presented.carrier(), demand, secure)?;
    let body = body.as_head_says(call);

    let canonical = Canonical {
        method: call.method().as_str(),
        path: call.path(),
        query: call.query(),
        authority: call.authority(),
        headers: call.headers(),
        signed_headers: presented.signed_headers(),
        left_out: match presented.carrier() {
            Carrier::Header => None,
            Carrier::Query(_) => Some(presigned::SIGNATURE),
        },
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
        true => {
            let chain = || {
                Some(Chain {
                    key: keys.signing_key(presented.credential_id(), &scope)?,
                    scope: scope_of_chunks(&stamp, &scope),
                    previous: *presented.signature(),
                })
            };
            let max_chunk_bytes = demand.max_buffered_body_bytes;
            payload
                .settle(call, body, max_chunk_bytes, chain)
                .map(Outcome::Verified)
        }
        false => Ok(Outcome::NeedsBody),
    }
}

/// What every chunk's string to sign repeats of the request's.
fn scope_of_chunks(stamp: &Stamp, scope: &Scope<'_>) -> String {
    let Scope {
        day,
        region,
        service,
    } = scope;
    format!("{}\n{day}/{region}/{service}/aws4_request", stamp.text())
}

/// Local credentials are long-lived and come without a session token (AWS STS gives those to
/// temporary ones). The answer is the same whether the credential exists; the log says more.
fn refuse_session_token(
    presented: &Presented<'_>,
    call: &Call<'_>,
    keys: &KeyRing,
) -> Result<(), Refusal> {
    let in_query = matches!(presented.carrier(), Carrier::Query(_))
        && presigned::has_token(call.query().unwrap_or_default());
    if !in_query && !call.headers().contains_key(SECURITY_TOKEN) {
        return Ok(());
    }
    let id = presented.credential_id();
    Err(Refusal::SignatureMalformed(match keys.holds(id) {
        true => "session token for a long-lived credential",
        false => key::why_unknown(id),
    }))
}

/// The scope as it stands in the credential and in the string to sign.
impl Presented<'_> {
    fn scope_demanded<'a>(
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
