//! HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530). In: a `Call`, the
//! demand, the keys and the time. Out: a `Verified`, with what the body owes, or a `Refusal`.
//! Signs as well, as a caller would: for `countersign sign`, tests, and the gateway's own
//! signature towards an upstream.
//! Knows nothing of consumers; the message is judged as it was received.

mod base;
mod component;
mod coverage;
mod decoy;
mod demand;
pub(super) mod digest;
mod found;
mod lifetime;
mod member;
mod presented;
mod query;
mod sign;
mod structured;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{Context, SHA256};

use crate::call::{Body, Call};
use crate::clock::UtcTime;
use crate::config::Rfc9421Demand;
use crate::credential::{CredentialStore, Key};
use crate::key::UnknownAlgorithm;
use crate::refusal::Refusal;

use super::body::{BodyDuty, KnownBody};
use super::outcome::{self, Evidence, Outcome, Signer};

use base::Message;
use presented::in_a_word;

pub use demand::{accept_signature, check as check_demand, components};
pub use digest::{ContentDigest, DigestAlgorithm, DigestWatch, content_digest};
pub use found::Found;
pub use presented::{Presented, present};
pub use sign::{SigningRequest, sign};

const MAX_NONCE_BYTES: usize = 256;

/// A signature that is right. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<'p> {
    credential_id: &'p str,
    digest: Option<ContentDigest>,
    replay_key: [u8; 32],
    good_until: UtcTime,
}

impl<'p> Verified<'p> {
    /// The `keyid` whose key it was made with.
    pub fn credential_id(&self) -> &'p str {
        self.credential_id
    }

    /// The digests that the body still owes; `None` when there is no body to come.
    pub fn digest(&self) -> Option<&ContentDigest> {
        self.digest.as_ref()
    }

    /// What tells this signature from every other: the nonce under its key, or else what was
    /// signed. Not the signature's bytes: of those an ECDSA signer makes as many as it likes.
    pub fn replay_key(&self) -> &[u8; 32] {
        &self.replay_key
    }

    /// How long the replay key must be remembered: the last second at which any sibling whose
    /// clock is within the skew would take the signature.
    pub fn good_until(&self) -> UtcTime {
        self.good_until
    }
}

/// Judges the signature that `call` presents (RFC 9421 §3.2). `secure` says whether it came
/// over TLS; `keys` finds the key of a `keyid`.
///
/// Every check but the last depends only on the call and the demand, so a stranger's answers
/// are the same for keys that exist and for those that do not; of several signatures, which the
/// keys that exist choose among, every refusal is `SignatureMismatch`.
///
/// # Errors
/// `SignatureMalformed`, `PayloadModeRefused`, `SignatureNotYetValid`, `SignatureExpired` and
/// `SignatureMismatch`; and `BodyHashMismatch` once the signature itself was right.
pub fn verify<'p, 'k>(
    presented: &'p Presented<'_>,
    call: &Call<'_>,
    demand: &Rfc9421Demand,
    keys: impl Fn(&str) -> Option<Found<'k>>,
    secure: bool,
    now: UtcTime,
) -> Result<Verified<'p>, Refusal> {
    let verified = verify_one(presented, call, demand, keys, secure, now);
    verified.map_err(|refusal| in_a_word(refusal, presented.chosen))
}

