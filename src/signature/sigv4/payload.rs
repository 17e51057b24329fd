//! How a signature covers the body. In: `x-amz-content-sha256` and what is known of the body.
//! Out: the last line of the canonical request, then what the body still owes, or a `Refusal`.
//! A mode that is not named here is refused.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;

use crate::call::{Body, Call};
use crate::config::{SignatureDemand, SignatureProfile};
use crate::refusal::Refusal;

use super::presented::Carrier;
use super::{CONTENT_SHA256, encode, presigned};

/// What is known of the body when the signature is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBody {
    /// The head says that there is none.
    Empty,
    /// It was not read yet.
    Unread,
    /// It was read whole; this is its SHA-256.
    Hash([u8; 32]),
}

/// What the body still owes after the signature was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum BodyDuty {
    /// Nothing.
    None,
    /// Its SHA-256 must be this one; until that is known, the upstream must not see its end.
    Sha256([u8; 32]),
}

/// The payload mode that a call chose and its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// The header tells the body's hash.
    Told([u8; 32]),
    /// The header says that the body is not signed.
    Unsigned,
    /// There is no header: the hash of the body itself is what was signed.
    Untold,
}

/// SHA-256 of nothing.
pub(super) const EMPTY_HASH: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

impl KnownBody {
    /// Trusts a caller's `Empty` only where the head agrees.
    pub(super) fn as_head_says(self, call: &Call<'_>) -> Self {
        match self {
            Self::Empty if call.body() != Body::Empty => Self::Unread,
            known => known,
        }
    }

    fn hash(self) -> Option<[u8; 32]> {
        match self {
            Self::Empty => Some(EMPTY_HASH),
            Self::Unread => None,
            Self::Hash(hash) => Some(hash),
        }
    }
}

/// The last line of a canonical request.
pub(super) enum CanonicalLine {
    Unsigned,
    Hash([u8; 64]),
}

impl CanonicalLine {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Unsigned => b"UNSIGNED-PAYLOAD",
            Self::Hash(digits) => digits,
        }
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
        carrier: &Carrier<'_>,
        demand: &SignatureDemand,
        secure: bool,
    ) -> Result<Self, Refusal> {
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
            // The chunked modes (`STREAMING-…`) are no hash either.
            text => encode::unhex(text)
                .map(Self::Told)
                .ok_or(Refusal::PayloadModeRefused),
        }
    }

    /// The last line of the canonical request; `None` while the body must be read first.
    pub(super) fn canonical_line(self, body: KnownBody) -> Option<CanonicalLine> {
        match self {
            Self::Unsigned => Some(CanonicalLine::Unsigned),
            Self::Told(hash) => Some(CanonicalLine::Hash(encode::hex(&hash))),
            Self::Untold => body
                .hash()
                .map(|hash| CanonicalLine::Hash(encode::hex(&hash))),
        }
    }

    /// What the body owes, now that the signature is right.
    pub(super) fn settle(self, body: KnownBody) -> Result<BodyDuty, Refusal> {
        match (self, body.hash()) {
            (Self::Unsigned | Self::Untold, _) => Ok(BodyDuty::None),
            (Self::Told(told), None) => Ok(BodyDuty::Sha256(told)),
            (Self::Told(told), Some(read)) => match verify_slices_are_equal(&told, &read) {
                Ok(()) => Ok(BodyDuty::None),
                Err(_) => Err(Refusal::BodyHashMismatch),
            },
        }
    }
}
