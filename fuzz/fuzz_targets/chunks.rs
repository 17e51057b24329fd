//! Bodies in AWS's chunks: never a panic, the same end wherever the network cuts, and never an
//! end before every announced byte.
#![no_main]

use std::sync::{Arc, OnceLock};

use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::{
    SigV4Algorithm, SigV4Demand, SignatureDemand, SignatureProfile, StreamingMode,
};
use countersign::credential::{Credential, CredentialStore, Secret};
use countersign::signature::{
    BodyDuty, ChunkedBody, ChunkedDuty, Evidence, KeyRing, KnownBody, Outcome, SigningRequest,
    Verified, present, sign, verify,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const MODES: [(&str, SigV4Algorithm, StreamingMode); 4] = [
    (
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        SigV4Algorithm::Hmac,
        StreamingMode::Signed,
    ),
    (
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        SigV4Algorithm::Hmac,
        StreamingMode::UnsignedTrailer,
    ),
    (
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        SigV4Algorithm::Ecdsa,
        StreamingMode::Signed,
    ),
    (
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
        SigV4Algorithm::Ecdsa,
        StreamingMode::SignedTrailer,
    ),
];

fuzz_target!(|input: &[u8]| {
    static DUTIES: OnceLock<[ChunkedDuty; 4]> = OnceLock::new();
    // A mode, where to cut, and a body.
    let [mode, cut, bytes @ ..] = input else {
        return;
    };
    let duties =
        DUTIES.get_or_init(|| MODES.map(|(word, algorithm, mode)| duty(word, algorithm, mode)));
    let mode = usize::from(*mode) % MODES.len();
    let duty = &duties[mode];
    let whole = read(duty, bytes, bytes.len().max(1));
    assert_eq!(whole, read(duty, bytes, usize::from(*cut).max(1)));
    if let Ok((out, true)) = whole {
        assert_eq!(out.len() as u64, duty.decoded_length());
        // Nobody but the signer can end a signed body.
        assert!(MODES[mode].2 == StreamingMode::UnsignedTrailer);
    }
});

/// The bytes that come out, and whether the end has come.
fn read(duty: &ChunkedDuty, bytes: &[u8], cut: usize) -> Result<(Vec<u8>, bool), &'static str> {
    let mut body = ChunkedBody::new(duty.clone());
    let mut out = Default::default();
    for piece in bytes.chunks(cut) {
        body.push(piece, &mut out)
            .map_err(|refusal| refusal.code())?;
    }
    Ok((out.to_vec(), body.is_done()))
}

/// What a signed request for three bytes leaves to be checked.
fn duty(word: &str, algorithm: SigV4Algorithm, mode: StreamingMode) -> ChunkedDuty {
    let secret = Secret::new("a secret that no fuzzer finds".to_owned());
    let sigv4 = SigV4Demand {
        algorithms: vec![SigV4Algorithm::Hmac, SigV4Algorithm::Ecdsa],
        profile: SignatureProfile::S3,
        service: "s3".to_owned(),
        region: "us-east-1".to_owned(),
        max_skew_secs: 300,
        unsigned_payload: false,
        streaming: vec![mode],
        max_expires_secs: None,
        max_chunk_bytes: 16,
    };
    let now = UtcTime::from_unix(1_440_938_160);
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut fields = vec![own("x-amz-decoded-content-length", "3")];
    if mode != StreamingMode::Signed {
        fields.push(own("x-amz-trailer", "x-amz-checksum-crc32"));
    }
    let added = sign(&SigningRequest {
        algorithm,
        method: "PUT",
        target: "/k",
        authority: "a.example",
        headers: &fields,
        payload_hash: Some(word.to_owned()),
        body: b"",
        profile: sigv4.profile,
        region: &sigv4.region,
        service: &sigv4.service,
        id: "CSFUZZ",
        secret: &secret,
        now,
    });
    fields.extend(added.expect("a signature"));
    let mut headers = HeaderMap::new();
    for (name, value) in &fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let call = Call::admit(&Parts {
        method: "PUT",
        target: b"/k",
        authority: Some("a.example"),
        headers: &headers,
        ended: false,
    });
    let call = call.expect("a call");
    let demand = SignatureDemand {
        sigv4: Some(sigv4),
        ..SignatureDemand::default()
    };
    let store = CredentialStore::from_credentials([Credential::aws("CSFUZZ", secret)]);
    let keys = KeyRing::new(Arc::new(store), Arc::default());
    let presented = present(&call, &demand, &keys)
        .expect("one carrier")
        .expect("a signature");
    let evidence = Evidence {
        call: &call,
        body: KnownBody::Unread,
        secure: true,
        now,
        timely: true,
    };
    match verify(&presented, &evidence, &demand, &keys) {
        Ok(Outcome::Verified(Verified {
            duty: BodyDuty::Chunked(duty),
            ..
        })) => *duty,
        _ => unreachable!("the request is signed rightly"),
    }
}
