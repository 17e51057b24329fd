//! The place of one request in its trace, and its spans. In: how the request goes. Out: what upstreams
//! are told, and spans as OTLP has them.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::telemetry::record::shortened;

use super::id::{self, Place, SpanId, TraceId};
use super::otlp::{AnyValue, Code, KeyValue, Kind, Link, Span, Status, Value};
use super::{TRACEPARENT, TRACESTATE, XRAY};

/// The place of one request in its trace.
pub struct Trace {
    pub(super) trace: TraceId,
    /// The gateway's own span.
    pub(super) span: SpanId,
    /// The caller's, when the caller is believed.
    pub(super) parent: Option<SpanId>,
    /// What a caller said who is not believed.
    pub(super) claimed: Option<Place>,
    /// What the caller's other systems want to be told.
    pub(super) state: Option<String>,
    pub(super) sampled: bool,
    pub(super) w3c: bool,
    pub(super) xray: bool,
    /// The trace's id in digits.
    pub(super) text: String,
    pub(super) since: SystemTime,
    pub(super) started: Instant,
    pub(super) attempts: Vec<Attempt>,
}

/// One try to have a request answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    began: Duration,
    ended: Option<Duration>,
    /// Its place among the tries: the first is 0.
    pub number: usize,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<&'static str>,
    /// Who was tried, when it has ended before the request has.
    pub target: Option<SocketAddr>,
}

/// What is said of a span.
#[derive(Default)]
pub struct Described {
    /// Its name, of which there are few.
    pub name: String,
    /// What else is known.
    pub attributes: Attributes,
    /// Whether it failed.
    pub failed: bool,
}

/// What is known of a span, by names of OpenTelemetry's semantic conventions.
#[derive(Default)]
pub struct Attributes(pub(super) Vec<KeyValue>);

/// Bits of `Span.flags`: whether it is known if the parent is in another process, and if it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

impl Trace {
    /// Its id: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.text
    }

    /// Whether spans are made.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The fields that tell of it, with what is asked for next as the child of what is done now:
    /// each with its value, or with none where nobody may say anything.
    pub fn fields(&self) -> Vec<(&'static str, Option<String>)> {
        let span = match self.attempts.last() {
            Some(attempt) if attempt.ended.is_none() => self.span.of_attempt(attempt.number),
            _ => self.span,
        };
        let mut fields = Vec::with_capacity(3);
        if self.w3c {
            let parent = id::traceparent(self.trace, span, self.sampled);
            fields.push((TRACEPARENT, Some(parent)));
            fields.push((TRACESTATE, self.state.clone()));
        }
        if self.xray {
            fields.push((XRAY, Some(id::xray(self.trace, span, self.sampled))));
        }
        fields
    }

    /// It is tried to have the request answered.
    pub fn try_begins(&mut self) {
        self.attempts.push(Attempt {
            began: self.started.elapsed(),
            number: self.attempts.len(),
            ..Attempt::default()
        });
    }

    /// The try has got the head of an answer.
    pub fn try_is_answered(&mut self, status: u16) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.status = Some(status);
        }
    }

    /// The try has failed, with this target.
    pub fn try_fails(&mut self, error: &'static str, target: Option<SocketAddr>) {
        let now = self.started.elapsed();
        if let Some(attempt) = self.attempts.last_mut()
            && attempt.ended.is_none()
        {
            attempt.ended = Some(now);
            attempt.error = Some(error);
            attempt.target = target;
        }
    }

    pub(super) fn server_span(&self, described: Described, ended: Duration) -> Span {
        let remote = self.parent.map_or(0, |_| IS_REMOTE);
        let link = self.claimed.and_then(|claimed| {
            Some(Link {
                trace_id: claimed.trace.0.to_vec(),
                span_id: claimed.span?.0.to_vec(),
                flags: HAS_IS_REMOTE | IS_REMOTE | u32::from(claimed.sampled == Some(true)),
            })
        });
        Span {
            span_id: self.span.0.to_vec(),
            parent_span_id: self
                .parent
                .map_or_else(Vec::new, |parent| parent.0.to_vec()),
            kind: Kind::Server.into(),
            links: link.into_iter().collect(),
            flags: HAS_IS_REMOTE | remote | 1,
            ..self.any_span(described, Duration::ZERO, ended)
        }
    }

    pub(super) fn client_span(
        &self,
        attempt: &Attempt,
        described: Described,
        ended: Duration,
    ) -> Span {
        Span {
            span_id: self.span.of_attempt(attempt.number).0.to_vec(),
            parent_span_id: self.span.0.to_vec(),
            kind: Kind::Client.into(),
            flags: HAS_IS_REMOTE | 1,
            ..self.any_span(described, attempt.began, attempt.ended.unwrap_or(ended))
        }
    }

    fn any_span(&self, described: Described, began: Duration, ended: Duration) -> Span {
        let since = self.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = |later: Duration| (since + later).as_nanos() as u64;
        let code = match described.failed {
            true => Code::Error,
            false => Code::Unset,
        };
        Span {
            trace_id: self.trace.0.to_vec(),
            trace_state: self.state.clone().unwrap_or_default(),
            name: described.name,
            start_time_unix_nano: nanoseconds(began),
            end_time_unix_nano: nanoseconds(ended),
            attributes: described.attributes.0,
            status: Some(Status { code: code.into() }),
            ..Span::default()
        }
    }
}

impl SpanId {
    /// The span of a try, beside that of its request.
    fn of_attempt(self, number: usize) -> Self {
        let id = u64::from_be_bytes(self.0);
        Self(id.wrapping_add(number as u64 + 1).to_be_bytes()).or_another()
    }

    /// An id that is all zeros is none.
    pub(super) fn or_another(self) -> Self {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self([0xff; 8]),
            id => Self(id),
        }
    }
}

impl Attributes {
    /// Notes a text, of which the first 1024 bytes are told.
    pub fn text(&mut self, key: &str, text: &str) {
        self.put(key, Value::Text(shortened(text).into_owned()));
    }

    /// The same, when there is one.
    pub fn text_if(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// Notes a number.
    pub fn number(&mut self, key: &str, number: i64) {
        self.put(key, Value::Number(number));
    }

    fn put(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
        });
    }
}
