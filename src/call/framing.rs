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

/// Bytes of trailer fields that are borne before the request is refused.
const MAX_TRAILER_BYTES: usize = 8 * 1024;

/// Watches the bytes of one body and tells where it ends.
#[derive(Clone, Debug)]
pub struct BodyFollower(State);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// This many bytes are still to come.
    Plain(u64),
    /// In a chunk's size: the value so far and the number of its digits.
    Size(u64, u8),
    /// Behind the size's CR.
    SizeEnd(u64),
    /// In a chunk: this many bytes are still to come.
    Data(u64),
    /// Behind a chunk, before its CR.
    DataCr,
    /// Behind a chunk, before its LF.
    DataLf,
    /// In the trailer section: bytes so far, whether the line is empty so far.
    Trailer(usize, bool),
    /// Behind a trailer line's CR.
    TrailerLf(usize, bool),
    /// Behind the last byte.
    Done,
}

impl BodyFollower {
    /// A follower for a body that starts with the next byte.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(n) => State::Plain(n),
            Framing::Chunked => State::Size(0, 0),
        })
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// Watches `bytes`; says how many of them belong to the body.
    ///
    /// # Errors
    /// The body is not framed as RFC 9112 §7.1 says, or has chunk extensions.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.0 != State::Done {
            at += match self.0 {
                State::Plain(left) => self.skip(left, bytes.len() - at, State::Plain, State::Done),
                State::Data(left) => self.skip(left, bytes.len() - at, State::Data, State::DataCr),
                _ => {
                    self.0 = self.0.step(bytes[at])?;
                    1
                }
            };
        }
        Ok(at)
    }

    fn skip(&mut self, left: u64, have: usize, more: fn(u64) -> State, end: State) -> usize {
        let taken = left.min(have as u64);
        self.0 = match left - taken {
            0 => end,
            rest => more(rest),
        };
        taken as usize
    }
}

impl State {
    fn step(self, byte: u8) -> Result<Self, Malformed> {
        match (self, byte) {
            (Self::Size(value, digits), _) if byte.is_ascii_hexdigit() => {
                // Fifteen digits are a petabyte and cannot overflow.
                if digits == 15 {
                    return Err(Malformed("chunk size is too large"));
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Ok(Self::Size(value << 4 | u64::from(digit), digits + 1))
            }
            (Self::Size(value, 1..), b'\r') => Ok(Self::SizeEnd(value)),
            (Self::Size(..), _) => Err(Malformed("chunk size is not plain hexadecimal")),
            (Self::SizeEnd(0), b'\n') => Ok(Self::Trailer(0, true)),
            (Self::SizeEnd(value), b'\n') => Ok(Self::Data(value)),
            (Self::DataCr, b'\r') => Ok(Self::DataLf),
            (Self::DataLf, b'\n') => Ok(Self::Size(0, 0)),
            (Self::Trailer(length, empty), b'\r') => Ok(Self::TrailerLf(length, empty)),
            (Self::TrailerLf(_, true), b'\n') => Ok(Self::Done),
            (Self::TrailerLf(length, false), b'\n') => Ok(Self::Trailer(length, true)),
            (Self::Trailer(length, empty), _) => {
                let starts_well = !empty || !matches!(byte, b' ' | b'\t');
                if length >= MAX_TRAILER_BYTES || !starts_well || !is_field_byte(byte) {
                    return Err(Malformed("trailer is malformed"));
                }
                Ok(Self::Trailer(length + 1, false))
            }
            _ => Err(Malformed("chunk does not end in CRLF")),
        }
    }
}

/// A byte that may stand in a field line (RFC 9110 §5.5): no control character but tab.
pub(super) fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn follow(framing: Framing, bytes: &[u8]) -> Result<(usize, bool), Malformed> {
        let mut follower = BodyFollower::new(framing);
        let taken = follower.follow(bytes)?;
        Ok((taken, follower.is_done()))
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        let chunked = |text: &str| follow(Framing::Chunked, text.as_bytes());
        assert_eq!(follow(Framing::Length(0), b"GET"), Ok((0, true)));
        assert_eq!(follow(Framing::Length(3), b"abcGET"), Ok((3, true)));
        assert_eq!(follow(Framing::Length(3), b"ab"), Ok((2, false)));
        assert_eq!(chunked("0\r\n\r\nGET"), Ok((5, true)));
        assert_eq!(
            chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            Ok((28, true))
        );
        assert_eq!(chunked("0\r\nx-a: 1\r\nx-b: 2\r\n\r\nG"), Ok((21, true)));
        assert_eq!(chunked("3\r\nab"), Ok((5, false)));
    }

    #[test]
    fn sloppy_chunks_are_refused() {
        for text in [
            "1;a=b\r\na\r\n0\r\n\r\n",
            "1;a\nb\r\na\r\n0\r\n\r\n",
            "1 \r\na\r\n0\r\n\r\n",
            " 1\r\na\r\n0\r\n\r\n",
            "1\na\n0\n\n",
            "1\r\na\n0\r\n\r\n",
            "1\r\naXX0\r\n\r\n",
            "0x1\r\na\r\n0\r\n\r\n",
            "+1\r\na\r\n0\r\n\r\n",
            "\r\n",
            "10000000000000000\r\na\r\n0\r\n\r\n",
            "0\r\n x: 1\r\n\r\n",
            "0\r\nx: 1\n\r\n",
            "0\r\nx\0: 1\r\n\r\n",
        ] {
            assert!(
                follow(Framing::Chunked, text.as_bytes()).is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn lengths_are_digits_and_nothing_else() {
        assert_eq!(content_length(b"007"), Ok(7));
        for bad in ["", "+2", "-1", "2, 2", "2 ", "0x2", "9999999999999999999"] {
            assert!(content_length(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in [
            "",
            "gzip, chunked",
            "chunked, identity",
            "xchunked",
            "identity",
        ] {
            assert!(is_chunked(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        /// Network reads may cut anywhere: the cuts must not matter.
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'2'), Just(b'a'), any::<u8>()], 0..64),
            cut in 0usize..64,
        ) {
            let whole = follow(Framing::Chunked, &bytes);
            let cut = cut.min(bytes.len());
            let mut follower = BodyFollower::new(Framing::Chunked);
            let parts = follower.follow(&bytes[..cut]).and_then(|first| {
                let second = match first == cut { true => follower.follow(&bytes[cut..])?, false => 0 };
                Ok((first + second, follower.is_done()))
            });
            prop_assert_eq!(whole, parts);
        }
    }
}
