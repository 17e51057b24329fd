//! The head of an HTTP/1 request, byte by byte (RFC 9112 §2 to §6), stricter than the parser
//! behind it: a line ends in CRLF, a space is one space, a name is a token.
//! In: the bytes received so far. Out: nothing yet, where the head ends and how the body is
//! framed, or why it is refused.

use super::Malformed;
use super::framing::{self, Framing};

/// What a head may cost.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes, request line and empty line included.
    pub max_bytes: usize,
    /// Fields.
    pub max_fields: usize,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadRefused {
    /// It is malformed.
    Malformed(Malformed),
    /// It is too long or has too many fields.
    TooLarge,
}

impl From<Malformed> for HeadRefused {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}

/// A head that arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its bytes, the empty line included.
    pub length: usize,
    /// How the body behind it is delimited.
    pub framing: Framing,
    /// Whether it is all there is of an HTTP/1.1 request, and speaks of nothing but that: no body
    /// is announced, nothing is expected, and of the fields that are for the next hop alone
    /// (RFC 9110 §7.6.1) there is at most a `Connection: keep-alive` or `close`.
    pub plain: bool,
}

/// Reads the head at the start of `bytes`, of which the first `seen` were looked at before.
/// `None` when it has not arrived whole.
///
/// # Errors
/// As soon as the bytes cannot become a head any more.
pub fn read_head(
    bytes: &[u8],
    seen: usize,
    limits: &HeadLimits,
) -> Result<Option<Head>, HeadRefused> {
    let Some(length) = end_of_head(bytes, seen)? else {
        return match bytes.len() >= limits.max_bytes {
            true => Err(HeadRefused::TooLarge),
            false => Ok(None),
        };
    };
    if length > limits.max_bytes {
        return Err(HeadRefused::TooLarge);
    }
    let mut lines = Lines(&bytes[..length - 2]);
    let version = request_line(lines.next().unwrap_or_default())?;
    let mut fields = Fields::default();
    let mut count = 0;
    for line in lines {
        count += 1;
        fields.take(line)?;
    }
    if count > limits.max_fields {
        return Err(HeadRefused::TooLarge);
    }
    Ok(Some(Head {
        length,
        framing: fields.framing(version)?,
        plain: version == Version::Http11 && !fields.more,
    }))
}

/// Finds the empty line; refuses a bare LF or CR and a first byte that starts no method.
fn end_of_head(bytes: &[u8], seen: usize) -> Result<Option<usize>, Malformed> {
    if bytes
        .first()
        .is_some_and(|first| !first.is_ascii_uppercase())
    {
        return Err(Malformed("request does not start with a method"));
    }
    let from = seen.saturating_sub(3);
    for at in memchr::memchr2_iter(b'\r', b'\n', &bytes[from..]).map(|at| from + at) {
        match bytes[at] {
            b'\r' if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => {
                return Err(Malformed("CR without LF"));
            }
            b'\r' => {}
            _ if at == 0 || bytes[at - 1] != b'\r' => {
                return Err(Malformed("line ends in a bare LF"));
            }
            _ if at >= 3 && bytes[at - 2] == b'\n' => return Ok(Some(at + 1)),
            _ => {}
        }
    }
    Ok(None)
}

/// The lines of a head without their CRLF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\r', self.0)?;
        let line = &self.0[..end];
        self.0 = self.0.get(end + 2..).unwrap_or_default();
        Some(line)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

fn request_line(line: &[u8]) -> Result<Version, Malformed> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed("request line is not method, target, version"));
    };
    if method.is_empty() || !method.iter().all(u8::is_ascii_uppercase) {
        return Err(Malformed("method is not in capitals"));
    }
    super::target::check(target)?;
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        _ => Err(Malformed("version is not HTTP/1.1 or HTTP/1.0")),
    }
}

/// The fields that decide about framing, while the others are only checked.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    /// Whether there is one that speaks of more than this message.
    more: bool,
}

