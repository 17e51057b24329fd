//! SigV4 in a `signature` table: scope, profile and the payload modes that are taken.

use crate::document::Table;

/// How a SigV4 signature must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigV4Demand {
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
    /// The service of the credential scope.
    pub service: String,
    /// The region of the credential scope.
    pub region: String,
    /// Seconds by which the signature's time may be off, both ways; at least 1.
    pub max_skew_secs: u32,
    /// Whether `UNSIGNED-PAYLOAD` is taken, over TLS only.
    pub unsigned_payload: bool,
    /// The chunked payload modes that are taken; unsigned ones over TLS only.
    pub streaming: Vec<StreamingMode>,
    /// The longest `X-Amz-Expires` of a presigned URL, in seconds; `None` when the policy takes
    /// no presigned URLs.
    pub max_expires_secs: Option<u32>,
    /// The largest signed chunk, in bytes: it is held until its signature is checked.
    pub max_chunk_bytes: u64,
}

/// How SigV4's canonical request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureProfile {
    /// Every service but S3: the path is normalised and encoded twice.
    Aws,
    /// S3: the path is taken as it is and encoded once.
    S3,
}

/// How a body in AWS's chunks is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamingMode {
    /// Each chunk is signed: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`.
    Signed,
    /// So are trailers behind them: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`.
    SignedTrailer,
    /// Nothing is, but a checksum behind the chunks: `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    UnsignedTrailer,
}

/// The words for how path and query are canonicalised.
pub(in crate::config) const PROFILES: [(&str, SignatureProfile); 2] =
    [("aws", SignatureProfile::Aws), ("s3", SignatureProfile::S3)];
const STREAMING: [(&str, StreamingMode); 3] = [
    ("signed", StreamingMode::Signed),
    ("signed_trailer", StreamingMode::SignedTrailer),
    ("unsigned_trailer", StreamingMode::UnsignedTrailer),
];
const MAX_SKEW_SECS: u32 = 900;
/// A week, in seconds: as long as a presigned URL may be good (Amazon S3 API Reference,
/// "Authenticating Requests: Using Query Parameters").
pub const MAX_EXPIRES_SECS: u32 = 604_800;

/// Takes SigV4's keys out of a `signature` table.
pub(super) fn read(table: &mut Table<'_>, max_chunk_bytes: u64) -> SigV4Demand {
    SigV4Demand {
        profile: table
            .word("profile", &PROFILES)
            .unwrap_or(SignatureProfile::Aws),
        service: read_scope(table, "service"),
        region: read_scope(table, "region"),
        max_skew_secs: read_max_skew(table),
        unsigned_payload: table.boolean("unsigned_payload").unwrap_or(false),
        streaming: table.words("streaming", &STREAMING).unwrap_or_default(),
        max_expires_secs: table.integer("max_expires_secs", 1..=MAX_EXPIRES_SECS),
        max_chunk_bytes,
    }
}

/// A part of the credential scope: `20260131/<region>/<service>/aws4_request`.
pub(in crate::config) fn read_scope(table: &mut Table<'_>, key: &'static str) -> String {
    let document = table.document();
    let Some(text) = table
        .need(key, "write the one that callers sign for")
        .text(key)
    else {
        return String::new();
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !text.value.bytes().all(fits) {
        let problem = format!(
            "\"{key}\" in {} must be made of letters, digits, \"-\", \"_\" and \".\"",
            table.label()
        );
        document.note(text.line, problem);
    }
    text.value
}

fn read_max_skew(table: &mut Table<'_>) -> u32 {
    const KEY: &str = "max_skew_secs";
    let line = table.line_of(KEY);
    let skew = table.any_integer(KEY).unwrap_or(300);
    let text = match u32::try_from(skew) {
        Ok(skew @ 1..=MAX_SKEW_SECS) => return skew,
        Ok(1..) => format!("\"{KEY}\" must be from 1 to {MAX_SKEW_SECS}, not {skew}"),
        _ => format!(
            "\"{KEY}\" must be from 1 to {MAX_SKEW_SECS}; {skew} would refuse everything, since no signature is made at the very second it arrives"
        ),
    };
    table.document().note(line, text);
    300
}
