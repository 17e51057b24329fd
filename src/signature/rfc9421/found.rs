//! Whether a signature is one of the key that its `keyid` names. In: what a lookup found, the
//! base, and the signature. Out: nothing, or `SignatureMismatch`. A key that is unknown costs
//! what a wrong signature costs, and is refused in the same word.

use crate::key::{Algorithm, VerifyingKey};
use crate::refusal::Refusal;

use super::decoy;
use super::presented::Presented;

/// What a lookup by `keyid` finds.
#[derive(Clone, Copy, Debug)]
pub struct Found<'k> {
    /// The key.
    pub key: &'k VerifyingKey,
    /// Whether the credential is within its time.
    pub live: bool,
}

/// Whether the presented signature is one of `base` by the key that was found. Whatever is
/// missing, something is verified: what the signature's form lets a stranger ask for.
pub(super) fn check(
    found: Option<Found<'_>>,
    alg: Option<Algorithm>,
    base: &[u8],
    presented: &Presented<'_>,
) -> Result<(), Refusal> {
    let signature = &presented.signature;
    let why = match found {
        None => Some("the credential is unknown"),
        Some(found) if !found.live => Some("the credential is not yet, or no longer, valid"),
        Some(found) if alg.is_some_and(|alg| alg != found.key.algorithm()) => {
            Some("alg is not the algorithm of the key")
        }
        Some(found) if !found.key.fits(signature) => {
            Some("the signature does not have the length of its algorithm")
        }
        Some(_) if presented.ambiguous => Some("several signatures could be meant; demand a tag"),
        Some(_) => None,
    };
    let found = found.filter(|_| why.is_none());
    let right = found.is_some_and(|found| found.key.verify(base, signature));
    if !right {
        let done = found.map(|found| found.key.algorithm());
        decoy::verify(alg, done, base, signature);
    }
    match (right, why) {
        (true, None) => Ok(()),
        (_, Some(why)) => Err(Refusal::SignatureMismatch(why)),
        (false, None) => Err(Refusal::SignatureMismatch("the signature is wrong")),
    }
}
