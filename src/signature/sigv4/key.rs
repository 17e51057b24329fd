//! Keys that verify (AWS SigV4 "Derive a signing key"): SigV4's derived once a day and scope,
//! SigV4a's public key once for each credential; kept while the snapshot lives. In: a
//! credential's id, a scope, a string to sign and a signature. Out: whether they belong
//! together. A credential that does not exist costs what a wrong signature costs: it is checked
//! against a decoy, through the same code.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use aws_lc_rs::hmac::{self, HMAC_SHA256, sign, verify};
use aws_lc_rs::signature::ParsedPublicKey;
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::credential::{Credential, CredentialStore, DerivedKey, Key, Secret};
use crate::names::CredentialId;
use crate::refusal::Refusal;
use crate::signature::known;

use super::algorithm::Signature;
use super::chunked::ChainKey;
use super::pair;
use super::presented::Presented;
use super::scope::Scope;

/// Keys kept for one credential: two days around midnight, for a few scopes.
const MAX_KEPT: usize = 8;
/// Whose keys the decoy's are.
const NOBODY: &str = "NOBODY";

/// The signing keys that have been derived so far.
pub(in crate::signature) struct SigningKeys {
    pub(super) store: Arc<CredentialStore>,
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
    pub(in crate::signature) fn new(store: Arc<CredentialStore>) -> Self {
        let kept = store.iter().map(|one| (one.id.clone(), Kept::default()));
        Self {
            kept: kept.collect(),
            store,
            decoy: Secret::new("this is nobody's secret; it opens no route".to_owned()),
            decoy_kept: Kept::default(),
        }
    }
}

/// Whether `signature` is the one of `text` by the credential `id`; whose it is, if so.
pub(super) fn check(
    ring: &SigningKeys,
    id: &str,
    scope: &Scope<'_>,
    text: &[u8],
    signature: &Signature,
    now: UtcTime,
) -> Result<CredentialId, Refusal> {
    let known = known::find(&ring.store, id, now).and_then(|found| {
        let source = Source::of(found, scope, signature)?;
        let kept = ring.kept.get(id).ok_or("the credential is new")?;
        Ok((found, source, kept))
    });
    let (source, kept) = match known {
        Ok((_, source, kept)) => (source, kept),
        Err(_) => (Source::Secret(&ring.decoy, NOBODY), &ring.decoy_kept),
    };
    let right = kept.verify(source, scope, text, signature);
    match (known, right) {
        (Ok((found, ..)), true) => Ok(found.id.clone()),
        (Ok(_), false) => Err(Refusal::SignatureMismatch("the signature is wrong")),
        (Err(why), _) => Err(Refusal::SignatureMismatch(why)),
    }
}

/// What the keys of a credential are made from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The secret, and the id that goes with it into SigV4a's key.
    Secret(&'a Secret, &'a str),
    /// SigV4's key for the scope that is asked for.
    Derived(&'a DerivedKey),
    /// SigV4a's public key, an uncompressed point.
    Public(&'a [u8; 65]),
}

impl<'a> Source<'a> {
    /// What `credential` has for a signature of this kind and scope, or why it has nothing.
    fn of(
        credential: &'a Credential,
        scope: &Scope<'_>,
        signature: &Signature,
    ) -> Result<Self, &'static str> {
        let derived = match &credential.key {
            Key::Aws(secret) => return Ok(Self::Secret(secret, credential.id.as_str())),
            Key::Derived(derived) => derived,
            Key::Hmac(_) | Key::Message(_) => return Err("the credential is none for SigV4"),
        };
        let found = match signature {
            Signature::Hmac(_) => derived.find(scope.day, scope.region, scope.service),
            Signature::Ecdsa(_) => return derived.sigv4a.as_ref().map(Self::Public).ok_or(NO_KEY),
        };
        found.map(Self::Derived).ok_or(NO_KEY)
    }

    fn signing_key(self, scope: &Scope<'_>) -> Option<hmac::Key> {
        match self {
            Self::Secret(secret, _) => Some(derive(secret, scope)),
            Self::Derived(key) => Some(hmac::Key::new(HMAC_SHA256, key.expose())),
            Self::Public(_) => None,
        }
    }

    fn public_key(self) -> Option<ParsedPublicKey> {
        match self {
            Self::Secret(secret, id) => pair::public_key(secret, id),
            Self::Public(point) => pair::of_point(point),
            Self::Derived(_) => None,
        }
    }
}

