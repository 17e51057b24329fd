//! SigV4's and SigV4a's `Authorization` and canonical forms: never a panic, and never a signature that is
//! right without the secret.
#![no_main]

use std::sync::Arc;

use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SigV4Demand, SignatureDemand, SignatureProfile};
use countersign::credential::{Credential, CredentialStore, Secret};
use countersign::signature::{Evidence, KeyRing, KnownBody, Outcome, present, verify};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], &[u8], &[u8], bool)| {
    let (target, authorization, date, region_set, s3) = input;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", authorization),
        ("x-amz-date", date),
        ("x-amz-region-set", region_set),
    ] {
        // What is empty was not sent.
        if let Ok(value) = HeaderValue::from_bytes(value)
            && !value.is_empty()
        {
            headers.insert(name, value);
        }
    }
    let Ok(call) = Call::admit(&Parts {
        method: "GET",
        target: target.as_bytes(),
        authority: Some("a.example"),
        headers: &headers,
        ended: true,
    }) else {
        return;
    };
    let sigv4 = SigV4Demand {
        algorithms: vec![SigV4Algorithm::Hmac, SigV4Algorithm::Ecdsa],
        profile: if s3 {
            SignatureProfile::S3
        } else {
            SignatureProfile::Aws
        },
        service: "execute-api".to_owned(),
        region: "us-east-1".to_owned(),
        max_skew_secs: 300,
        unsigned_payload: false,
        streaming: Vec::new(),
        max_expires_secs: Some(3600),
        max_chunk_bytes: 0,
    };
    let demand = SignatureDemand {
        sigv4: Some(sigv4),
        ..SignatureDemand::default()
    };
    let store = CredentialStore::from_credentials([Credential::aws(
        "CSFUZZ",
        Secret::new("a secret that no fuzzer finds".to_owned()),
    )]);
    let keys = KeyRing::new(Arc::new(store), Arc::default());
    let Ok(Some(presented)) = present(&call, &demand, &keys) else {
        return;
    };
    let now = UtcTime::from_unix(1_440_938_160);
    let evidence = Evidence {
        call: &call,
        body: KnownBody::Empty,
        secure: true,
        now,
        timely: true,
    };
    let outcome = verify(&presented, &evidence, &demand, &keys);
    assert!(!matches!(outcome, Ok(Outcome::Verified(_))));
});
