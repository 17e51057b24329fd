//! The credential store: signing keys by their public id, in a TOML file of their own.
//! In: a file that only its owner can read. Out: a `CredentialStore`, or every `Problem`.
//! Secrets are zeroized when dropped and never shown, not even by `Debug`.

mod derived;
mod edit;
mod message;
mod read;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::document::Document;
use crate::key::VerifyingKey;
use crate::names::{ConsumerName, CredentialId, PolicyName};
use crate::private_file;
use crate::problem::{Problems, suggestion};

pub use derived::{DerivedKey, DerivedKeys};
pub use edit::{EditError, append, retire};

/// A secret that is shared with a caller. `Debug` and logs show that there is one, not which.
#[derive(Clone, PartialEq, Eq)]
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

/// What verifies the signatures of a credential. One key is for one way of signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A secret access key, from which SigV4's signing keys are derived.
    Aws(Secret),
    /// What was derived from such a secret elsewhere.
    Derived(DerivedKeys),
    /// A secret whose bytes are the key of an HMAC (RFC 2104) that the policy describes.
    Hmac(Secret),
    /// A key of RFC 9421, bound to its one algorithm.
    Message(VerifyingKey),
}

impl Key {
    /// The word for the way of signing, as `scheme` in the store has it.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Aws(_) | Self::Derived(_) => "sigv4",
            Self::Hmac(_) => "hmac",
            Self::Message(_) => "rfc9421",
        }
    }
}

/// One signing key and the time in which it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its public id, SigV4's access key id.
    pub id: CredentialId,
    /// What verifies its signatures.
    pub key: Key,
    /// Not good before this second.
    pub not_before: Option<UtcTime>,
    /// Not good after this second.
    pub not_after: Option<UtcTime>,
}

impl Credential {
    /// A credential for SigV4, good at any time.
    pub fn aws(id: &str, secret: Secret) -> Self {
        Self {
            id: CredentialId::new(id),
            key: Key::Aws(secret),
            not_before: None,
            not_after: None,
        }
    }

    /// A credential for HMAC signatures, good at any time.
    pub fn hmac(id: &str, secret: Secret) -> Self {
        Self {
            id: CredentialId::new(id),
            key: Key::Hmac(secret),
            not_before: None,
            not_after: None,
        }
    }

    /// The secret access key, when it is one of SigV4's.
    pub fn secret_access_key(&self) -> Option<&Secret> {
        match &self.key {
            Key::Aws(secret) => Some(secret),
            Key::Derived(_) | Key::Hmac(_) | Key::Message(_) => None,
        }
    }

    /// Whether the credential is good at `now`.
    pub fn is_live(&self, now: UtcTime) -> bool {
        self.not_before.is_none_or(|start| start <= now)
            && self.not_after.is_none_or(|end| now <= end)
    }
}

/// Every credential of the store.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CredentialStore(HashMap<CredentialId, Credential>);

/// Credentials of one consumer and one scheme that may be live at once: the old one and its
/// successor.
pub const MAX_LIVE: usize = 2;

impl CredentialStore {
    /// Reads the store that stands in `file`.
    ///
    /// # Errors
    /// That others than the owner can reach it, or every mistake in it. Says nothing of secrets.
    pub fn load(file: &Path) -> Result<Self, Problems> {
        Self::parse(file, &private_file::read(file)?)
    }

