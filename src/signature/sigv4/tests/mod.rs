//! A signed request to judge, whole or changed: what must verify, and what must not.

mod asymmetric;
mod chunked;
mod modes;
mod presigned;
mod refused;
mod verified;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Call, Malformed, Parts};
use crate::clock::UtcTime;
use crate::config::{MAX_EXPIRES_SECS, SigV4Demand, SignatureProfile};
use crate::credential::{Credential, CredentialStore, Secret};
use crate::digest::sha256;
use crate::refusal::Refusal;
use crate::signature::{BodyDuty, KnownBody};

use super::*;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// 2015-08-30T12:36:00Z, when AWS's examples were signed.
const NOW: i64 = 1_440_938_160;

fn credential() -> Credential {
    Credential::aws(ID, Secret::new(SECRET.to_owned()))
}

/// The keys of one credential: the usual one, or `other` by id and secret.
fn keys(other: Option<(&str, &str)>) -> SigningKeys {
    let credential = match other {
        None => credential(),
        Some((id, secret)) => Credential::aws(id, Secret::new(secret.to_owned())),
    };
    SigningKeys::new(Arc::new(CredentialStore::from_credentials([credential])))
}

fn demand(profile: SignatureProfile, service: &str) -> SigV4Demand {
    SigV4Demand {
        algorithms: vec![SigV4Algorithm::Hmac],
        profile,
        service: service.to_owned(),
        region: "us-east-1".to_owned(),
        max_skew_secs: 300,
        unsigned_payload: false,
        streaming: Vec::new(),
        max_expires_secs: None,
        max_chunk_bytes: 1000,
    }
}

/// What a judged request came to, as far as these tests look at it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Verified(BodyDuty),
    NeedsBody,
}

/// A request as a test changes it before it is judged.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    authority: String,
    headers: HeaderMap,
    body: Vec<u8>,
    demand: SigV4Demand,
    known: Option<KnownBody<'static>>,
    secure: bool,
    now: i64,
    credential: Option<(&'static str, &'static str)>,
}

impl Request {
    /// Signed by us: what every change below starts from.
    fn signed(
        method: &'static str,
        target: &str,
        headers: &[(&str, &str)],
        hash: Option<&str>,
    ) -> Self {
        let demand = demand(SignatureProfile::Aws, "execute-api");
        let mut request = Self {
            method,
            target: target.to_owned(),
            authority: "gateway.example:8443".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            demand,
            known: None,
            secure: true,
            now: NOW,
            credential: None,
        };
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        for (name, value) in &headers {
            request.append(name, value);
        }
        request.sign(&headers, hash);
        request
    }

    fn get() -> Self {
        Self::signed("GET", "/orders/7?b=2&a=1", &[], None)
    }

    fn sign(&mut self, headers: &[(String, String)], hash: Option<&str>) {
        let secret = Secret::new(SECRET.to_owned());
        let signed = sign(&self.to_sign(&secret, headers, hash));
        for (name, value) in signed.unwrap() {
            self.set(&name, &value);
        }
    }

    /// Signs in the query, for 900 seconds.
    fn presign(&mut self, headers: &[(String, String)], hash: Option<&str>) {
        let secret = Secret::new(SECRET.to_owned());
        self.target = presign(&self.to_sign(&secret, headers, hash), 900).unwrap();
        self.demand.max_expires_secs = Some(900);
    }

    /// By the first algorithm that the demand takes.
    fn to_sign<'a>(
        &'a self,
        secret: &'a Secret,
        headers: &'a [(String, String)],
        hash: Option<&str>,
    ) -> SigningRequest<'a> {
        SigningRequest {
            algorithm: self.demand.algorithms[0],
            method: self.method,
            target: &self.target,
            authority: &self.authority,
            headers,
            payload_hash: hash.map(str::to_owned),
            body: &self.body,
            profile: self.demand.profile,
            region: &self.demand.region,
            service: &self.demand.service,
            id: ID,
            secret,
            now: UtcTime::from_unix(NOW),
        }
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

    fn authorization(&self) -> String {
        self.headers["authorization"].to_str().unwrap().to_owned()
    }

    fn change_authorization(&mut self, from: &str, to: &str) {
        let changed = self.authorization().replace(from, to);
        assert_ne!(changed, self.authorization(), "{from}");
        self.set("authorization", &changed);
    }

    fn judge(&self) -> Result<Option<Verdict>, Refusal> {
        Ok(self.outcome()?.map(|outcome| match outcome {
            Outcome::Verified(verified) => Verdict::Verified(verified.duty),
            Outcome::NeedsBody => Verdict::NeedsBody,
            Outcome::NeedsAnswer(_) => unreachable!("SigV4 asks nobody"),
        }))
    }

    fn call(&self) -> Result<Call<'_>, Malformed> {
        Call::admit(&Parts {
            method: self.method,
            target: self.target.as_bytes(),
            authority: Some(&self.authority),
            headers: &self.headers,
            ended: self.body.is_empty() && self.known.is_none(),
        })
    }

    fn outcome(&self) -> Result<Option<Outcome>, Refusal> {
        let call = self.call().expect("the test's request is one");
        let known = self.known.unwrap_or(match self.body.is_empty() {
            true => KnownBody::Empty,
            false => KnownBody::Unread,
        });
        let Some(presented) = present(&call)? else {
            return Ok(None);
        };
        let now = UtcTime::from_unix(self.now);
        let evidence = Evidence {
            call: &call,
            body: known,
            secure: self.secure,
            now,
            timely: true,
        };
        let keys = keys(self.credential);
        verify(&presented, &evidence, &self.demand, &keys, true).map(Some)
    }

    #[track_caller]
    fn is_malformed(&self) {
        assert!(
            matches!(self.judge(), Err(Refusal::SignatureMalformed(_))),
            "{:?}",
            self.judge()
        );
    }

    #[track_caller]
    fn is_mismatch(&self) {
        assert!(
            matches!(self.judge(), Err(Refusal::SignatureMismatch(_))),
            "{:?}",
            self.judge()
        );
    }

    #[track_caller]
    fn is_verified(&self) {
        assert_eq!(self.judge(), Ok(Some(Verdict::Verified(BodyDuty::None))));
    }
}
