//! The shape of an access-log line. Every event kind has its own fields; all have `time`,
//! `event`, `listener` and `peer`.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use super::details::RequestDetails;

/// One event.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
// Made on the stack, told, and gone: boxing the larger one would only cost.
#[allow(clippy::large_enum_variant)]
pub enum Record<'a> {
    /// A request that was understood, served or refused.
    Request(RequestRecord<'a>),
    /// Bytes that were refused before they became a request.
    Refused(ConnectionRecord<'a>),
    /// A handshake that failed.
    Handshake(HandshakeRecord<'a>),
    /// A connection that no trusted proxy has passed on, or whose PROXY header is wrong.
    ProxyHeader(ProxyRecord<'a>),
}

/// A request that was understood.
#[derive(Serialize)]
pub struct RequestRecord<'a> {
    /// RFC 3339, with milliseconds.
    pub time: LogTime,
    /// Its id, as the caller and the upstream saw it.
    pub request_id: &'a str,
    /// The listener's name.
    pub listener: &'a str,
    /// The caller's address.
    pub peer: SocketAddr,
    /// The address of the proxy that passed the connection on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<SocketAddr>,
    /// The id of the VPC endpoint that the connection came through, as the proxy tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint: Option<&'a str>,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// The method.
    pub method: &'a str,
    /// The authority, as sent.
    pub host: &'a str,
    /// The path as sent, without its query: queries hold secrets more often than paths.
    pub path: &'a str,
    /// The route's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The consumer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<&'a str>,
    /// The subject of the caller's certificate.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub certificate_subject: Option<&'a str>,
    /// The serial number of the caller's certificate.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub certificate_serial: Option<&'a str>,
    /// How that certificate was judged for this request: `trusted`, `unverified`, or why not. What
    /// is not trusted may bear anybody's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_verdict: Option<&'static str>,
    /// The version of TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<&'a str>,
    /// The status that was sent; 499 when the caller left before there was one, 0 when it could not
    /// be sent.
    pub status: u16,
    /// The refusal's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
    /// What an operator should know about the refusal.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: &'static str,
    /// The address of the target that was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<SocketAddr>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Milliseconds from the head to the end of the answer.
    pub duration_ms: f64,
    /// Of these, from the connection to the target to the head of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<f64>,
    /// Microseconds of deciding: route, certificate, signature, limits.
    pub decide_us: f64,
    /// The trace that it is a part of, when traces are made: 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    /// What only templates tell; `None` without one.
    #[serde(skip)]
    pub details: Option<&'a RequestDetails<'a>>,
}

/// A handshake that failed.
#[derive(Serialize)]
pub struct HandshakeRecord<'a> {
    /// RFC 3339, with milliseconds.
    pub time: LogTime,
    /// The listener's name.
    pub listener: &'a str,
    /// The caller's address.
    pub peer: SocketAddr,
    /// The address of the proxy that passed the connection on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<SocketAddr>,
    /// The id of the VPC endpoint that the connection came through, as the proxy tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint: Option<&'a str>,
    /// `failed` or `timed_out`.
    pub result: &'static str,
    /// Why, in one word.
    pub reason: &'static str,
    /// The name that the caller asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<&'a str>,
    /// SHA-256 of the certificate that the caller showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_fingerprint: Option<String>,
    /// The subject of that certificate, which may be anybody's.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub certificate_subject: Option<&'a str>,
    /// The issuer that it names.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub certificate_issuer: Option<&'a str>,
    /// Its serial number.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub certificate_serial: Option<&'a str>,
    /// What an operator should know about it.
    pub detail: String,
}

/// Bytes that were refused before there was a request.
#[derive(Serialize)]
pub struct ConnectionRecord<'a> {
    /// RFC 3339, with milliseconds.
    pub time: LogTime,
    /// The id that the caller was told.
    pub request_id: &'a str,
    /// The listener's name.
    pub listener: &'a str,
    /// The caller's address.
    pub peer: SocketAddr,
    /// The address of the proxy that passed the connection on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<SocketAddr>,
    /// The id of the VPC endpoint that the connection came through, as the proxy tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint: Option<&'a str>,
    /// The status that was sent.
    pub status: u16,
    /// The refusal's code.
    pub refusal: &'static str,
    /// What an operator should know about it.
    pub detail: &'static str,
    /// What only templates tell; `None` without one.
    #[serde(skip)]
    pub details: Option<&'a RequestDetails<'a>>,
}

impl<'a> ConnectionRecord<'a> {
    /// As a request of which nothing is known, for formats that know requests only.
    pub(super) fn as_request(&self) -> RequestRecord<'a> {
        RequestRecord {
            time: self.time,
            request_id: self.request_id,
            listener: self.listener,
            peer: self.peer,
            via: self.via,
            vpc_endpoint: self.vpc_endpoint,
            protocol: "",
            method: "",
            host: "",
            path: "",
            route: None,
            consumer: None,
            certificate_subject: None,
            certificate_serial: None,
            certificate_verdict: None,
            tls: None,
            status: self.status,
            refusal: Some(self.refusal),
            detail: self.detail,
            target: None,
            bytes_in: 0,
            bytes_out: 0,
            duration_ms: 0.0,
            upstream_ms: None,
            decide_us: 0.0,
            trace_id: None,
            details: self.details,
        }
    }
}

/// A connection that should have come through a trusted proxy.
#[derive(Serialize)]
pub struct ProxyRecord<'a> {
    /// RFC 3339, with milliseconds.
    pub time: LogTime,
    /// The listener's name.
    pub listener: &'a str,
    /// Who connected.
    pub peer: SocketAddr,
    /// Why it was turned away, in one word.
    pub reason: &'static str,
    /// What an operator should know about it.
    pub detail: &'static str,
}

/// The longest that is written of what a certificate says, in bytes.
const LONGEST: usize = 1024;

fn cut<S: Serializer>(text: &Option<&str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&shortened(text.unwrap_or_default()))
}

/// Whoever shows a certificate chooses how long its names are, and a request of a hundred bytes
/// would write all of them.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let ends = |at: &usize| text.is_char_boundary(*at);
    let end = (0..=LONGEST).rev().find(ends).unwrap_or_default();
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The time of an event. It becomes text only where it is written.
#[derive(Clone, Copy)]
pub struct LogTime(jiff::Timestamp);

impl LogTime {
    /// The time now.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now())
    }

    /// Milliseconds since 1970.
    pub(super) fn unix_ms(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl Serialize for LogTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:.3}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_two_letters() {
        let written = |text: &str| cut(&Some(text), serde_json::value::Serializer);
        let long = "ü".repeat(LONGEST);
        for (text, length) in [("", 0), ("CN=a", 4), (&long[..LONGEST], LONGEST)] {
            let value = written(text).expect("a text");
            assert_eq!(value.as_str().map(str::len), Some(length));
        }
        let value = written(&format!("a{long}")).expect("a text");
        let text = value.as_str().unwrap_or_default();
        assert_eq!(text.len(), LONGEST - 1 + "…".len());
        assert!(text.ends_with("ü…"));
    }
}