    /// Reads the store that `text` is; `file` is what problems call it.
    ///
    /// # Errors
    /// Every mistake in it. Says nothing of secrets.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        let document = Document::new(file, text);
        let mut root = document.root()?;
        let mut found: HashMap<CredentialId, Credential> = HashMap::new();
        for table in root.tables("credential") {
            let line = table.line();
            let Some(credential) = read::credential(table) else {
                continue;
            };
            match found.entry(credential.id.clone()) {
                Entry::Occupied(entry) => {
                    let text = format!("credential \"{}\" is there twice", entry.key());
                    document.note(line, text);
                }
                Entry::Vacant(entry) => {
                    entry.insert(credential);
                }
            }
        }
        root.finish();
        document.or_ok(Self(found))
    }

    /// Everything of this store and of `others`.
    ///
    /// # Errors
    /// The ids that are in two of them.
    pub fn merged<'a>(
        &self,
        others: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Self, Vec<CredentialId>> {
        let mut all = self.0.clone();
        let mut twice = Vec::new();
        for credential in others.into_iter().flat_map(|other| other.0.values()) {
            match all.entry(credential.id.clone()) {
                Entry::Occupied(taken) => twice.push(taken.key().clone()),
                Entry::Vacant(free) => {
                    free.insert(credential.clone());
                }
            }
        }
        match twice.is_empty() {
            true => Ok(Self(all)),
            false => Err(twice),
        }
    }

    /// The store that holds `credentials`; of those with the same id, the last.
    pub fn from_credentials(credentials: impl IntoIterator<Item = Credential>) -> Self {
        let by_id = |credential: Credential| (credential.id.clone(), credential);
        Self(credentials.into_iter().map(by_id).collect())
    }

    /// The credential called `id`, live or not.
    pub fn find(&self, id: &str) -> Option<&Credential> {
        self.0.get(id)
    }

    /// Every credential, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.0.values()
    }

    /// What was perhaps meant by an id that is not here, to be put behind a problem.
    fn nearest(&self, id: &CredentialId) -> String {
        suggestion(id.as_str(), self.0.keys().map(CredentialId::as_str))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks what `store` has for the consumer called `name`.
///
/// # Errors
/// A text for each of `ids` that the store lacks, and one for each scheme of which too many are
/// live at `now`.
pub fn check_consumer(
    name: &ConsumerName,
    ids: &[CredentialId],
    store: &CredentialStore,
    now: UtcTime,
) -> Result<(), Vec<String>> {
    let mut texts = Vec::new();
    let mut live: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in ids {
        match store.find(id.as_str()) {
            Some(credential) if credential.is_live(now) => {
                let of_scheme = live.entry(credential.key.scheme()).or_default();
                of_scheme.push(id.as_str());
            }
            Some(_) => {}
            None => texts.push(format!(
                "consumer \"{name}\" names credential \"{id}\", which is not in the credential store{}",
                store.nearest(id)
            )),
        }
    }
    for (scheme, live) in live.into_iter().filter(|(_, live)| live.len() > MAX_LIVE) {
        texts.push(format!(
            "consumer \"{name}\" has {} live credentials for {scheme} ({}), but at most {MAX_LIVE} may be live at once; retire one",
            live.len(),
            live.join(", ")
        ));
    }
    match texts.is_empty() {
        true => Ok(()),
        false => Err(texts),
    }
}

/// Checks what `store` has for the policy called `name`, which takes HMAC signatures by `ids`.
///
/// # Errors
/// A text for each of `ids` that the store lacks, or that is for another scheme.
pub fn check_hmac(
    name: &PolicyName,
    ids: &[CredentialId],
    store: &CredentialStore,
) -> Result<(), Vec<String>> {
    let wrong = |id: &CredentialId| match store.find(id.as_str()).map(|found| &found.key) {
        Some(Key::Hmac(_)) => None,
        Some(key) => Some(format!(
            "policy \"{name}\" names credential \"{id}\", which is for {} and not for hmac; make another with `countersign credentials new --scheme hmac`, since a secret serves one scheme only",
            key.scheme()
        )),
        None => Some(format!(
            "policy \"{name}\" names credential \"{id}\", which is not in the credential store{}",
            store.nearest(id)
        )),
    };
    let texts: Vec<String> = ids.iter().filter_map(wrong).collect();
    match texts.is_empty() {
        true => Ok(()),
        false => Err(texts),
    }
}