fn verify_one<'p, 'k>(
    presented: &'p Presented<'_>,
    call: &Call<'_>,
    demand: &Rfc9421Demand,
    keys: impl Fn(&str) -> Option<Found<'k>>,
    secure: bool,
    now: UtcTime,
) -> Result<Verified<'p>, Refusal> {
    let malformed = Refusal::SignatureMalformed;
    let member = &presented.member;
    member.fault.map_or(Ok(()), |fault| Err(malformed(fault)))?;
    check_tag_and_nonce(presented, demand).map_err(malformed)?;
    let alg = match member.alg.as_deref().map(str::parse) {
        Some(alg) => Some(alg.map_err(|UnknownAlgorithm| malformed("alg is unknown"))?),
        None => None,
    };
    let good_until = lifetime::check(member, demand, now)?;
    let has_content = call.body() != Body::Empty;
    coverage::check(member, demand, has_content)?;
    let digest = match coverage::owes_digest(member) {
        true => Some(ContentDigest::of(call.headers()).map_err(malformed)?),
        false => None,
    };
    let mut base = String::with_capacity(1024);
    base::write(&mut base, &Message::of(call, secure), member).map_err(malformed)?;
    let credential_id = presented.credential_id();
    found::check(keys(credential_id), alg, base.as_bytes(), presented)?;
    Ok(Verified {
        credential_id,
        digest: match (digest, has_content) {
            (Some(digest), false) => {
                digest.check(b"")?;
                None
            }
            (digest, _) => digest,
        },
        replay_key: replay_key(credential_id, member.nonce.as_deref(), &base),
        good_until,
    })
}

/// Judges the signature that a call presents, as every scheme's is judged.
///
/// # Errors
/// As [`verify`].
pub(super) fn judge(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &Rfc9421Demand,
    store: &CredentialStore,
    wants_replay_key: bool,
) -> Result<Outcome, Refusal> {
    let Evidence { call, now, .. } = *evidence;
    let found = |id: &str| {
        let credential = store.find(id)?;
        let Key::Message(key) = &credential.key else {
            return None;
        };
        let live = credential.is_live(now);
        Some(Found { key, live })
    };
    let verified = verify(presented, call, demand, found, evidence.secure, now)?;
    let duty = match (verified.digest, evidence.body) {
        (None, _) => BodyDuty::None,
        (Some(digest), KnownBody::Whole(body)) => {
            digest.check(body)?;
            BodyDuty::None
        }
        (Some(digest), KnownBody::Empty | KnownBody::Unread) => BodyDuty::Digest(digest),
    };
    let id = store.find(verified.credential_id);
    let id = id
        .ok_or(Refusal::Internal("a verified key is gone"))?
        .id
        .clone();
    Ok(Outcome::Verified(outcome::Verified {
        signer: Signer::Credential(id),
        duty,
        replay_key: wants_replay_key.then_some(verified.replay_key),
        good_until: verified.good_until,
    }))
}

/// The signature base as the gateway sees it (RFC 9421 §2.5): for a caller whose signature is
/// refused to compare with.
///
/// # Errors
/// `SignatureMalformed` when there is none: a covered component is absent or impossible.
pub fn signature_base(
    presented: &Presented<'_>,
    call: &Call<'_>,
    secure: bool,
) -> Result<String, Refusal> {
    let mut base = String::new();
    base::write(&mut base, &Message::of(call, secure), &presented.member)
        .map_err(Refusal::SignatureMalformed)?;
    Ok(base)
}

fn check_tag_and_nonce(
    presented: &Presented<'_>,
    demand: &Rfc9421Demand,
) -> Result<(), &'static str> {
    let member = &presented.member;
    if demand.tag.is_some() && demand.tag.as_deref() != member.tag.as_deref() {
        return Err("the tag is not the one that is demanded");
    }
    match member.nonce.as_deref() {
        None if demand.nonce_required => Err("nonce is missing"),
        Some("") => Err("nonce is empty"),
        Some(nonce) if nonce.len() > MAX_NONCE_BYTES => Err("nonce is longer than 256 bytes"),
        _ => Ok(()),
    }
}

/// Each part goes in with its length, so that no two pairs read alike.
fn replay_key(keyid: &str, nonce: Option<&str>, base: &str) -> [u8; 32] {
    let (kind, rest) = match nonce {
        Some(nonce) => ("nonce", nonce),
        None => ("base", base),
    };
    let mut hash = Context::new(&SHA256);
    for part in [kind, keyid, rest] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(hash.finish().as_ref());
    key
}
