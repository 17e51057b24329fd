//! Every carrier with every algorithm and every word for the body: what is taken, and which
//! refusal the rest is.

use super::*;
use crate::config::StreamingMode::{self, Signed, SignedTrailer, UnsignedTrailer};
use SigV4Algorithm::{Ecdsa, Hmac};
use SignatureProfile::{Aws, S3};

/// What a cell of the table comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// Verified, and the body owes nothing.
    Free,
    /// Verified; the body owes its hash.
    Hash,
    /// Verified; the body owes its chunks.
    Chunk,
    /// The body must be read first.
    Read,
    /// Refused for its payload mode.
    No,
}
use Cell::{Chunk, Free, Hash, No, Read};

/// What the policy takes beyond what is always taken.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Nothing,
    All,
}
use Leave::{All, Nothing};

const TOLD: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const ALL_MODES: [StreamingMode; 3] = [Signed, SignedTrailer, UnsignedTrailer];

type Row = (
    Option<&'static str>,
    SignatureProfile,
    Leave,
    bool,
    [Cell; 4],
);

/// The word, the profile, what the policy takes, whether it came over TLS; then header with
/// HMAC, header with ECDSA, URL with HMAC, URL with ECDSA.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    (Some(TOLD), Aws, Nothing, true,  [Hash, Hash, Hash, Hash]),
    (Some(TOLD), Aws, Nothing, false, [Hash, Hash, Hash, Hash]),
    (Some(TOLD), S3,  All,     true,  [Hash, Hash, Hash, Hash]),
    (None, Aws, Nothing, true,  [Read, Read, Read, Read]),
    (None, Aws, All,     false, [Read, Read, Read, Read]),
    (None, S3,  Nothing, true,  [Read, Read, No, No]),
    (None, S3,  All,     true,  [Read, Read, Free, Free]),
    (None, S3,  All,     false, [Read, Read, No, No]),
    (Some("UNSIGNED-PAYLOAD"), Aws, Nothing, true,  [No, No, No, No]),
    (Some("UNSIGNED-PAYLOAD"), Aws, Nothing, false, [No, No, No, No]),
    (Some("UNSIGNED-PAYLOAD"), Aws, All,     true,  [Free, Free, Free, Free]),
    (Some("UNSIGNED-PAYLOAD"), Aws, All,     false, [No, No, No, No]),
    (Some("UNSIGNED-PAYLOAD"), S3,  All,     true,  [Free, Free, Free, Free]),
    (Some("UNSIGNED-PAYLOAD"), S3,  All,     false, [No, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Aws, Nothing, true,  [No, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Aws, All,     true,  [Chunk, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), S3,  All,     false, [Chunk, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), Aws, Nothing, true,  [No, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), Aws, All,     true,  [Chunk, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), S3,  All,     false, [Chunk, No, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), Aws, Nothing, true,  [No, No, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), Aws, All,     true,  [No, Chunk, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), S3,  All,     false, [No, Chunk, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"), Aws, Nothing, true,  [No, No, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"), Aws, All,     true,  [No, Chunk, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"), S3,  All,     false, [No, Chunk, No, No]),
    (Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Aws, Nothing, true,  [No, No, No, No]),
    (Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Aws, All,     true,  [Chunk, Chunk, No, No]),
    (Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), S3,  All,     true,  [Chunk, Chunk, No, No]),
    (Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), S3,  All,     false, [No, No, No, No]),
    (Some("STREAMING-AWS4-HMAC-SHA256-EVENTS"), Aws, All, true, [No, No, No, No]),
    (Some("STREAMING-AWS4-ECDSA-P256-SHA256-EVENTS"), Aws, All, true, [No, No, No, No]),
    (Some("STREAMING-UNSIGNED-PAYLOAD"), Aws, All, true, [No, No, No, No]),
    (Some("STREAMING-"), Aws, All, true, [No, No, No, No]),
    (Some("streaming-unsigned-payload-trailer"), Aws, All, true, [No, No, No, No]),
    (Some("unsigned-payload"), Aws, All, true, [No, No, No, No]),
    (Some("UNSIGNED-PAYLOAD "), Aws, All, true, [No, No, No, No]),
    (Some("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"), Aws, All, true, [No, No, No, No]),
    (Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), Aws, All, true, [No, No, No, No]),
    (Some("e3b0"), Aws, All, true, [No, No, No, No]),
    (Some("x"), Aws, All, true, [No, No, No, No]),
    (Some(""), Aws, All, true, [No, No, No, No]),
    (Some(""), S3, All, true, [No, No, No, No]),
];

