//! AWS Signature Version 4 and 4a, in a header or in the query (AWS IAM User Guide, "Create a
//! signed AWS API request"). In: a `Call`, the demand, the keys and the time. Out: `Outcome` or
//! `Refusal`. What a body in chunks owes is said in the outcome, and checked as it goes by.
//! Knows nothing of consumers: which of them owns the credential is asked elsewhere.

mod algorithm;
mod authorization;
mod canonical;
mod checksum;
pub(in crate::signature) mod chunked;
mod coverage;
mod encode;
mod key;
mod names;
mod pair;
mod payload;
mod presented;
mod presigned;
mod region;
mod scope;
mod scratch;
mod sign;
mod split;
mod stamp;
#[cfg(test)]
mod tests;
mod uri;
mod workings;

use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::config::{SigV4Algorithm, SigV4Demand};
use crate::digest::sha256;
use crate::refusal::Refusal;
use crate::signature::known::why_unknown;
use crate::signature::outcome::{Evidence, Outcome, Signer, Verified};

use canonical::{Canonical, write_string_to_sign};
use chunked::Chain;
use names::SECURITY_TOKEN;
use payload::Payload;
use presented::Carrier;
use scope::Scope;
use scratch::with_scratch;
use stamp::Stamp;

pub(super) use algorithm::token;
pub use chunked::{ChunkedBody, ChunkedDuty};
pub(super) use key::SigningKeys;
pub use key::derive_key;
pub use pair::derive_public;
pub use presented::Presented;
pub use presigned::strip as strip_presigned;
pub use sign::{SigningRequest, presign, sign};
pub(super) use workings::workings;

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

/// Judges the signature that a call presents.
///
/// # Errors
/// Every `Signature…` refusal, `PayloadModeRefused`, and `BodyHashMismatch` once the
/// signature itself was right.
pub fn verify(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &SigV4Demand,
    keys: &SigningKeys,
    wants_replay_key: bool,
) -> Result<Outcome, Refusal> {
    let Evidence { call, now, .. } = *evidence;
    let algorithm = presented.algorithm();
    if !demand.algorithms.contains(&algorithm) {
        let why = "the policy does not take this algorithm";
        return Err(Refusal::SignatureMalformed(why));
    }
    coverage::check(presented.signed_headers(), call)?;
    let stamp = Stamp::of(call, presented)?;
    let scope = presented.scope_demanded(&stamp, demand)?;
    region::check(call, presented, &demand.region)?;
    let expires_secs = match presented.carrier() {
        Carrier::Header => demand.max_skew_secs,
        Carrier::Query(expiry) => expiry.within(demand)?,
    };
    stamp.check(now, demand.max_skew_secs, expires_secs)?;
    refuse_session_token(presented, call, keys)?;
    let payload = Payload::of(call, presented, demand, evidence.secure)?;
    let body = evidence.body.as_head_says(call);
    let Some(line) = payload.canonical_line(body) else {
        return Ok(Outcome::NeedsBody);
    };
    let (credential, replay_key) = with_scratch(|scratch| {
        let canonical = canonical_of(presented, call, demand);
        canonical
            .write(scratch)
            .map_err(Refusal::SignatureMalformed)?;
        scratch.request.extend_from_slice(line.as_bytes());
        let hash = sha256(&scratch.request);
        write_string_to_sign(&mut scratch.request, algorithm, &stamp, &scope, &hash);
        let text = &mut scratch.request;
        let id = presented.credential_id();
        let credential = key::check(keys, id, &scope, text, presented.signature(), now)?;
        let replay_key = wants_replay_key.then(|| {
            text.extend_from_slice(id.as_bytes());
            sha256(text)
        });
        Ok((credential, replay_key))
    })?;
    let chain = || {
        Some(Chain {
            key: key::chain_key(keys, presented, &scope)?,
            scope: scope_of_chunks(&stamp, &scope),
            previous: *presented.signature(),
        })
    };
    Ok(Outcome::Verified(Verified {
        signer: Signer::Credential(credential),
        duty: payload.settle(call, body, demand.max_chunk_bytes, chain)?,
        replay_key,
        good_until: stamp.plus(expires_secs),
    }))
}

fn canonical_of<'a>(
    presented: &'a Presented<'_>,
    call: &Call<'a>,
    demand: &SigV4Demand,
) -> Canonical<'a> {
    Canonical {
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
    }
}

/// What every chunk's string to sign repeats of the request's.
fn scope_of_chunks(stamp: &Stamp, scope: &Scope<'_>) -> Vec<u8> {
    let mut text = stamp.text().as_bytes().to_vec();
    text.push(b'\n');
    scope.push(&mut text);
    text
}

/// Local credentials are long-lived and come without a session token (AWS STS gives those to
/// temporary ones). The answer is the same whether the credential exists; the log says more.
fn refuse_session_token(
    presented: &Presented<'_>,
    call: &Call<'_>,
    keys: &SigningKeys,
) -> Result<(), Refusal> {
    let in_query = matches!(presented.carrier(), Carrier::Query(_))
        && presigned::has_token(call.query().unwrap_or_default());
    if !in_query && !call.headers().contains_key(SECURITY_TOKEN) {
        return Ok(());
    }
    let id = presented.credential_id();
    Err(Refusal::SignatureMalformed(
        match keys.store.find(id).is_some() {
            true => "session token for a long-lived credential",
            false => why_unknown(id),
        },
    ))
}

/// The scope that is demanded of a request signed then.
fn scope_of<'a>(algorithm: SigV4Algorithm, stamp: &'a Stamp, demand: &'a SigV4Demand) -> Scope<'a> {
    Scope {
        day: stamp.day(),
        region: match algorithm {
            SigV4Algorithm::Hmac => Some(&demand.region),
            SigV4Algorithm::Ecdsa => None,
        },
        service: &demand.service,
    }
}

/// The scope as it stands in the credential and in the string to sign.
impl Presented<'_> {
    fn scope_demanded<'a>(
        &self,
        stamp: &'a Stamp,
        demand: &'a SigV4Demand,
    ) -> Result<Scope<'a>, Refusal> {
        let scope = scope_of(self.algorithm(), stamp, demand);
        match self.is_for(&scope) {
            true => Ok(scope),
            false => Err(Refusal::SignatureScope),
        }
    }
}
