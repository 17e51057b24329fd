//! RFC 9421's fields and components: never a panic, never a signature that is right without
//! the key, and never a signature base of which two could be made.
//! The input is lines: target, Signature-Input, Signature, Content-Digest, and fields.
#![no_main]

use std::sync::OnceLock;

use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::Rfc9421Demand;
use countersign::key::VerifyingKey;
use countersign::signature::rfc9421::{
    Found, accept_signature, check_demand, present, signature_base, verify,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] = [
    "signature-input",
    "signature",
    "content-digest",
    "priority",
    "x-field",
    "signature-input",
    "signature",
    "x-field",
];

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (secure, ended, bytes) = input;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in NAMES.into_iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let Ok(call) = Call::admit(&Parts {
        method: "POST",
        target,
        authority: Some("A.example:443"),
        headers: &headers,
        ended,
    }) else {
        return;
    };
    let demand = Rfc9421Demand::default();
    let Ok(Some(presented)) = present(&call, &demand, |id| keys(id).is_some()) else {
        return;
    };
    assert!(!presented.credential_id().is_empty());
    if let Ok(base) = signature_base(&presented, &call, secure) {
        check(&base);
    }
    let now = UtcTime::from_unix(1_618_884_480);
    let verified = verify(&presented, &call, &demand, keys, secure, now);
    assert!(verified.is_err());
    // What a caller sends is what a policy may demand, or is told to be impossible.
    let component = String::from_utf8_lossy(target).into_owned();
    let demand = Rfc9421Demand {
        components: vec![component],
        ..demand
    };
    if check_demand(&demand).is_ok() {
        assert!(accept_signature(&demand, true).is_ascii());
    }
});

/// One line a component, each with its identifier, and the parameters last and once.
fn check(base: &str) {
    assert!(
        base.bytes()
            .all(|byte| matches!(byte, b'\t' | b'\n' | b' '..=b'~'))
    );
    assert!(base.split('\n').all(|line| line.starts_with('"')));
    let parameters = |line: &&str| line.starts_with("\"@signature-params\": ");
    assert_eq!(base.split('\n').filter(parameters).count(), 1);
    assert!(
        base.split('\n')
            .next_back()
            .is_some_and(|last| parameters(&last))
    );
}

/// A key for each kind of signature, none of which a fuzzer can make.
fn keys(id: &str) -> Option<Found<'static>> {
    static KEYS: OnceLock<[VerifyingKey; 2]> = OnceLock::new();
    let [secret, public] = KEYS.get_or_init(|| {
        let jwk =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        [
            VerifyingKey::from_secret(b"a secret that no fuzzer finds, and long enough"),
            VerifyingKey::from_jwk(None, jwk),
        ]
        .map(|key| key.expect("a key"))
    });
    let key = match id {
        "secret" => secret,
        "public" => public,
        _ => return None,
    };
    Some(Found { key, live: true })
}
