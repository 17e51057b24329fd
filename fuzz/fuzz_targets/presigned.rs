//! Presigned queries of both algorithms: never a panic, never one that is right without the
//! secret, none that is left behind when they are taken out, and ours is right for every target.
#![no_main]

use std::sync::{Arc, OnceLock};

use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SigV4Demand, SignatureDemand, SignatureProfile};
use countersign::credential::{Credential, CredentialStore, Secret};
use countersign::refusal::Refusal;
use countersign::signature::{
    Evidence, KeyRing, KnownBody, Outcome, SigningRequest, present, presign, strip_presigned,
    verify,
};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "a secret that no fuzzer finds";
const HOST: &str = "a.example";
const NOW: i64 = 1_440_938_160;

fuzz_target!(|input: &[u8]| {
    // A byte of choices, and a target.
    let Some((choices, target)) = input.split_first() else {
        return;
    };
    let Ok(target) = std::str::from_utf8(target) else {
        return;
    };
    let profile = match choices & 1 {
        0 => SignatureProfile::Aws,
        _ => SignatureProfile::S3,
    };
    let query = target.split_once('?').map_or("", |(_, query)| query);
    if let Some(rest) = strip_presigned(query) {
        assert_eq!(strip_presigned(&rest), None);
    }
    let judged = judge(target, profile);
    assert!(!matches!(judged, Some(Ok(Outcome::Verified(_)))));
    let algorithm = match choices & 2 {
        0 => SigV4Algorithm::Hmac,
        _ => SigV4Algorithm::Ecdsa,
    };
    if let Some(signed) = sign(target, profile, algorithm)
        && let Some(judged) = judge(&signed, profile)
    {
        // A target that has parameters of the form already has them twice.
        let right = matches!(judged, Ok(Outcome::Verified(_)));
        let twice = matches!(judged, Err(Refusal::SignatureMalformed(_)));
        assert!(right || twice, "{signed} {judged:?}");
        assert!(right || query.to_ascii_lowercase().contains('-') || query.contains('%'));
    }
});

/// `None` for what is no call, or presents nothing.
fn judge(target: &str, profile: SignatureProfile) -> Option<Result<Outcome, Refusal>> {
    static KEYS: OnceLock<KeyRing> = OnceLock::new();
    let headers = HeaderMap::new();
    let call = Call::admit(&Parts {
        method: "GET",
        target: target.as_bytes(),
        authority: Some(HOST),
        headers: &headers,
        ended: true,
    });
    let call = call.ok()?;
    let sigv4 = SigV4Demand {
        algorithms: vec![SigV4Algorithm::Hmac, SigV4Algorithm::Ecdsa],
        profile,
        service: "execute-api".to_owned(),
        region: "us-east-1".to_owned(),
        max_skew_secs: 300,
        unsigned_payload: true,
        streaming: Vec::new(),
        max_expires_secs: Some(604_800),
        max_chunk_bytes: 0,
    };
    let demand = SignatureDemand {
        sigv4: Some(sigv4),
        ..SignatureDemand::default()
    };
    let keys = KEYS.get_or_init(|| {
        let credential = Credential::aws("CSFUZZ", Secret::new(SECRET.to_owned()));
        let store = CredentialStore::from_credentials([credential]);
        KeyRing::new(Arc::new(store), Arc::default())
    });
    let presented = match present(&call, &demand, keys) {
        Ok(presented) => presented?,
        Err(refusal) => return Some(Err(refusal)),
    };
    let evidence = Evidence {
        call: &call,
        body: KnownBody::Empty,
        secure: true,
        now: UtcTime::from_unix(NOW),
        timely: true,
    };
    Some(verify(&presented, &evidence, &demand, keys))
}

fn sign(target: &str, profile: SignatureProfile, algorithm: SigV4Algorithm) -> Option<String> {
    let request = SigningRequest {
        algorithm,
        method: "GET",
        target,
        authority: HOST,
        headers: &[],
        payload_hash: None,
        body: b"",
        profile,
        region: "us-east-1",
        service: "execute-api",
        id: "CSFUZZ",
        secret: &Secret::new(SECRET.to_owned()),
        now: UtcTime::from_unix(NOW),
    };
    presign(&request, 900).ok()
}
