//! The body of an answer. In: the text that stands for it. Out: its bytes, which are those of the
//! payload wherever they stand there as they are.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::Malformed;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a text that was read from `payload`.
pub(super) fn as_it_is(payload: &Bytes, text: Cow<'_, str>) -> Bytes {
    match text {
        Cow::Borrowed(text) => payload.slice_ref(text.as_bytes()),
        Cow::Owned(text) => Bytes::from(text),
    }
}

/// The bytes that a text stands for in base64 (RFC 4648 §4), perhaps broken into lines, as the
/// MIME encoders of some libraries do.
pub(super) fn decoded(text: &str) -> Result<Bytes, Malformed> {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let bytes = match text.as_bytes().iter().any(is_break) {
        false => BASE64.decode(text),
        true => {
            let plain = text.bytes().filter(|byte| !is_break(byte));
            BASE64.decode(plain.collect::<Vec<u8>>())
        }
    };
    let bytes = bytes.map_err(|_| Malformed("\"body\" is not in base64"))?;
    Ok(Bytes::from(bytes))
}
