//! How a signature covers the body. In: `x-amz-content-sha256` and what is known of the body.
//! Out: the last line of the canonical request, then what the body still owes, or a `Refusal`.
//! A mode that is not named here is refused.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;

use crate::call::{Body, Call};
use crate::config::{SigV4Algorithm, SigV4Demand, SignatureProfile, StreamingMode};
use crate::refusal::Refusal;
use crate::signature::body::{BodyDuty, KnownBody};

use super::checksum::Checksum;
use super::chunked::{Chain, ChunkedDuty};
use super::names::{CONTENT_SHA256, DECODED_LENGTH, TRAILER};
use super::presented::{Carrier, Presented};
use super::{encode, presigned};

/// The payload mode that a call chose and its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// The header tells the body's hash.
    Told([u8; 32]),
    /// The header says that the body is not signed.
    Unsigned,
    /// There is no header: the hash of the body itself is what was signed.
    Untold,
    /// The body comes in chunks.
    Streaming(Streaming),
}

/// A word for a body in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streaming {
    word: &'static str,
    mode: StreamingMode,
    /// The algorithm of its signatures, which must be the request's; `None` when there are none.
    algorithm: Option<SigV4Algorithm>,
}

/// The last line of a canonical request.
pub(super) enum CanonicalLine {
    Word(&'static str),
    Hash([u8; 64]),
}

impl CanonicalLine {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Word(word) => word.as_bytes(),
            Self::Hash(digits) => digits,
        }
    }
}

pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const STREAMING: [Streaming; 5] = {
    use SigV4Algorithm::{Ecdsa, Hmac};
    use StreamingMode::{Signed, SignedTrailer, UnsignedTrailer};
    const fn row(
        word: &'static str,
        mode: StreamingMode,
        algorithm: Option<SigV4Algorithm>,
    ) -> Streaming {
        Streaming {
            word,
            mode,
            algorithm,
        }
    }
    [
        row("STREAMING-UNSIGNED-PAYLOAD-TRAILER", UnsignedTrailer, None),
        row("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Signed, Some(Hmac)),
        row(
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            SignedTrailer,
            Some(Hmac),
        ),
        row(
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            Signed,
            Some(Ecdsa),
        ),
        row(
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
            SignedTrailer,
            Some(Ecdsa),
        ),
    ]
};

impl Streaming {
    fn read(text: &[u8]) -> Option<Self> {
        STREAMING
            .into_iter()
            .find(|one| one.word.as_bytes() == text)
    }

    /// A URL has no chunks; chunks that are not signed need TLS, as a body that is not signed
    /// does; chunks of the other algorithm are nobody's.
    fn is_taken(self, presented: &Presented<'_>, demand: &SigV4Demand, secure: bool) -> bool {
        let by_header = matches!(presented.carrier(), Carrier::Header);
        let covered = secure || self.mode != StreamingMode::UnsignedTrailer;
        let same = self
            .algorithm
            .is_none_or(|one| one == presented.algorithm());
        by_header && covered && same && demand.streaming.contains(&self.mode)
    }
}

/// `x-amz-decoded-content-length`, which coverage has found signed.
fn decoded_length(call: &Call<'_>) -> Result<u64, &'static str> {
    if call.body() == Body::Empty {
        return Err("a chunked payload mode without a body");
    }
    let text = call.header(&DECODED_LENGTH);
    let text = text.ok_or("x-amz-decoded-content-length is absent or sent twice")?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = digits.then(|| text.parse().ok()).flatten();
    length.ok_or("x-amz-decoded-content-length is no number")
}

/// The names in `x-amz-trailer`, lower-case.
fn trailers(call: &Call<'_>, mode: StreamingMode) -> Result<Vec<String>, &'static str> {
    let announced = call.headers().contains_key(TRAILER);
    if mode == StreamingMode::Signed {
        return match announced {
            true => Err("x-amz-trailer in a payload mode without trailers"),
            false => Ok(Vec::new()),
        };
    }
    let text = call
        .header(&TRAILER)
        .ok_or("x-amz-trailer is absent or sent twice")?;
    let names = text.split(',').map(|name| name.trim().to_ascii_lowercase());
    let names: Vec<String> = names.collect();
    let checksums = names
        .iter()
        .filter(|name| name.starts_with("x-amz-checksum-"));
    if checksums.clone().any(|name| Checksum::of(name).is_none()) {
        return Err("x-amz-trailer names an unknown checksum");
    }
    if mode == StreamingMode::UnsignedTrailer && checksums.count() == 0 {
        return Err("x-amz-trailer names no checksum, and nothing else would cover the body");
    }
    match names
        .iter()
        .enumerate()
        .any(|(at, name)| name.is_empty() || names[..at].contains(name))
    {
        true => Err("x-amz-trailer holds a name twice, or none"),
        false => Ok(names),
    }
}

/// The mode of a presigned call without the field: S3's signers leave the body unsigned, all
/// others sign its hash.
fn mode_of_url<'a>(
    call: &Call<'a>,
    profile: SignatureProfile,
) -> Result<Option<&'a [u8]>, Refusal> {
    let told = presigned::content_sha256(call.query().unwrap_or_default());
    let told = told.map_err(Refusal::SignatureMalformed)?;
    Ok(match (told, profile) {
        (Some(told), _) => Some(told.as_bytes()),
        (None, SignatureProfile::S3) => Some(b"UNSIGNED-PAYLOAD"),
        (None, SignatureProfile::Aws) => None,
    })
}

impl Payload {
    /// Reads the mode; refuses one that `demand` does not allow.
    pub(super) fn of(
        call: &Call<'_>,
        presented: &Presented<'_>,
        demand: &SigV4Demand,
        secure: bool,
    ) -> Result<Self, Refusal> {
        let carrier = presented.carrier();
        let mut values = call.headers().get_all(CONTENT_SHA256).iter();
        let value = values.next().map(HeaderValue::as_bytes);
        if values.next().is_some() {
            let twice = "x-amz-content-sha256 was sent twice";
            return Err(Refusal::SignatureMalformed(twice));
        }
        let value = match (value, carrier) {
            (None, Carrier::Query(_)) => mode_of_url(call, demand.profile)?,
            (value, _) => value,
        };
        let Some(value) = value else {
            return Ok(Self::Untold);
        };
        // A URL for S3 is signed before anyone knows the body; without one nothing is left out.
        let nothing_left_out = matches!(carrier, Carrier::Query(_)) && call.body() == Body::Empty;
        match value {
            b"UNSIGNED-PAYLOAD" if nothing_left_out => Ok(Self::Unsigned),
            b"UNSIGNED-PAYLOAD" if demand.unsigned_payload && secure => Ok(Self::Unsigned),
            b"UNSIGNED-PAYLOAD" => Err(Refusal::PayloadModeRefused),
            text => match (Streaming::read(text), encode::unhex(text)) {
                (Some(one), _) if one.is_taken(presented, demand, secure) => {
                    Ok(Self::Streaming(one))
                }
                (None, Some(hash)) => Ok(Self::Told(hash)),
                _ => Err(Refusal::PayloadModeRefused),
            },
        }
    }

    /// The last line of the canonical request; `None` while the body must be read first.
    pub(super) fn canonical_line(self, body: KnownBody<'_>) -> Option<CanonicalLine> {
        match self {
            Self::Unsigned => Some(CanonicalLine::Word(UNSIGNED)),
            Self::Streaming(one) => Some(CanonicalLine::Word(one.word)),
            Self::Told(hash) => Some(CanonicalLine::Hash(encode::hex(&hash))),
            Self::Untold => body
                .hash()
                .map(|hash| CanonicalLine::Hash(encode::hex(&hash))),
        }
    }

    /// What the body owes, now that the signature is right; `chain` goes on from it.
    pub(super) fn settle(
        self,
        call: &Call<'_>,
        body: KnownBody<'_>,
        max_chunk_bytes: u64,
        chain: impl FnOnce() -> Option<Chain>,
    ) -> Result<BodyDuty, Refusal> {
        match (self, body.hash()) {
            (Self::Unsigned | Self::Untold, _) => Ok(BodyDuty::None),
            (Self::Streaming(Streaming { mode, .. }), _) => {
                let duty = ChunkedDuty {
                    decoded_length: decoded_length(call).map_err(Refusal::SignatureMalformed)?,
                    chain: match mode {
                        StreamingMode::UnsignedTrailer => None,
                        _ => Some(chain().ok_or(Refusal::Internal("a verified key is gone"))?),
                    },
                    trailers: trailers(call, mode).map_err(Refusal::SignatureMalformed)?,
                    max_chunk_bytes,
                };
                Ok(BodyDuty::Chunked(Box::new(duty)))
            }
            (Self::Told(told), None) => Ok(BodyDuty::Sha256(told)),
            (Self::Told(told), Some(read)) => match verify_slices_are_equal(&told, &read) {
                Ok(()) => Ok(BodyDuty::None),
                Err(_) => Err(Refusal::BodyHashMismatch),
            },
        }
    }
}