const NO_KEY: &str = "the credential has no signing key for this day, region and service; \
                      derive it with `countersign credentials derive`";

/// The key with which a signature was just verified: chunks go on with it.
pub(super) fn chain_key(
    ring: &SigningKeys,
    presented: &Presented<'_>,
    scope: &Scope<'_>,
) -> Option<ChainKey> {
    let kept = ring.kept.get(presented.credential_id())?;
    match presented.signature() {
        Signature::Hmac(_) => {
            // Others may have taken its place meanwhile.
            let anew = || {
                let credential = ring.store.find(presented.credential_id())?;
                let source = Source::of(credential, scope, presented.signature());
                source.ok()?.signing_key(scope)
            };
            let key = kept.find(scope).or_else(anew);
            key.map(Box::new).map(ChainKey::Hmac)
        }
        Signature::Ecdsa(_) => kept.public.get()?.clone().map(ChainKey::Ecdsa),
    }
}

/// `kSigning`, as a key to sign and verify with.
pub(super) fn derive(secret: &Secret, scope: &Scope<'_>) -> hmac::Key {
    hmac::Key::new(HMAC_SHA256, &*derive_bytes(secret, scope))
}

/// `kSigning`: the secret, narrowed by each part of the scope.
fn derive_bytes(secret: &Secret, scope: &Scope<'_>) -> Zeroizing<[u8; 32]> {
    const PREFIX: &str = "AWS4";
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let mut start = Zeroizing::new(String::with_capacity(PREFIX.len() + secret.expose().len()));
    start.push_str(PREFIX);
    start.push_str(secret.expose());
    let mut key = hmac::Key::new(HMAC_SHA256, start.as_bytes());
    let mut bytes = Zeroizing::new([0; 32]);
    for part in scope.parts() {
        bytes.copy_from_slice(sign(&key, part.as_bytes()).as_ref());
        key = hmac::Key::new(HMAC_SHA256, &*bytes);
    }
    bytes
}

/// What a gateway needs of `secret` to verify SigV4 of one day, region and service, and nothing
/// else of it.
pub fn derive_key(secret: &Secret, day: &str, region: &str, service: &str) -> DerivedKey {
    let scope = Scope {
        day,
        region: Some(region),
        service,
    };
    DerivedKey::new(day, region, service, derive_bytes(secret, &scope))
}

impl Kept {
    /// The signature's kind says which key verifies it, and never the other way round.
    fn verify(
        &self,
        source: Source<'_>,
        scope: &Scope<'_>,
        text: &[u8],
        signature: &Signature,
    ) -> bool {
        match signature {
            Signature::Hmac(code) => self.verify_code(source, scope, text, code),
            Signature::Ecdsa(der) => {
                let public = self.public.get_or_init(|| source.public_key());
                let right = |key: &ParsedPublicKey| key.verify_sig(text, der.as_bytes()).is_ok();
                public.as_ref().is_some_and(right)
            }
        }
    }

    /// Compares in constant time; derives the key when it is not kept yet.
    fn verify_code(
        &self,
        source: Source<'_>,
        scope: &Scope<'_>,
        text: &[u8],
        code: &[u8; 32],
    ) -> bool {
        let keys = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = keys.iter().find(|key| key.is_for(scope)) {
            return verify(&found.key, text, code).is_ok();
        }
        drop(keys);
        let Some(key) = source.signing_key(scope) else {
            return false;
        };
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
