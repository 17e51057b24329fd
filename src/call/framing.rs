//! Where a body ends (RFC 9112 §6 and §7): the two fields that say so, read strictly, and a
//! follower that watches an HTTP/1 body go by and tells its last byte.
//! Chunk extensions and sloppy line ends are refused: two readers of them may disagree on
//! where the next request starts.

use super::Malformed;

/// How an HTTP/1 body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length; 0 when there is none.
    Length(u64),
    /// By chunks.
    Chunked,
}

/// Reads `Content-Length`: digits only, one number.
pub(super) fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    const WRONG: Malformed = Malformed("Content-Length is no number");
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    let digits = std::str::from_utf8(value).map_err(|_| WRONG)?;
    digits.parse().map_err(|_| WRONG)
}

/// Reads `Transfer-Encoding`: `chunked` and nothing else.
pub(super) fn is_chunked(value: &[u8]) -> Result<bool, Malformed> {
    match value.eq_ignore_ascii_case(b"chunked") {
        true => Ok(true),
        false => Err(Malformed("Transfer-Encoding is not just chunked")),
    }
}
