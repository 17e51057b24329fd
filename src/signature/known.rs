//! A credential by the id that a call claims. In: the credential store. Out: the credential, if
//! it is good now, or why there is none, in words for the log.

use crate::clock::UtcTime;
use crate::credential::{Credential, CredentialStore};

/// The credential called `id`, if it is good at `now`.
///
/// # Errors
/// Why its signatures are not taken, for the log.
pub(super) fn find<'s>(
    store: &'s CredentialStore,
    id: &str,
    now: UtcTime,
) -> Result<&'s Credential, &'static str> {
    match store.find(id) {
        Some(found) if found.is_live(now) => Ok(found),
        Some(_) => Err("the credential is not yet, or no longer, valid"),
        None => Err(why_unknown(id)),
    }
}

/// Why an id cannot be known here, for the log.
pub(super) fn why_unknown(id: &str) -> &'static str {
    match id.starts_with("AKIA") || id.starts_with("ASIA") {
        true => {
            "an AWS IAM access key cannot be verified here: AWS never gives out its secret; \
             make one with `countersign credentials new`, or take the caller's own identity by \
             the scheme \"sts\""
        }
        false => "the credential is unknown",
    }
}
