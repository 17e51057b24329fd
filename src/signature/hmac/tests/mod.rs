//! A request as a sender signs it, to judge whole or changed.

mod refused;
mod verified;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::{
    HmacEncoding, HmacForm, HmacHash, HmacPreset, HmacTimestamp, SignatureDemand, SignedTemplate,
    TimestampPlace, TimestampUnit,
};
use crate::credential::{Credential, CredentialStore, Secret};
use crate::names::CredentialId;
use crate::signature::{self, KeyRing};

use super::*;

const ID: &str = "CSPARTNER1";
const OLD_ID: &str = "CSPARTNER0";
const SECRET: &str = "partner-for-tests-only-and-long";
const OLD_SECRET: &str = "the-secret-before-it-was-changed";
/// 2018-07-12T18:36:58Z, when Slack's example was signed.
const NOW: i64 = 1_531_420_618;

fn credential(id: &str, secret: &str) -> Credential {
    Credential::hmac(id, Secret::new(secret.to_owned()))
}

/// What a judged request came to.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Absent,
    NeedsBody,
    Verified(Verified),
}

fn judged(outcome: Outcome) -> Judged {
    match outcome {
        Outcome::Verified(verified) => Judged::Verified(verified),
        Outcome::NeedsBody => Judged::NeedsBody,
        Outcome::NeedsAnswer(_) => panic!("nobody is to be asked"),
    }
}

/// A ring of these credentials.
fn ring(credentials: impl IntoIterator<Item = Credential>) -> KeyRing {
    let store = CredentialStore::from_credentials(credentials);
    KeyRing::new(Arc::new(store), Arc::default())
}

/// A request as a test changes it before it is judged.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
    unread: bool,
    demand: HmacDemand,
    store: Vec<Credential>,
    secure: bool,
    now: i64,
}

impl Request {
    /// One without a signature, for a policy that takes this way of signing.
    fn new(mut demand: HmacDemand, body: &str) -> Self {
        if demand.credentials.is_empty() {
            demand.credentials = vec![CredentialId::new(ID), CredentialId::new(OLD_ID)];
        }
        Self {
            method: "POST",
            target: "/hooks/7?b=2&a=1".to_owned(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_owned(),
            unread: false,
            demand,
            store: vec![credential(ID, SECRET), credential(OLD_ID, OLD_SECRET)],
            secure: true,
            now: NOW,
        }
    }

    /// As a well-known sender signs it.
    fn signed_as(preset: HmacPreset) -> Self {
        let mut request = Self::new(preset.demand(Vec::new()), "{\"event\":\"x\"}");
        request.sign(ID, SECRET);
        request
    }

    fn sign(&mut self, id: &str, secret: &str) {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        let added = sign(&HmacSigningRequest {
            method: self.method,
            target: &self.target,
            authority: "gateway.example:8443",
            headers: &headers,
            body: &self.body,
            demand: &self.demand,
            id,
            secret: &Secret::new(secret.to_owned()),
            now: UtcTime::from_unix(self.now),
        });
        for (name, value) in added.unwrap() {
            self.set(&name, &value);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.headers.insert(name, value);
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.set(name, value);
        changed
    }

    fn twice(&self, name: &str) -> Self {
        let mut changed = self.clone();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = changed.headers[&name].clone();
        changed.headers.append(name, value);
        changed
    }

    fn field(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// The value of the field that carries the signature.
    fn signature(&self) -> String {
        self.field(self.demand.header.as_str())
    }

    fn with_signature(&self, value: &str) -> Self {
        let name = self.demand.header.to_string();
        self.with(&name, value)
    }

    fn outcome(&self) -> Result<Judged, Refusal> {
        let demand = SignatureDemand {
            hmac: Some(self.demand.clone()),
            max_buffered_body_bytes: 1000,
            refuse_replays: true,
            ..SignatureDemand::default()
        };
        let call = Call::admit(&Parts {
            method: self.method,
            target: self.target.as_bytes(),
            authority: Some("gateway.example:8443"),
            headers: &self.headers,
            ended: self.body.is_empty(),
        });
        let call = call.expect("the test's request is one");
        let keys = ring(self.store.iter().cloned());
        let Some(presented) = signature::present(&call, &demand, &keys)? else {
            return Ok(Judged::Absent);
        };
        let evidence = Evidence {
            call: &call,
            body: match (self.body.is_empty(), self.unread) {
                (true, _) => KnownBody::Empty,
                (false, true) => KnownBody::Unread,
                (false, false) => KnownBody::Whole(&self.body),
            },
            secure: self.secure,
            now: UtcTime::from_unix(self.now),
            timely: true,
        };
        signature::verify(&presented, &evidence, &demand, &keys).map(judged)
    }

    #[track_caller]
    fn verified(&self) -> Verified {
        match self.outcome() {
            Ok(Judged::Verified(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn signer(&self) -> String {
        match self.verified().signer {
            Signer::Credential(id) => id.as_str().to_owned(),
            Signer::Principal(arn) => panic!("{arn}"),
        }
    }

    #[track_caller]
    fn is_mismatch(&self) {
        let outcome = self.outcome();
        assert!(
            matches!(outcome, Err(Refusal::SignatureMismatch(_))),
            "{outcome:?}"
        );
    }

    #[track_caller]
    fn is_malformed(&self) {
        let outcome = self.outcome();
        assert!(
            matches!(outcome, Err(Refusal::SignatureMalformed(_))),
            "{outcome:?}"
        );
    }
}

/// A description that uses every part of a request.
fn described(unit: TimestampUnit, signed: &str) -> HmacDemand {
    HmacDemand {
        header: HeaderName::from_static("x-signature"),
        form: HmacForm::Alone(String::new()),
        signed: SignedTemplate::parse(signed).unwrap(),
        timestamp: Some(HmacTimestamp {
            place: TimestampPlace::Header(HeaderName::from_static("x-time")),
            unit,
            tolerance_secs: 300,
        }),
        ..HmacPreset::GitHub.demand(Vec::new())
    }
}

const PRESETS: [HmacPreset; 4] = [
    HmacPreset::GitHub,
    HmacPreset::Shopify,
    HmacPreset::Slack,
    HmacPreset::Stripe,
];
