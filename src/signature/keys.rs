//! The credentials of a snapshot, as the schemes use them. In: the credential store. Out: a
//! credential that is good now, or why there is none, in words for the log.

use std::sync::Arc;

use crate::clock::UtcTime;
use crate::credential::{Credential, CredentialStore, Key};

use super::rfc9421::Found;
use super::sigv4::SigningKeys;
use super::sts::Principals;

/// The credentials of a snapshot with what has been derived from them so far.
pub struct KeyRing {
    store: Arc<CredentialStore>,
    pub(super) sigv4: SigningKeys,
    pub(super) principals: Arc<Principals>,
}

impl KeyRing {
    /// A ring with the credentials of `store` and no derived key yet, and what STS has said.
    pub fn new(store: Arc<CredentialStore>, principals: Arc<Principals>) -> Self {
        Self {
            principals,
            sigv4: SigningKeys::new(&store),
            store,
        }
    }

    /// The credentials themselves.
    pub fn store(&self) -> &Arc<CredentialStore> {
        &self.store
    }

    /// The key of RFC 9421 that `id` names.
    pub(super) fn message_key(&self, id: &str, now: UtcTime) -> Option<Found<'_>> {
        let credential = self.store.find(id)?;
        match &credential.key {
            Key::Message(key) => Some(Found {
                key,
                live: credential.is_live(now),
            }),
            Key::Aws(_) | Key::Derived(_) | Key::Hmac(_) => None,
        }
    }

    /// What STS has said, to be taken over by the next ring.
    pub fn principals(&self) -> &Arc<Principals> {
        &self.principals
    }

    /// Whether there is a credential with this id.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.store.find(id).is_some()
    }

    /// The credential called `id`, if it is good at `now`.
    ///
    /// # Errors
    /// Why its signatures are not taken, for the log.
    pub(super) fn find(&self, id: &str, now: UtcTime) -> Result<&Credential, &'static str> {
        match self.store.find(id) {
            Some(found) if found.is_live(now) => Ok(found),
            Some(_) => Err("the credential is not yet, or no longer, valid"),
            None => Err(why_unknown(id)),
        }
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