/// A request with an unread body, rightly signed for what it says of it.
fn request(
    (in_query, algorithm): (bool, SigV4Algorithm),
    word: Option<&str>,
    profile: SignatureProfile,
) -> Request {
    let mut request = Request::get();
    (request.method, request.headers) = ("PUT", HeaderMap::new());
    request.demand.algorithms = vec![algorithm];
    request.demand.profile = profile;
    request.body = b"hello".to_vec();
    request.known = Some(KnownBody::Unread);
    let mut fields = Vec::new();
    if word.is_some_and(|word| word.starts_with("STREAMING-")) {
        fields.push(("x-amz-decoded-content-length", "5"));
    }
    if word.is_some_and(|word| word.ends_with("-TRAILER")) {
        fields.push(("x-amz-trailer", "x-amz-checksum-crc32"));
    }
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in &fields {
        request.set(name, value);
    }
    match in_query {
        true => request.presign(&fields, word),
        false => request.sign(&fields, word),
    }
    request.demand.algorithms = vec![Hmac, Ecdsa];
    request
}

const WAYS: [(bool, SigV4Algorithm); 4] =
    [(false, Hmac), (false, Ecdsa), (true, Hmac), (true, Ecdsa)];

fn cell(request: &Request) -> Cell {
    match request.judge() {
        Ok(Some(Verdict::Verified(BodyDuty::None))) => Free,
        Ok(Some(Verdict::Verified(BodyDuty::Sha256(_)))) => Hash,
        Ok(Some(Verdict::Verified(BodyDuty::Chunked(_)))) => Chunk,
        Ok(Some(Verdict::NeedsBody)) => Read,
        Err(Refusal::PayloadModeRefused) => No,
        other => panic!("{other:?}"),
    }
}

#[test]
fn s5_every_carrier_with_every_payload_mode_is_taken_or_refused_as_the_table_says() {
    for (word, profile, leave, secure, cells) in TABLE {
        for (way, wanted) in WAYS.into_iter().zip(cells) {
            let mut request = request(way, *word, *profile);
            request.secure = *secure;
            if let All = leave {
                request.demand.unsigned_payload = true;
                request.demand.streaming = ALL_MODES.to_vec();
            }
            let what = format!("{word:?} {profile:?} {leave:?} TLS {secure} {way:?}");
            assert_eq!(cell(&request), *wanted, "{what}");
        }
    }
}

#[test]
fn s5_each_streaming_word_needs_its_own_leave() {
    for (word, mode, algorithm) in [
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Signed, Hmac),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            SignedTrailer,
            Hmac,
        ),
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", Signed, Ecdsa),
        (
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
            SignedTrailer,
            Ecdsa,
        ),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", UnsignedTrailer, Hmac),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", UnsignedTrailer, Ecdsa),
    ] {
        let mut request = request((false, algorithm), Some(word), Aws);
        request.demand.streaming = vec![mode];
        assert_eq!(cell(&request), Chunk, "{word}");
        request.demand.streaming = ALL_MODES.into_iter().filter(|one| *one != mode).collect();
        request.demand.unsigned_payload = true;
        assert_eq!(cell(&request), No, "{word}");
    }
}

/// A URL without a body leaves none uncovered.
#[test]
fn a_body_that_is_not_there_needs_no_leave_in_a_url() {
    for (way, word, profile, wanted) in [
        ((true, Hmac), Some("UNSIGNED-PAYLOAD"), Aws, Free),
        ((true, Ecdsa), Some("UNSIGNED-PAYLOAD"), Aws, Free),
        ((true, Hmac), None, S3, Free),
        ((true, Ecdsa), None, S3, Free),
        ((false, Hmac), Some("UNSIGNED-PAYLOAD"), Aws, No),
        ((false, Ecdsa), Some("UNSIGNED-PAYLOAD"), S3, No),
    ] {
        let mut request = request(way, word, profile);
        (request.body, request.known, request.secure) = (Vec::new(), None, false);
        assert_eq!(cell(&request), wanted, "{way:?} {word:?}");
    }
}

/// The header goes before the parameter, and what was signed decides.
#[test]
fn a_url_whose_header_says_otherwise_than_its_query_is_refused() {
    for algorithm in [Hmac, Ecdsa] {
        let mut request = request((true, algorithm), Some(TOLD), Aws);
        request.demand.unsigned_payload = true;
        request.set("x-amz-content-sha256", TOLD);
        assert_eq!(cell(&request), Hash);
        request.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        request.is_mismatch();
        request.set("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        request.demand.streaming = ALL_MODES.to_vec();
        assert_eq!(cell(&request), No);
        request.headers.remove("x-amz-content-sha256");
        request.target += "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD";
        request.is_malformed();
    }
}
