//! Identities of AWS IAM, delegated: the caller sends a presigned `GetCallerIdentity`, and AWS
//! itself says whose it is (the way of aws-iam-authenticator). In: a call. Out: an ARN's owner,
//! what to ask STS, or a `Refusal`. Such a token proves who calls and covers nothing of the
//! request, so it is taken over TLS only.

mod principals;
pub(super) mod question;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod token;

use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::config::StsDemand;
use crate::digest::sha256;
use crate::refusal::Refusal;

use super::body::BodyDuty;
use super::outcome::{Evidence, Outcome, Signer, Verified};

pub use principals::Principals;
pub use question::Question;
use token::Presigned;

/// A token as a call presents it.
#[derive(Clone)]
pub struct Presented<'a>(&'a str);

/// Finds a token of the kind that `demand` describes.
pub(super) fn present<'a>(call: &Call<'a>, demand: &StsDemand) -> Option<Presented<'a>> {
    let token = call.header(&AUTHORIZATION)?.split_once(' ');
    let (_, token) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    token.strip_prefix(&demand.prefix).map(Presented)
}

/// Judges a token by what STS said of it.
///
/// # Errors
/// `SignatureMalformed` for what is no presigned request to STS, `SignatureExpired` and
/// `SignatureNotYetValid`, and `SignatureMismatch` when STS does not know it.
pub(super) fn verify(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &StsDemand,
    principals: &Principals,
    wants_replay_key: bool,
) -> Result<Outcome, Refusal> {
    if !evidence.secure {
        return Err(Refusal::SignatureMalformed("a token came without TLS"));
    }
    let presigned = Presigned::read(presented.0, demand).map_err(Refusal::SignatureMalformed)?;
    presigned.check(evidence.now)?;
    let key = key_of(presented.0.as_bytes(), demand);
    let good_until = presigned.good_until;
    let replay_key = wants_replay_key.then(|| key_of(&presigned.proof, demand));
    match principals.find(&key, evidence.now) {
        None => Ok(Outcome::NeedsAnswer(Box::new(Question {
            key,
            presigned,
            header: (demand.header.clone(), demand.audience.clone()),
            endpoint: demand.endpoint.clone(),
            timeout: demand.timeout,
        }))),
        Some(None) => Err(Refusal::SignatureMismatch("STS does not take the token")),
        Some(Some(arn)) => Ok(Outcome::Verified(Verified {
            signer: Signer::Principal(arn),
            duty: BodyDuty::None,
            replay_key,
            good_until,
        })),
    }
}

/// The same token may be asked about for two audiences, and is then two.
fn key_of(token: &[u8], demand: &StsDemand) -> [u8; 32] {
    let endpoint = demand.endpoint.as_deref().unwrap_or_default();
    let around = [&demand.header, &demand.audience, endpoint].map(str::as_bytes);
    let [header, audience, endpoint] = around;
    sha256(&[header, audience, endpoint, token].join(&b"\n"[..]))
}
