//! Keys that verify (AWS SigV4 "Derive a signing key"): SigV4's derived once a day and scope,
//! SigV4a's public key once for each credential; kept while the snapshot lives. In: a
//! credential's id, a scope, a string to sign and a signature. Out: whether they belong
//! together. A credential that does not exist costs what a wrong signature costs: it is checked
//! against a decoy, through the same code.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use aws_lc_rs::hmac::{self, HMAC_SHA256, sign, verify};
use aws_lc_rs::signature::ParsedPublicKey;
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::credential::{CredentialStore, Key, Secret};
use crate::names::CredentialId;
use crate::refusal::Refusal;
use crate::signature::keys::KeyRing;

use super::algorithm::Signature;
use super::chunked::ChainKey;
use super::pair;
use super::presented::Presented;

/// Keys kept for one credential: two days around midnight, for a few scopes.
const MAX_KEPT: usize = 8;
/// Whose keys the decoy's are.
const NOBODY: &str = "NOBODY";

/// What a signature is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    pub(super) day: &'a str,
    /// `None` in SigV4a.
    pub(super) region: Option<&'a str>,
    pub(super) service: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn parts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let rest = [self.service, "aws4_request"];
        [self.day].into_iter().chain(self.region).chain(rest)
    }

    /// `day/region/service/aws4_request`.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        for (place, part) in self.parts().enumerate() {
            if place > 0 {
                out.push(b'/');
            }
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// The signing keys that have been derived so far.
pub(in crate::signature) struct SigningKeys {
    kept: HashMap<CredentialId, Kept>,
    decoy: Secret,
    decoy_kept: Kept,
}

/// The keys of one credential.
#[derive(Default)]
struct Kept {
    /// SigV4's, oldest first. Days and scopes are checked against the policy before they come
    /// here, so a stranger cannot choose what is kept.
    derived: RwLock<Vec<SigningKey>>,
    /// SigV4a's.
    public: OnceLock<Option<ParsedPublicKey>>,
}

struct SigningKey {
    day: String,
    region: Option<String>,
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
    signature: &Signature,
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
    let (source, kept) = match known {
        Ok((_, secret, kept)) => ((secret, id), kept),
        Err(_) => ((&ring.decoy, NOBODY), &ring.decoy_kept),
    };
    let right = kept.verify(source, scope, text, signature);
    match (known, right) {
        (Ok((found, ..)), true) => Ok(found.id.clone()),
        (Ok(_), false) => Err(Refusal::SignatureMismatch("the signature is wrong")),
        (Err(why), _) => Err(Refusal::SignatureMismatch(why)),
    }
}

/// The key with which a signature was just verified: chunks go on with it.
pub(super) fn chain_key(
    keys: &KeyRing,
    presented: &Presented<'_>,
    scope: &Scope<'_>,
) -> Option<ChainKey> {
    let kept = keys.sigv4.kept.get(presented.credential_id())?;
    match presented.signature() {
        Signature::Hmac(_) => kept.find(scope).map(Box::new).map(ChainKey::Hmac),
        Signature::Ecdsa(_) => kept.public.get()?.clone().map(ChainKey::Ecdsa),
    }
}

/// `kSigning`: the secret, narrowed by each part of the scope.
pub(super) fn derive(secret: &Secret, scope: &Scope<'_>) -> hmac::Key {
    const PREFIX: &str = "AWS4";
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let mut start = Zeroizing::new(String::with_capacity(PREFIX.len() + secret.expose().len()));
    start.push_str(PREFIX);
    start.push_str(secret.expose());
    let start = hmac::Key::new(HMAC_SHA256, start.as_bytes());
    scope.parts().fold(start, |key, part| {
        hmac::Key::new(HMAC_SHA256, sign(&key, part.as_bytes()).as_ref())
    })
}

impl Kept {
    /// The signature's kind says which key verifies it, and never the other way round.
    fn verify(
        &self,
        (secret, id): (&Secret, &str),
        scope: &Scope<'_>,
        text: &[u8],
        signature: &Signature,
    ) -> bool {
        match signature {
            Signature::Hmac(code) => self.verify_code(secret, scope, text, code),
            Signature::Ecdsa(der) => {
                let public = self.public.get_or_init(|| pair::public_key(secret, id));
                let right = |key: &ParsedPublicKey| key.verify_sig(text, der.as_bytes()).is_ok();
                public.as_ref().is_some_and(right)
            }
        }
    }

    /// Compares in constant time; derives the key when it is not kept yet.
    fn verify_code(
        &self,
        secret: &Secret,
        scope: &Scope<'_>,
        text: &[u8],
        code: &[u8; 32],
    ) -> bool {
        let keys = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = keys.iter().find(|key| key.is_for(scope)) {
            return verify(&found.key, text, code).is_ok();
        }
        drop(keys);
        let key = derive(secret, scope);
        let right = verify(&key, text, code).is_ok();
        self.keep(key, scope);
        right
    }

    fn find(&self, scope: &Scope<'_>) -> Option<hmac::Key> {
        let keys = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().find(|key| key.is_for(scope))?;
        Some(found.key.clone())
    }

    fn keep(&self, key: hmac::Key, scope: &Scope<'_>) {
        let mut keys = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        if keys.iter().any(|kept| kept.is_for(scope)) {
            return;
        }
        if keys.len() == MAX_KEPT {
            keys.remove(0);
        }
        keys.push(SigningKey {
            day: scope.day.to_owned(),
            region: scope.region.map(str::to_owned),
            service: scope.service.to_owned(),
            key,
        });
    }
}

impl SigningKey {
    fn is_for(&self, scope: &Scope<'_>) -> bool {
        self.day == scope.day
            && self.region.as_deref() == scope.region
            && self.service == scope.service
    }
}
