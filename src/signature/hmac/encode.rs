//! How the bytes of a signature are written, one spelling for each: lower-case hexadecimal
//! digits, base64 and its form for URLs (RFC 4648).

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::config::{HmacEncoding, HmacHash};
use crate::digest::hex;

/// Senders do not agree on whether it is padded.
const FOR_URLS: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a signature; `None` when it is not of this encoding or not of the hash's length.
pub(super) fn decode(text: &str, encoding: HmacEncoding, hash: HmacHash) -> Option<Vec<u8>> {
    let length = match hash {
        HmacHash::Sha256 => 32,
        HmacHash::Sha384 => 48,
        HmacHash::Sha512 => 64,
    };
    // No encoding takes more than two characters a byte: the rest is not looked at.
    let text = Some(text).filter(|text| text.len() <= 2 * length)?;
    let bytes = match encoding {
        HmacEncoding::Hex => unhex(text.as_bytes())?,
        HmacEncoding::Base64 => STANDARD.decode(text).ok()?,
        HmacEncoding::Base64Url => FOR_URLS.decode(text).ok()?,
    };
    Some(bytes).filter(|bytes| bytes.len() == length)
}

/// The text of a signature.
pub(super) fn encode(bytes: &[u8], encoding: HmacEncoding) -> String {
    match encoding {
        HmacEncoding::Hex => hex(bytes),
        HmacEncoding::Base64 => STANDARD.encode(bytes),
        HmacEncoding::Base64Url => FOR_URLS.encode(bytes),
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}
