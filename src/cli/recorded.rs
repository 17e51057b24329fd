//! A request that somebody wrote down as HTTP/1.1 has it on the wire. In: bytes. Out: its
//! parts, the body out of its chunks, or why it is no request.

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Framing, HeadLimits, HeadRefused, read_head};

/// A recorded request.
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

const LIMITS: HeadLimits = HeadLimits {
    max_bytes: 1024 * 1024,
    max_fields: 1000,
};

/// Reads the request, by the reader that serves traffic.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Recorded> {
    let bytes = with_crlf(bytes);
    let head = match read_head(&bytes, 0, &LIMITS) {
        Ok(Some(head)) => head,
        Ok(None) => bail!("the request has no empty line behind its headers"),
        Err(HeadRefused::Malformed(why)) => bail!("refused: 400 malformed_request: {}", why.0),
        Err(HeadRefused::TooLarge) => bail!("refused: 431 headers_too_large"),
    };
    let (text, behind) = bytes.split_at(head.length);
    let text = std::str::from_utf8(text).context("the head is not text")?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next());
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').context("a header has no colon")?;
        headers.append(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(value.trim_matches([' ', '\t']))?,
        );
    }
    Ok(Recorded {
        method: method.unwrap_or_default().to_owned(),
        target: target.unwrap_or_default().to_owned(),
        headers,
        body: body(behind, head.framing)?,
    })
}

/// The bytes with the head's lines ending in CRLF, as an editor may not have kept them.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end.filter(|end| crlf.is_none_or(|crlf| *end < crlf)) else {
        return bytes.to_owned();
    };
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&bytes[end + 2..]);
    out
}

fn body(behind: &[u8], framing: Framing) -> anyhow::Result<Vec<u8>> {
    match framing {
        Framing::Chunked => unchunked(behind),
        Framing::Length(length) => {
            let length = usize::try_from(length)?;
            ensure!(
                behind.len() >= length,
                "Content-Length says {length} bytes of body, but {} are there",
                behind.len()
            );
            let more = behind[length..].trim_ascii();
            ensure!(
                more.is_empty(),
                "there are bytes behind the body; Content-Length says {length}"
            );
            Ok(behind[..length].to_owned())
        }
    }
}

fn unchunked(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let end = end.context("the last chunk is missing")?;
        let size = std::str::from_utf8(&rest[..end]).context("a chunk's size is not text")?;
        let size = usize::from_str_radix(size, 16).context("a chunk's size is no number")?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(out);
        }
        ensure!(
            rest.len() >= size.saturating_add(2),
            "a chunk is shorter than it says"
        );
        out.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::read;

    #[test]
    fn a_request_is_read_with_either_line_end() {
        for text in [
            "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\na\nb\n",
            "POST /a?b HTTP/1.1\nHost: h\nContent-Length: 4\n\na\nb\n",
            "POST /a?b HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n1\r\na\r\n3\r\n\nb\n\r\n0\r\n\r\n",
        ] {
            let request = read(text.as_bytes()).unwrap();
            assert_eq!(
                (request.method.as_str(), request.target.as_str()),
                ("POST", "/a?b")
            );
            assert_eq!(request.headers["host"], "h");
            assert_eq!(request.body, b"a\nb\n", "{text}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in [
            "",
            "GET / HTTP/1.1\r\nHost: h",
            "GET / HTTP/1.1\nHost: h\n\nbody without a length",
            "POST / HTTP/1.1\nHost: h\nContent-Length: 9\n\nshort",
            "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\nffffffffffffffff\r\na",
            "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n5\r\nhell",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