impl Fields {
    fn take(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let colon = memchr::memchr(b':', line);
        let (name, value) = match colon {
            Some(at) => (&line[..at], line[at + 1..].trim_ascii()),
            None => return Err(Malformed("header line has no colon")),
        };
        if name.is_empty() || !name.iter().all(|byte| NAME_BYTES[usize::from(*byte)]) {
            return Err(Malformed("header name is no token"));
        }
        // Over all of them, without a look for the first: many at once.
        let is_good = |good, byte: &u8| good & framing::is_field_byte(*byte);
        if !value.iter().fold(true, is_good) {
            return Err(Malformed("header value holds a control character"));
        }
        if name.eq_ignore_ascii_case(b"host") {
            let host = std::str::from_utf8(value).map_err(|_| Malformed("Host is not text"))?;
            super::authority::check(host)?;
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = framing::content_length(value)?;
            if self.length.replace(length).is_some() {
                return Err(Malformed("Content-Length was sent twice"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding")
            && std::mem::replace(&mut self.chunked, framing::is_chunked(value)?)
        {
            return Err(Malformed("Transfer-Encoding was sent twice"));
        }
        self.more |= speaks_of_more(name, value);
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, Malformed> {
        if self.hosts != 1 {
            return Err(Malformed("Host is missing or was sent twice"));
        }
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Malformed("both Content-Length and Transfer-Encoding")),
            (None, true) if version == Version::Http10 => {
                Err(Malformed("Transfer-Encoding in HTTP/1.0"))
            }
            (None, true) => Ok(Framing::Chunked),
            (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Whether a field says that a body follows, that something is expected first, or anything to the
/// next hop but whether the connection will be kept.
fn speaks_of_more(name: &[u8], value: &[u8]) -> bool {
    let is_one_of = |names: &[&str]| {
        let mut names = names.iter();
        names.any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
    };
    // The length tells most fields from these.
    match name.len() {
        2 => is_one_of(&["te"]),
        6 => is_one_of(&["expect"]),
        7 => is_one_of(&["upgrade", "trailer"]),
        10 if is_one_of(&["connection"]) => {
            !value.eq_ignore_ascii_case(b"keep-alive") && !value.eq_ignore_ascii_case(b"close")
        }
        10 => is_one_of(&["keep-alive"]),
        14 => is_one_of(&["content-length", "http2-settings"]),
        16 => is_one_of(&["proxy-connection"]),
        17 => is_one_of(&["transfer-encoding"]),
        18 => is_one_of(&["proxy-authenticate"]),
        19 => is_one_of(&["proxy-authorization"]),
        _ => false,
    }
}

/// RFC 9110 §5.6.2 `tchar`, but no underscore: servers that map names to variables read
/// `a_b` and `a-b` as one, so a copy in that spelling could stand in for ours.
const NAME_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        bytes[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^`|~";
    let mut at = 0;
    while at < others.len() {
        bytes[others[at] as usize] = true;
        at += 1;
    }
    bytes
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits {
        max_bytes: 256,
        max_fields: 4,
    };

    fn read(text: &str) -> Result<Option<Head>, HeadRefused> {
        read_head(text.as_bytes(), 0, &LIMITS)
    }

    #[test]
    fn a_whole_head_tells_its_length_and_framing() {
        let head = |length, framing| {
            Ok(Some(Head {
                length,
                framing,
                plain: framing == Framing::Length(0),
            }))
        };
        assert_eq!(
            read("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest"),
            head(27, Framing::Length(0))
        );
        assert_eq!(
            read("POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n"),
            head(51, Framing::Length(12))
        );
        assert_eq!(
            read("PUT / HTTP/1.1\r\nhost:a\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            head(54, Framing::Chunked)
        );
        assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\n"), Ok(None));
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn a_head_is_plain_when_it_is_all_there_is() {
        let with = |field: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        let is_plain = |text: &str| read(text).map(|head| head.map(|head| head.plain));
        for field in [
            "X: 1",
            "Connection: close",
            "connection: Keep-Alive",
            "Accept-Te: 1",
        ] {
            assert_eq!(is_plain(&with(field)), Ok(Some(true)), "{field}");
        }
        for field in [
            "Content-Length: 0",
            "Content-Length: 1",
            "Transfer-Encoding: chunked",
            "TE: trailers",
            "Trailer: X",
            "Expect: 100-continue",
            "Upgrade: websocket",
            "HTTP2-Settings: AA",
            "Connection: X",
            "Connection: close, X",
            "Connection:",
            "Keep-Alive: timeout=5",
            "Proxy-Connection: close",
            "Proxy-Authenticate: X",
            "Proxy-Authorization: X",
        ] {
            assert_eq!(is_plain(&with(field)), Ok(Some(false)), "{field}");
        }
        assert_eq!(
            is_plain("GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
            Ok(Some(false))
        );
    }

    #[test]
    fn every_shape_that_two_parsers_read_differently_is_refused() {
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX_y: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX y: 1\r\n\r\n",
            "GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
            "get / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GE[T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a#frag HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET foo HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/p HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\x16\x03\x01",
        ] {
            assert!(
                matches!(read(text), Err(HeadRefused::Malformed(_))),
                "{text:?}: {:?}",
                read(text)
            );
        }
    }

    #[test]
    fn a_head_that_is_too_large_is_told_from_a_malformed_one() {
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(300));
        assert_eq!(read(&long), Err(HeadRefused::TooLarge));
        let whole = format!("{long}\r\n\r\n");
        assert_eq!(read(&whole), Err(HeadRefused::TooLarge));
        let many = "GET / HTTP/1.1\r\nHost: a\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n";
        assert_eq!(read(many), Err(HeadRefused::TooLarge));
    }

    proptest! {
        #[test]
        fn a_head_is_read_alike_whole_and_in_drips(text in "(GET|POST) /[a-c]{0,3} HTTP/1.[01]\r\n(Host: a\r\n)?([A-Z_]: [a-c\r\n]{0,3}\r\n){0,3}\r\n.{0,3}") {
            let whole = read_head(text.as_bytes(), 0, &LIMITS);
            let mut dripped = Ok(None);
            for end in 1..=text.len() {
                dripped = read_head(&text.as_bytes()[..end], end - 1, &LIMITS);
                if dripped != Ok(None) { break; }
            }
            match whole {
                Ok(found) => prop_assert_eq!(dripped, Ok(found)),
                Err(_) => prop_assert!(dripped.is_err()),
            }
        }
    }
}
