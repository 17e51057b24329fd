//! Signing keys (AWS SigV4 "Derive a signing key"): derived once a day and scope, kept while
//! the snapshot lives. In: a credential's id, a scope, a string to sign and a signature. Out:
//! whether they belong together. A credential that does not exist costs what a wrong
//! signature costs: it is checked against a decoy, through the same code.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::hmac::{self, HMAC_SHA256, sign, verify};
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::credential::{CredentialStore, Key, Secret};
use crate::names::CredentialId;
use crate::refusal::Refusal;
use crate::signature::keys::KeyRing;

/// Keys kept for one credential: two days around midnight, for a few scopes.
const MAX_KEPT: usize = 8;

/// What a signing key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The signing keys that have been derived so far.
pub(in crate::signature) struct SigningKeys {
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
    key: hmac::Key,
}

impl SigningKeys {
    /// Room for the keys of every credential of `store`, and none derived yet.
    pub(in crate::signature) fn new(store: &CredentialStore) -> Self {
        let kept = store.iter().map(|one| (one.id.clone(), Kept::default()));
        Self {
            kept: kept.collect(),
            decoy: Secret::new("this is nobody's secret; it opens no route".to_owned()),
            decoy_kept: Kept::default(),
        }
    }
}

/// Whether `signature` is the one of `text` by the credential `id`; whose it is, if so.
pub(super) fn check(
    keys: &KeyRing,
    id: &str,
    scope: &Scope<'_>,
    text: &[u8],
    signature: &[u8; 32],
    now: UtcTime,
) -> Result<CredentialId, Refusal> {
    let ring = &keys.sigv4;
    let known = match keys.find(id, now) {
        Ok(found) => match (&found.key, ring.kept.get(id)) {
            (Key::Aws(secret), Some(kept)) => Ok((found, secret, kept)),
            _ => Err("the credential is none for SigV4"),
        },
        Err(why) => Err(why),
    };
    let (secret, kept) = match known {
        Ok((_, secret, kept)) => (secret, kept),
        Err(_) => (&ring.decoy, &ring.decoy_kept),
    };
    let right = kept.verify(secret, scope, text, signature);
    match (known, right) {
        (Ok((found, ..)), true) => Ok(found.id.clone()),
        (Ok(_), false) => Err(Refusal::SignatureMismatch("the signature is wrong")),
        (Err(why), _) => Err(Refusal::SignatureMismatch(why)),
    }
}

/// The key with which a signature was just verified.
pub(super) fn signing_key(keys: &KeyRing, id: &str, scope: &Scope<'_>) -> Option<hmac::Key> {
    keys.sigv4.kept.get(id)?.find(scope)
}

/// `kSigning`: the secret, narrowed to a day, a region and a service.
pub(super) fn derive(secret: &Secret, scope: &Scope<'_>) -> hmac::Key {
    let start = Zeroizing::new(format!("AWS4{}", secret.expose()));
    let narrow = |key: &[u8], by: &str| sign(&hmac::Key::new(HMAC_SHA256, key), by.as_bytes());
    let day = narrow(start.as_bytes(), scope.day);
    let region = narrow(day.as_ref(), scope.region);
    let service = narrow(region.as_ref(), scope.service);
    let signing = narrow(service.as_ref(), "aws4_request");
    hmac::Key::new(HMAC_SHA256, signing.as_ref())
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

    fn find(&self, scope: &Scope<'_>) -> Option<hmac::Key> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().find(|key| key.is_for(scope))?;
        Some(found.key.clone())
    }

    fn keep(&self, key: hmac::Key, scope: &Scope<'_>) {
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
