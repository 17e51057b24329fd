//! A signed request to judge, whole or changed: what must verify, and what must not.

mod canonical;
mod mutated;
mod policy;
mod refused;
mod vectors;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::key::{Algorithm, SigningKey, VerifyingKey, rfc_keys};
use crate::refusal::Refusal;
use crate::signature::SignError;

use super::*;

const NOW: i64 = 1_618_884_480;
const KEYID: &str = "CSPARTNER1";

/// A private key for each algorithm.
fn signing_key(algorithm: Algorithm) -> SigningKey {
    let pem = match algorithm {
        Algorithm::HmacSha256 => {
            return SigningKey::from_secret(&STANDARD.decode(rfc_keys::SECRET).unwrap()).unwrap();
        }
        Algorithm::RsaPssSha512 | Algorithm::RsaV15Sha256 => rfc_keys::RSA_PRIVATE,
        Algorithm::EcdsaP256Sha256 => rfc_keys::P256_PRIVATE,
        Algorithm::EcdsaP384Sha384 => rfc_keys::P384_PRIVATE,
        Algorithm::Ed25519 => rfc_keys::ED25519_PRIVATE,
    };
    SigningKey::from_pem(Some(algorithm), pem).unwrap()
}

/// The key that verifies what [`signing_key`] signs.
fn verifying_key(algorithm: Algorithm) -> VerifyingKey {
    match algorithm {
        Algorithm::HmacSha256 => {
            VerifyingKey::from_secret(&STANDARD.decode(rfc_keys::SECRET).unwrap()).unwrap()
        }
        _ => signing_key(algorithm).verifying_key().unwrap(),
    }
}

/// Keys by id, all live but those called `old`.
type Keys = HashMap<String, VerifyingKey>;

fn find<'k>(keys: &'k Keys) -> impl Fn(&str) -> Option<Found<'k>> {
    |id| {
        let live = id != "old";
        keys.get(id).map(|key| Found { key, live })
    }
}

/// What is signed, before and after a test changes it.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    authority: String,
    headers: HeaderMap,
    body: Vec<u8>,
    secure: bool,
    now: i64,
    demand: Rfc9421Demand,
}

/// How it is signed.
#[derive(Clone)]
struct How {
    algorithm: Algorithm,
    components: Vec<String>,
    label: &'static str,
    created: i64,
    expires: Option<i64>,
    nonce: Option<String>,
    tag: Option<String>,
    keyid: String,
    with_alg: bool,
}

impl Default for How {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Ed25519,
            components: names(&["@method", "@authority", "@path", "@query"]),
            label: "sig1",
            created: NOW,
            expires: None,
            nonce: None,
            tag: None,
            keyid: KEYID.to_owned(),
            with_alg: false,
        }
    }
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

impl Request {
    fn unsigned() -> Self {
        Self {
            method: "GET",
            target: "/orders/7?b=2&a=1".to_owned(),
            authority: "gateway.example".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            secure: true,
            now: NOW,
            demand: Rfc9421Demand::default(),
        }
    }

    fn get() -> Self {
        Self::unsigned().signed(&How::default())
    }

    /// With content, covered.
    fn post() -> Self {
        let mut request = Self::unsigned();
        request.method = "POST";
        request.body = b"{\"hello\": \"world\"}".to_vec();
        request.set("content-type", "application/json");
        let mut how = How::default();
        how.components
            .extend(names(&["content-type", "content-digest"]));
        request.signed(&how)
    }

    fn try_signed(mut self, how: &How) -> Result<Self, SignError> {
        let own = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers: Vec<(String, String)> = self.headers.iter().map(own).collect();
        let digests = how.components.iter().any(|one| one == "content-digest");
        let added = digests && !self.headers.contains_key("content-digest");
        let content = added.then_some((&self.body[..], DigestAlgorithm::Sha256));
        let fields = sign(&SigningRequest {
            method: self.method,
            target: &self.target,
            authority: &self.authority,
            secure: self.secure,
            headers: &headers,
            content,
            components: &how.components,
            label: how.label,
            created: UtcTime::from_unix(how.created),
            expires: how.expires.map(UtcTime::from_unix),
            nonce: how.nonce.as_deref(),
            tag: how.tag.as_deref(),
            keyid: &how.keyid,
            with_alg: how.with_alg,
            key: &signing_key(how.algorithm),
        })?;
        for (name, value) in fields {
            self.append(&name, &value);
        }
        Ok(self)
    }

    fn signed(self, how: &How) -> Self {
        self.try_signed(how).unwrap()
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
    }

    fn append(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
    }

    fn field(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    fn change(&mut self, name: &str, from: &str, to: &str) {
        let changed = self.field(name).replacen(from, to, 1);
        assert_ne!(changed, self.field(name), "{from}");
        self.set(name, &changed);
    }

    /// Writes Signature-Input by hand, and signs what it says if there is a base for it.
    fn with_input(mut self, input: &str) -> Self {
        self.set("signature-input", &format!("sig1={input}"));
        let signature = self.base().map(|base| {
            let signed = signing_key(Algorithm::Ed25519).sign(base.as_bytes());
            STANDARD.encode(signed.unwrap())
        });
        let signature = signature.unwrap_or_else(|_| STANDARD.encode([7; 64]));
        self.set("signature", &format!("sig1=:{signature}:"));
        self
    }

    fn with_call<T>(&self, use_it: impl FnOnce(&Call<'_>) -> T) -> T {
        let call = Call::admit(&Parts {
            method: self.method,
            target: self.target.as_bytes(),
            authority: Some(&self.authority),
            headers: &self.headers,
            ended: self.body.is_empty(),
        });
        use_it(&call.expect("the test's request is one"))
    }

    fn base(&self) -> Result<String, Refusal> {
        let mut request = self.clone();
        request.set("signature", &format!("sig1=:{}:", STANDARD.encode([7; 64])));
        request.with_call(|call| {
            let presented = present(call, &self.demand, |_| true)?;
            signature_base(&presented.expect("one"), call, self.secure)
        })
    }

    fn judge_with(&self, keys: &Keys) -> Result<Option<Option<ContentDigest>>, Refusal> {
        self.with_call(|call| {
            let known = |id: &str| keys.contains_key(id);
            let Some(presented) = present(call, &self.demand, known)? else {
                return Ok(None);
            };
            let now = UtcTime::from_unix(self.now);
            let verified = verify(&presented, call, &self.demand, find(keys), self.secure, now)?;
            assert_eq!(verified.credential_id(), presented.credential_id());
            Ok(Some(verified.digest().copied()))
        })
    }

    /// Judges header and body with the key of `algorithm`.
    fn judge_by(&self, algorithm: Algorithm) -> Result<(), Refusal> {
        let keys = Keys::from([(KEYID.to_owned(), verifying_key(algorithm))]);
        match self.judge_with(&keys)? {
            None => Err(Refusal::SignatureRequired(Arc::default())),
            Some(None) => Ok(()),
            Some(Some(digest)) => digest.check(&self.body),
        }
    }

    fn judge(&self) -> Result<(), Refusal> {
        self.judge_by(Algorithm::Ed25519)
    }

    #[track_caller]
    fn is_malformed(&self, why: &str) {
        assert!(
            matches!(self.judge(), Err(Refusal::SignatureMalformed(said)) if said == why),
            "{:?}, not {why}",
            self.judge()
        );
    }

    #[track_caller]
    fn is_mismatch(&self, why: &str) {
        assert!(
            matches!(self.judge(), Err(Refusal::SignatureMismatch(said)) if said == why),
            "{:?}, not {why}",
            self.judge()
        );
    }
}
