//! Signing keys (AWS SigV4 "Derive a signing key"): derived once a day and scope, kept while
//! the snapshot lives. In: a credential's id, a scope, a string to sign and a signature. Out:
//! whether they belong together. A credential that does not exist costs what a wrong
//! signature costs: it is checked against a decoy, through the same code.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::credential::{CredentialStore, Secret};
use crate::names::CredentialId;
use crate::refusal::Refusal;

/// Keys kept for one credential: two days around midnight, for a few scopes.
const MAX_KEPT: usize = 8;

/// What a signing key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The credentials of a snapshot with the signing keys derived from them so far.
pub struct KeyRing {
    store: Arc<CredentialStore>,
    kept: HashMap<CredentialId, Kept>,
    decoy: Secret,
    decoy_kept: Kept,
}

/// The keys of one credential, oldest first. Days and scopes are checked against the policy
/// before they come here, so a stranger cannot choose what is kept.
#[derive(Default)]
struct Kept(RwLock<Vec<SigningKey>>);

struct SigningKey {
    day: String,
    region: String,
    service: String,
    key: Key,
}

impl KeyRing {
    /// A ring with the credentials of `store` and no derived key yet.
    pub fn new(store: Arc<CredentialStore>) -> Self {
        let kept = store.iter().map(|one| (one.id.clone(), Kept::default()));
        Self {
            kept: kept.collect(),
            store,
            decoy: Secret::new("this is nobody's secret; it opens no route".to_owned()),
            decoy_kept: Kept::default(),
        }
    }

    /// Whether there is a credential with this id.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.store.find(id).is_some()
    }

    /// Whether `signature` is the one of `text` by the credential `id`.
    pub(super) fn check(
        &self,
        id: &str,
        scope: &Scope<'_>,
        text: &[u8],
        signature: &[u8; 32],
        now: UtcTime,
    ) -> Result<(), Refusal> {
        let (secret, kept, refused) = match (self.store.find(id), self.kept.get(id)) {
            (Some(found), Some(kept)) if found.is_live(now) => (&found.secret, kept, None),
            (Some(found), Some(kept)) => (
                &found.secret,
                kept,
                Some("the credential is not yet, or no longer, valid"),
            ),
            _ => (&self.decoy, &self.decoy_kept, Some(why_unknown(id))),
        };
        let right = kept.verify(secret, scope, text, signature);
        match (right, refused) {
            (true, None) => Ok(()),
            (_, Some(why)) => Err(Refusal::SignatureMismatch(why)),
            (false, None) => Err(Refusal::SignatureMismatch("the signature is wrong")),
        }
    }
}

impl KeyRing {
    /// The key with which a signature was just verified.
    pub(super) fn signing_key(&self, id: &str, scope: &Scope<'_>) -> Option<Key> {
        let (secret, kept) = (&self.store.find(id)?.secret, self.kept.get(id)?);
        let keys = kept.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().find(|key| key.is_for(scope));
        Some(found.map_or_else(|| derive(secret, scope), |found| found.key.clone()))
    }
}

/// Why an id cannot be known here, for the log.
pub(super) fn why_unknown(id: &str) -> &'static str {
    match id.starts_with("AKIA") || id.starts_with("ASIA") {
        true => {
            "an AWS IAM access key cannot be verified here: AWS never gives out its secret; \
             create one with `countersign credentials new`"
        }
        false => "the credential is unknown",
    }
}

/// `kSigning`: the secret, narrowed to a day, a region and a service.
pub(super) fn derive(secret: &Secret, scope: &Scope<'_>) -> Key {
    let start = Zeroizing::new(format!("AWS4{}", secret.expose()));
    let narrow = |key: &[u8], by: &str| sign(&Key::new(HMAC_SHA256, key), by.as_bytes());
    let day = narrow(start.as_bytes(), scope.day);
    let region = narrow(day.as_ref(), scope.region);
    let service = narrow(region.as_ref(), scope.service);
    let signing = narrow(service.as_ref(), "aws4_request");
    Key::new(HMAC_SHA256, signing.as_ref())
}

impl Kept {
    /// Compares in constant time; derives the key when it is not kept yet.
    fn verify(
        &self,
        secret: &Secret,
        scope: &Scope<'_>,
        text: &[u8],
        signature: &[u8; 32],
    ) -> bool {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = keys.iter().find(|key| key.is_for(scope)) {
            return verify(&found.key, text, signature).is_ok();
        }
        drop(keys);
        let key = derive(secret, scope);
        let right = verify(&key, text, signature).is_ok();
        self.keep(key, scope);
        right
    }

    fn keep(&self, key: Key, scope: &Scope<'_>) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.iter().any(|kept| kept.is_for(scope)) {
            return;
        }
        if keys.len() == MAX_KEPT {
            keys.remove(0);
        }
        keys.push(SigningKey {
            day: scope.day.to_owned(),
            region: scope.region.to_owned(),
            service: scope.service.to_owned(),
            key,
        });
    }
}

impl SigningKey {
    fn is_for(&self, scope: &Scope<'_>) -> bool {
        self.day == scope.day && self.region == scope.region && self.service == scope.service
    }
}
