//! One request as the stages see it: checked, borrowed, and the same bytes for routing,
//! for the signature and for the upstream.
//! In: a request's head from any version of HTTP. Out: a `Call`, or why there is none.
//! Knows nothing of Pingora, of routes or of signatures.

mod authority;
mod framing;
mod head;
mod target;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName};

use crate::method::Method;
use crate::shape::PathShapes;

pub use authority::host_of;
pub use framing::{BodyFollower, Framing};
pub use head::{Head, HeadLimits, HeadRefused, read_head};

/// Why bytes are not a request, in words for the log. The caller learns only "malformed".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// What the head says of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none, or one of zero bytes.
    Empty,
    /// This many bytes.
    Length(u64),
    /// Some bytes; their number shows at the end.
    Unknown,
}

/// A request whose head is well-formed and unambiguous.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    method: Method,
    target: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    authority: &'a str,
    headers: &'a HeaderMap,
    body: Body,
    shapes: PathShapes,
}

/// The parts from which a call is made, as any HTTP parser hands them over.
pub struct Parts<'a> {
    /// The method's token.
    pub method: &'a str,
    /// The target's path and query, byte for byte as received.
    pub target: &'a [u8],
    /// HTTP/2's `:authority`; `None` in HTTP/1 only, where `Host` says it, and where a body that
    /// is not announced is none (RFC 9112 §6.3).
    pub authority: Option<&'a str>,
    /// The fields, in order.
    pub headers: &'a HeaderMap,
    /// Whether the head was the end of the request.
    pub ended: bool,
}

impl<'a> Call<'a> {
    /// Admits a request: everything that two readers could understand differently is refused.
    ///
    /// # Errors
    /// Says what is malformed (RFC 9110 §5, RFC 9112 §3 and §6.3, RFC 9113 §8.2 and §8.3).
    pub fn admit(parts: &Parts<'a>) -> Result<Self, Malformed> {
        let method = Method::parse(parts.method).ok_or(Malformed("method is unknown"))?;
        let target = target::check(parts.target)?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        for name in parts.headers.keys() {
            if name.as_str().contains('_') {
                return Err(Malformed("header name holds an underscore"));
            }
        }
        check_connection(parts.headers)?;
        let body = body_of(parts)?;
        if matches!(method, Method::Get | Method::Head) && body != Body::Empty {
            return Err(Malformed("GET or HEAD has a body"));
        }
        Ok(Self {
            method,
            target,
            path,
            query,
            authority: authority_of(parts)?,
            headers: parts.headers,
            body,
            shapes: PathShapes::of(path),
        })
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Path and query as received.
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// The path as received, percent-encodings and all.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the first `?`, as received.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The authority as received: host and, if it was sent, port.
    pub fn authority(&self) -> &'a str {
        self.authority
    }

    /// The authority without its port.
    pub fn host(&self) -> &'a str {
        host_of(self.authority)
    }

    /// The fields.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The one value of a field; `None` when it is absent, sent twice or not text.
    pub fn header(&self, name: &HeaderName) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let only = values.next()?;
        match values.next() {
            None => only.to_str().ok(),
            Some(_) => None,
        }
    }

    /// What the head says of the body.
    pub fn body(&self) -> Body {
        self.body
    }

    /// What is unusual about the path.
    pub fn shapes(&self) -> PathShapes {
        self.shapes
    }
}

/// `Connection` may name fields that end at this hop (RFC 9110 §7.6.1), and they are taken out
/// before the upstream hears of them. Of the fields that are there, only those that are made for
/// that do: no signature covers `Connection`, so that whoever names another one wants a field
/// gone that the caller may have signed. Some are not to be named even when they are absent.
fn check_connection(headers: &HeaderMap) -> Result<(), Malformed> {
    const ON_THEIR_WAY: [&str; 6] = [
        "authorization",
        "content-length",
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    const ENDING_HERE: [&str; 6] = [
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ];
    const MOST: usize = 8;
    let is_one_of = |names: &[&str], option: &[u8]| {
        let same = |name: &&str| option.eq_ignore_ascii_case(name.as_bytes());
        names.iter().any(same)
    };
    let is_there = |option: &[u8]| {
        let name = HeaderName::from_bytes(option);
        name.is_ok_and(|name| headers.contains_key(name))
    };
    let values = headers.get_all(CONNECTION).iter();
    let options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    for (count, option) in options.enumerate() {
        let option = option.trim_ascii();
        if count >= MOST
            || is_one_of(&ON_THEIR_WAY, option)
            || !is_one_of(&ENDING_HERE, option) && is_there(option)
        {
            return Err(Malformed("Connection names a field that does not end here"));
        }
    }
    Ok(())
}

fn authority_of<'a>(parts: &Parts<'a>) -> Result<&'a str, Malformed> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match hosts.next() {
        Some(value) => Some(value.to_str().map_err(|_| Malformed("Host is not text"))?),
        None => None,
    };
    if hosts.next().is_some() {
        return Err(Malformed("Host was sent twice"));
    }
    let authority = match (parts.authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err(Malformed("Host is not :authority"));
        }
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(Malformed("Host is missing")),
    };
    authority::check(authority)?;
    Ok(authority)
}

fn body_of(parts: &Parts<'_>) -> Result<Body, Malformed> {
    let mut lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
    let length = match lengths.next() {
        Some(value) => Some(framing::content_length(value.as_bytes())?),
        None => None,
    };
    if lengths.next().is_some() {
        return Err(Malformed("Content-Length was sent twice"));
    }
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match codings.next() {
        Some(value) => framing::is_chunked(value.as_bytes())?,
        None => false,
    };
    if codings.next().is_some() {
        return Err(Malformed("Transfer-Encoding was sent twice"));
    }
    match (length, chunked) {
        (Some(_), true) => Err(Malformed("both Content-Length and Transfer-Encoding")),
        (None, true) => Ok(Body::Unknown),
        (Some(0), false) => Ok(Body::Empty),
        (Some(_), false) if parts.ended => Err(Malformed("Content-Length without a body")),
        (Some(n), false) => Ok(Body::Length(n)),
        (None, false) if parts.ended || parts.authority.is_none() => Ok(Body::Empty),
        (None, false) => Ok(Body::Unknown),
    }
}
