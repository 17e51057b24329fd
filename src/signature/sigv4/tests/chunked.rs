//! Bodies in AWS's chunks: the worked examples of the S3 API Reference, and what chunks must not
//! get away with.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, EcdsaKeyPair, KeyPair as _, ParsedPublicKey};
use bytes::BytesMut;
use proptest::prelude::*;

use super::super::algorithm::Signature;
use super::super::chunked::{Chain, ChainKey, ChunkedBody, ChunkedDuty, Link};
use super::*;
use crate::config::StreamingMode;

const S3_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
const CHUNKS: [(usize, &str); 3] = [
    (
        65_536,
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    ),
    (
        1024,
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    ),
    (
        0,
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ),
];
const TRAILER_SIGNATURE: &str = "df5735bd9f3295cd9386572292562fefc93ba94e80a0a1ddcbd652c4e0a75e6c";

/// The request of the worked example.
fn example() -> Request {
    let mut request = Request::get();
    request.headers = HeaderMap::new();
    request.method = "PUT";
    request.target = "/examplebucket/chunkObject.txt".to_owned();
    request.authority = "s3.amazonaws.com".to_owned();
    request.credential = Some((S3_ID, S3_SECRET));
    request.now = 1_369_353_600;
    request.demand = demand(SignatureProfile::S3, "s3");
    request.demand.streaming = vec![StreamingMode::Signed];
    request.demand.max_chunk_bytes = 65_536;
    request.known = Some(KnownBody::Unread);
    for (name, value) in [
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
    ] {
        request.set(name, value);
    }
    request.set(
        "authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential={S3_ID}/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
             x-amz-decoded-content-length;x-amz-storage-class, Signature={SEED}"
        ),
    );
    request
}

fn duty_of(request: &Request) -> ChunkedDuty {
    match request.judge() {
        Ok(Some(Verdict::Verified(BodyDuty::Chunked(duty)))) => *duty,
        other => panic!("{other:?}"),
    }
}

