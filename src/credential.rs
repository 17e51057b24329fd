//! The credential store: signing keys by their public id, in a TOML file of their own.
//! In: a file that only its owner can read. Out: a `CredentialStore`, or every `Problem`.
//! Secrets are zeroized when dropped and never shown, not even by `Debug`.

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::names::CredentialId;

/// A secret access key. `Debug` and logs show that there is one, not which.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over `text`.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for deriving keys and for `credentials new`, which shows it once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One signing key and the time in which it is good.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its public id, SigV4's access key id.
    pub id: CredentialId,
    /// Its secret.
    pub secret: Secret,
    /// Not good before this second.
    pub not_before: Option<UtcTime>,
    /// Not good after this second.
    pub not_after: Option<UtcTime>,
}

impl Credential {
    /// Whether the credential is good at `now`.
    pub fn is_live(&self, now: UtcTime) -> bool {
        self.not_before.is_none_or(|start| start <= now)
            && self.not_after.is_none_or(|end| now <= end)
    }
}

/// Every credential of the store.
#[derive(Debug, Default)]
pub struct CredentialStore(HashMap<CredentialId, Credential>);