fn framed(chunks: &[(usize, &str)], end: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (size, signature) in chunks {
        bytes.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
        bytes.resize(bytes.len() + size, b'a');
        if *size > 0 {
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

/// What comes of `bytes`, cut every `cut`; an error for a body that does not end.
fn read(duty: &ChunkedDuty, bytes: &[u8], cut: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = ChunkedBody::new(duty.clone());
    let mut out = BytesMut::new();
    for piece in bytes.chunks(cut) {
        body.push(piece, &mut out)?;
    }
    match body.is_done() {
        true => Ok(out.to_vec()),
        false => Err(Refusal::Malformed("not done")),
    }
}

#[test]
fn the_example_of_s3_is_read_however_it_is_cut() {
    let duty = duty_of(&example());
    let bytes = framed(&CHUNKS, "\r\n");
    assert_eq!(bytes.len(), 66_824);
    for cut in [1, 7, 1000, 66_824] {
        assert!(read(&duty, &bytes, cut) == Ok(vec![b'a'; 66_560]), "{cut}");
    }
}

#[test]
fn nothing_of_a_chunk_comes_out_before_its_signature_was_right() {
    let duty = duty_of(&example());
    let mut bytes = framed(&CHUNKS, "\r\n");
    let at = bytes.len() - 500;
    bytes[at] = b'b';
    let mut body = ChunkedBody::new(duty);
    let mut out = BytesMut::new();
    let end = body.push(&bytes, &mut out);
    assert_eq!(
        end,
        Err(Refusal::SignatureMismatch("a chunk's signature is wrong"))
    );
    assert_eq!(out.len(), 65_536);
}

#[test]
fn the_trailers_of_the_example_are_checked() {
    let mut duty = duty_of(&example());
    duty.trailers = ["first", "second", "third"].map(str::to_owned).to_vec();
    let end = |second: &str, signature: &str| {
        format!("first:1st\r\nThird: 3rd \n\r\nsecond:{second}\r\n{signature}\r\n")
    };
    let signed = format!("x-amz-trailer-signature:{TRAILER_SIGNATURE}\r\n");
    let bytes = |end: &str| framed(&CHUNKS, end);
    assert!(read(&duty, &bytes(&end("2nd", &signed)), 100).is_ok());
    for wrong in [
        end("3rd", &signed),
        end("2nd", ""),
        end("2nd", &signed.replace("df57", "df58")),
        end("2nd", &format!("{signed}{signed}")),
        end("2nd", &format!("fourth:4\r\n{signed}")),
        end("2nd", &signed).replace("first:1st\r\n", ""),
        format!("{signed}\r\n"),
        "\r\n".to_owned(),
    ] {
        assert!(read(&duty, &bytes(&wrong), 100).is_err(), "{wrong}");
    }
}

#[test]
fn s5_a_chunked_mode_is_taken_only_where_the_policy_names_it() {
    let right = example();
    assert!(right.judge().is_ok());
    let mut other = right.clone();
    other.demand.streaming = vec![StreamingMode::SignedTrailer, StreamingMode::UnsignedTrailer];
    assert_eq!(other.judge(), Err(Refusal::PayloadModeRefused));
    for (word, mode) in [
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            StreamingMode::UnsignedTrailer,
        ),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            StreamingMode::SignedTrailer,
        ),
        (
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            StreamingMode::Signed,
        ),
        ("STREAMING-AWS4-HMAC-SHA256-EVENTS", StreamingMode::Signed),
        ("streaming-aws4-hmac-sha256-payload", StreamingMode::Signed),
    ] {
        let mut other = right.clone();
        other.set("x-amz-content-sha256", word);
        // In its own mode the signature is wrong; in every other the mode is.
        other.demand.streaming = vec![mode];
        assert!(other.judge().is_err(), "{word}");
        other.demand.streaming = vec![StreamingMode::Signed];
        assert!(other.judge().is_err(), "{word}");
    }
}

#[test]
fn a_chunked_request_says_how_long_its_body_is() {
    for (name, value) in [
        ("x-amz-decoded-content-length", ""),
        ("x-amz-decoded-content-length", "+66560"),
        ("x-amz-decoded-content-length", "0x10400"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ] {
        let fields = [(name, value)];
        let mode = Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
        let mut request = Request::signed("PUT", "/k", &fields, mode);
        request.demand.streaming = vec![StreamingMode::Signed];
        request.known = Some(KnownBody::Unread);
        request.is_malformed();
    }
    // The mode without a body: nobody would ever look at the chunks.
    let mut request = example();
    request.known = None;
    request.headers.remove("content-length");
    assert!(request.judge().is_err());
}

/// A duty for `length` bytes, signed or with `trailers`.
fn duty(length: u64, signed: bool, trailers: &[&str]) -> ChunkedDuty {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
    ChunkedDuty {
        decoded_length: length,
        chain: signed.then(|| Chain {
            key: ChainKey::Hmac(Box::new(key)),
            scope: b"scope".to_vec(),
            previous: Signature::Hmac([7; 32]),
        }),
        trailers: trailers.iter().map(|name| (*name).to_owned()).collect(),
        max_chunk_bytes: 1000,
    }
}

#[test]
fn an_unsigned_body_is_covered_by_its_checksum() {
    let duty = duty(9, false, &["x-amz-checksum-crc32"]);
    let body = |end: &str| format!("4\r\n1234\r\n005\r\n56789\r\n0\r\n{end}").into_bytes();
    let right = body("x-amz-checksum-crc32:y/Q5Jg==\r\n\r\n");
    for cut in 1..=right.len() {
        assert_eq!(read(&duty, &right, cut), Ok(b"123456789".to_vec()));
    }
    for length in 0..right.len() {
        assert!(read(&duty, &right[..length], 3).is_err(), "{length}");
    }
    for (at, byte) in right.iter().enumerate() {
        // The case of a trailer's name and leading zeros mean nothing.
        for other in [byte ^ 1, byte ^ 0x10] {
            let mut wrong = right.clone();
            wrong[at] = other;
            assert!(read(&duty, &wrong, 5).is_err(), "{at}");
        }
    }
    for wrong in [
        body("\r\n"),
        body("x-amz-checksum-crc32:y/Q5Jg==\r\n"),
        body("x-amz-checksum-crc32c:4waSgw==\r\n\r\n"),
        body("x-amz-checksum-crc32:y/Q5Jg==\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n"),
        body("x-amz-checksum-crc32:y/Q5Jg==\r\nx-amz-trailer-signature:00\r\n\r\n"),
        body("x-amz-checksum-crc32:y/Q5Jg==\r\n\r\nmore"),
        b"9;chunk-signature=0\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n".to_vec(),
        b"+9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n".to_vec(),
        b"fffffffffffffffff\r\n".to_vec(),
        b"ffffffffffffffff\r\n".to_vec(),
        vec![b'0'; 300],
    ] {
        let text = String::from_utf8_lossy(&wrong).into_owned();
        assert!(read(&duty, &wrong, 5).is_err(), "{text}");
    }
}

/// What a line may hold did not depend on its length alone, but on whether the network cut it
/// between CR and LF.
#[test]
fn the_longest_line_is_read_wherever_it_is_cut_and_a_longer_one_is_not() {
    let duty = duty(9, false, &["x-amz-checksum-crc32"]);
    for (length, right) in [(4096, true), (4097, false)] {
        let line = format!("{:<length$}", "x-amz-checksum-crc32:y/Q5Jg==");
        let body = format!("9\r\n123456789\r\n0\r\n{line}\r\n\r\n");
        for cut in [1, 7, 4096 + 18, 4096 + 19, body.len()] {
            let end = read(&duty, body.as_bytes(), cut);
            assert_eq!(end.is_ok(), right, "{length} {cut}");
        }
    }
}

#[test]
fn a_signed_chunk_larger_than_is_kept_is_refused() {
    let line = format!("3e9;chunk-signature={}\r\n", "0".repeat(64));
    let end = read(&duty(2000, true, &[]), line.as_bytes(), 9);
    assert_eq!(end, Err(Refusal::BodyTooLarge));
}

/// What signs the chunks that a duty asks for.
enum Signer {
    Hmac(Box<hmac::Key>),
    Ecdsa(EcdsaKeyPair),
}

impl Signer {
    fn sign(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Hmac(key) => hmac::sign(key, text).as_ref().to_vec(),
            Self::Ecdsa(pair) => {
                let signed = pair.sign(&SystemRandom::new(), text).unwrap();
                signed.as_ref().to_vec()
            }
        }
    }

    fn algorithm(&self) -> SigV4Algorithm {
        match self {
            Self::Hmac(_) => SigV4Algorithm::Hmac,
            Self::Ecdsa(_) => SigV4Algorithm::Ecdsa,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Frames and signs as a signer does.
fn sign_chunks(
    duty: &ChunkedDuty,
    signer: &Signer,
    chunks: &[Vec<u8>],
    crc: Option<&str>,
) -> Vec<u8> {
    let chain = duty.chain.as_ref().unwrap();
    let mut previous = Vec::new();
    chain.previous.push_hex(&mut previous);
    let mut previous = String::from_utf8(previous).unwrap();
    let scope = String::from_utf8(chain.scope.clone()).unwrap();
    let token = super::super::algorithm::token(signer.algorithm());
    let mut sign = |kind: &str, hashes: String| {
        let text = format!("{token}-{kind}\n{scope}\n{previous}\n{hashes}");
        previous = hex(&signer.sign(text.as_bytes()));
        match signer {
            Signer::Hmac(_) => previous.clone(),
            Signer::Ecdsa(_) => format!("{previous:*<144}"),
        }
    };
    let mut out = Vec::new();
    for data in chunks.iter().map(Vec::as_slice).chain([&b""[..]]) {
        let signature = sign("PAYLOAD", format!("{EMPTY}\n{}", hex(&sha256(data))));
        out.extend(format!("{:x};chunk-signature={signature}\r\n", data.len()).into_bytes());
        out.extend_from_slice(data);
        if !data.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }
    let Some(crc) = crc else {
        out.extend_from_slice(b"\r\n");
        return out;
    };
    let trailer = format!("x-amz-checksum-crc32:{crc}\n");
    let signature = sign("TRAILER", hex(&sha256(trailer.as_bytes())));
    let end = format!(
        "{}\r\nx-amz-trailer-signature:{signature}\r\n\r\n",
        trailer.trim()
    );
    out.extend(end.into_bytes());
    out
}

fn crc_of(body: &[u8]) -> String {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body);
    base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        crc.to_be_bytes(),
    )
}

/// A duty that `signer` can meet.
fn duty_for(signer: &Signer, length: usize, trailers: &[&str]) -> ChunkedDuty {
    let mut duty = duty(length as u64, true, trailers);
    if let Signer::Ecdsa(pair) = signer {
        let first = Signature::read(SigV4Algorithm::Ecdsa, &"07".repeat(70)).unwrap();
        let public = pair.public_key().as_ref();
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public).unwrap();
        let chain = duty.chain.as_mut().unwrap();
        (chain.key, chain.previous) = (ChainKey::Ecdsa(public), first);
    }
    duty
}

fn signers() -> [Signer; 2] {
    let secret = Secret::new(SECRET.to_owned());
    [
        Signer::Hmac(Box::new(hmac::Key::new(hmac::HMAC_SHA256, b"key"))),
        Signer::Ecdsa(super::super::pair::key_pair(&secret, ID).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_signed_in_chunks_is_read_and_no_changed_byte_of_it_is(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 0..4),
        cut in 1usize..50,
        place in any::<proptest::sample::Index>(),
        flip in 0u8..5,
        has_trailer in any::<bool>(),
    ) {
        let whole = chunks.concat();
        let crc = has_trailer.then(|| crc_of(&whole));
        let trailers: &[&str] = if has_trailer { &["x-amz-checksum-crc32"] } else { &[] };
        for signer in signers() {
            let duty = duty_for(&signer, whole.len(), trailers);
            let right = sign_chunks(&duty, &signer, &chunks, crc.as_deref());
            prop_assert_eq!(read(&duty, &right, cut), Ok(whole.clone()));
            let mut wrong = right.clone();
            let at = place.index(wrong.len());
            wrong[at] ^= 1 << flip;
            prop_assert!(read(&duty, &wrong, cut).is_err());
            prop_assert!(read(&duty, &right[..at], cut).is_err());
        }
    }
}

/// ECDSA's signatures have many lengths; in a body they have one.
#[test]
fn a_chunk_of_sigv4a_is_filled_up_with_stars_and_only_at_its_end() {
    let [_, signer] = signers();
    let chunks = [b"one".to_vec(), b"three".to_vec()];
    let duty = duty_for(&signer, 8, &["x-amz-checksum-crc32"]);
    let mut filled = 0;
    for _ in 0..20 {
        let right = sign_chunks(&duty, &signer, &chunks, Some(&crc_of(b"onethree")));
        assert_eq!(read(&duty, &right, 7), Ok(b"onethree".to_vec()));
        let text = String::from_utf8(right).unwrap();
        if !text.contains('*') {
            continue;
        }
        filled += 1;
        for wrong in [
            text.replace('*', ""),
            text.replacen('*', "", 1),
            text.replacen('*', "**", 1),
            text.replace("**", "0*"),
            text.replace('*', "0"),
            text.replace('*', " "),
            text.replacen("chunk-signature=30", "chunk-signature=*30", 1),
        ] {
            // The change may have found nothing to change.
            if wrong != text {
                assert!(read(&duty, wrong.as_bytes(), 7).is_err(), "{wrong}");
            }
        }
    }
    assert!(filled > 0);
}

/// The strings to sign are those of the example that AWS's signers are tested with.
#[test]
fn the_strings_to_sign_of_sigv4a_are_those_of_aws() {
    let [_, signer] = signers();
    let mut duty = duty_for(&signer, 0, &[]);
    let chain = duty.chain.as_mut().unwrap();
    chain.scope = b"20130524T000000Z\n20130524/s3/aws4_request".to_vec();
    let text = |chain: &Chain, link| String::from_utf8(chain.string_to_sign(link)).unwrap();
    let previous = "07".repeat(70);
    assert_eq!(
        text(chain, Link::Chunk),
        format!(
            "AWS4-ECDSA-P256-SHA256-PAYLOAD\n20130524T000000Z\n20130524/s3/aws4_request\n{previous}\n"
        )
    );
    assert_eq!(
        text(chain, Link::Trailers),
        format!(
            "AWS4-ECDSA-P256-SHA256-TRAILER\n20130524T000000Z\n20130524/s3/aws4_request\n{previous}\n"
        )
    );
}

const CANONICAL: &str = "PUT
/examplebucket/chunkObject.txt

content-encoding:aws-chunked
content-length:66824
host:s3.amazonaws.com
x-amz-content-sha256:STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD
x-amz-date:20130524T000000Z
x-amz-decoded-content-length:66560
x-amz-region-set:us-east-1
x-amz-storage-class:REDUCED_REDUNDANCY

content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
x-amz-decoded-content-length;x-amz-region-set;x-amz-storage-class
";

/// The same upload, signed by the pair: its canonical request is the one that aws-c-auth is
/// tested with, and so are the chunks.
#[test]
fn the_example_in_sigv4a_is_read_and_its_canonical_request_is_that_of_aws() {
    let secret = Secret::new(S3_SECRET.to_owned());
    let mut request = example();
    request.demand.algorithms = vec![SigV4Algorithm::Ecdsa];
    let own = |name: &str| {
        let value = request.headers[name].to_str().unwrap().to_owned();
        (name.to_owned(), value)
    };
    let fields = [
        "x-amz-storage-class",
        "content-encoding",
        "x-amz-decoded-content-length",
        "content-length",
    ]
    .map(own);
    let word = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD";
    let signed = sign(&SigningRequest {
        id: S3_ID,
        now: UtcTime::from_unix(request.now),
        ..request.to_sign(&secret, &fields, Some(word))
    });
    for (name, value) in signed.unwrap() {
        request.set(&name, &value);
    }
    let call = request.call().unwrap();
    let presented = present(&call).unwrap().unwrap();
    let canonical = canonical_of(&presented, &call, &request.demand);
    let written = with_scratch(|scratch| {
        canonical.write(scratch).unwrap();
        String::from_utf8(scratch.request.clone()).unwrap()
    });
    assert_eq!(written, CANONICAL);

    let mut duty = duty_of(&request);
    let chain = duty.chain.as_ref().unwrap();
    assert_eq!(chain.scope, b"20130524T000000Z\n20130524/s3/aws4_request");
    let signer = Signer::Ecdsa(super::super::pair::key_pair(&secret, S3_ID).unwrap());
    let chunks = [vec![b'a'; 65_536], vec![b'a'; 1024]];
    let bytes = sign_chunks(&duty, &signer, &chunks, None);
    assert!(read(&duty, &bytes, 1000) == Ok(vec![b'a'; 66_560]));
    duty.trailers = vec!["x-amz-checksum-crc32".to_owned()];
    let crc = crc_of(&chunks.concat());
    let bytes = sign_chunks(&duty, &signer, &chunks, Some(&crc));
    assert!(read(&duty, &bytes, 1000) == Ok(vec![b'a'; 66_560]));
    // A chunk in another place, one left out, and one of another upload.
    let swapped = [chunks[1].clone(), chunks[0].clone()];
    let other = sign_chunks(&duty, &signer, &swapped, Some(&crc));
    assert!(read(&duty, &other, 1000).is_ok());
    let first = bytes.windows(2).position(|two| two == b"\r\n").unwrap() + 2 + 65_536 + 2;
    let left_out = [&bytes[first..], &bytes[..first]].concat();
    assert!(read(&duty, &left_out, 1000).is_err());
    let mut elsewhere = duty.clone();
    elsewhere.chain.as_mut().unwrap().previous =
        Signature::read(SigV4Algorithm::Ecdsa, &"07".repeat(70)).unwrap();
    assert!(read(&elsewhere, &bytes, 1000).is_err());
}

/// A key verifies the signatures of its own algorithm only.
#[test]
fn s7_a_chunk_signed_by_the_other_algorithm_is_refused() {
    let [code, pair] = signers();
    for (own, other) in [(&code, &pair), (&pair, &code)] {
        let duty = duty_for(own, 3, &[]);
        let bytes = sign_chunks(&duty, other, &[b"one".to_vec()], None);
        assert!(matches!(
            read(&duty, &bytes, 9),
            Err(Refusal::SignatureMalformed(_))
        ));
    }
    // Even a chain that were put together wrongly takes nothing.
    let mut duty = duty_for(&code, 3, &[]);
    duty.chain.as_mut().unwrap().key = duty_for(&pair, 3, &[]).chain.unwrap().key;
    let bytes = sign_chunks(&duty, &code, &[b"one".to_vec()], None);
    assert!(matches!(
        read(&duty, &bytes, 9),
        Err(Refusal::SignatureMismatch(_))
    ));
}
