//! Requests as spans of traces. In: what callers say of a trace, and how requests went. Out: what
//! upstreams are told of it, and spans on their way to whoever receives them. A request of which no
//! spans are made has its place in a trace all the same.

mod export;
mod id;
mod otlp;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use prometheus::IntCounter;

use crate::config::{Propagation, Traces};
use crate::digest::hex;

use super::record::shortened;

use export::{Exporter, Origin};
use id::{Place, SpanId, TraceId};
use otlp::{AnyValue, Code, KeyValue, Kind, Link, Resource, Scope, Span, Status, Value};

/// Makes traces, and delivers spans.
pub struct Tracer {
    settings: Traces,
    exporter: Exporter,
}

/// The place of one request in its trace.
pub struct Trace {
    trace: TraceId,
    /// The gateway's own span.
    span: SpanId,
    /// The caller's, when the caller is believed.
    parent: Option<SpanId>,
    /// What a caller said who is not believed.
    claimed: Option<Place>,
    /// What the caller's other systems want to be told.
    state: Option<String>,
    sampled: bool,
    w3c: bool,
    xray: bool,
    /// The trace's id in digits.
    text: String,
    since: SystemTime,
    started: Instant,
    attempts: Vec<Attempt>,
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
pub struct Attributes(Vec<KeyValue>);

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const XRAY: &str = "X-Amzn-Trace-Id";

/// Bits of `Span.flags`: whether it is known if the parent is in another process, and if it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

impl Tracer {
    /// Starts what delivers spans; those that are lost are counted in `dropped`.
    ///
    /// # Errors
    /// The system refuses a thread or randomness, or has no authorities for TLS.
    pub fn open(settings: &Traces, dropped: IntCounter) -> std::io::Result<Self> {
        let instance: [u8; 8] = random().ok_or_else(|| std::io::Error::other("no randomness"))?;
        let mut attributes = Attributes::default();
        attributes.text("service.name", &settings.service_name);
        attributes.text("service.version", env!("CARGO_PKG_VERSION"));
        attributes.text("service.instance.id", &hex(&instance));
        let origin = Origin {
            resource: Resource {
                attributes: attributes.0,
            },
            scope: Scope {
                name: "countersign".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        };
        Ok(Self {
            exporter: Exporter::start(&settings.endpoint, origin, dropped)?,
            settings: settings.clone(),
        })
    }

    /// A request has come with these fields. `None` only where there is no randomness.
    pub fn begin(&self, headers: &HeaderMap) -> Option<Trace> {
        let drawn: [u8; 28] = random()?;
        let (ids, luck) = drawn.split_at(20);
        let samples = || self.samples(luck);
        let believed = match self.settings.trust_caller {
            true => self.place_in(headers),
            false => None,
        };
        let sampled = believed.and_then(|place| place.sampled);
        let sampled = sampled.unwrap_or_else(samples);
        let since = SystemTime::now();
        let trace = believed.map_or_else(|| new_trace(since, ids), |place| place.trace);
        // Nobody looks at what is not kept.
        let claims = !self.settings.trust_caller && sampled;
        let state = believed.and_then(|_| self.state_in(headers));
        Some(Trace {
            trace,
            span: new_span(ids),
            parent: believed.and_then(|place| place.span),
            claimed: claims.then(|| self.place_in(headers)).flatten(),
            state,
            sampled,
            w3c: self.tells(Propagation::W3c),
            xray: self.tells(Propagation::XRay),
            text: hex(&trace.0),
            since,
            started: Instant::now(),
            attempts: Vec::new(),
        })
    }

    /// A request of which spans are made has ended.
    pub fn tell(&self, trace: &Trace, server: Described, client: impl Fn(&Attempt) -> Described) {
        let ended = trace.started.elapsed();
        let mut spans = Vec::with_capacity(1 + trace.attempts.len());
        spans.push(trace.server_span(server, ended));
        for attempt in &trace.attempts {
            spans.push(trace.client_span(attempt, client(attempt), ended));
        }
        self.exporter.send(spans);
    }

    /// Waits, not for long, until what was told has arrived.
    pub fn close(&self) {
        self.exporter.close();
    }

    fn tells(&self, what: Propagation) -> bool {
        self.settings.propagate.contains(&what)
    }

    /// Of so many requests in all, by a number that nobody else knows.
    fn samples(&self, luck: &[u8]) -> bool {
        let luck = luck.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        // 2^64 numbers, of which the first are lucky.
        (luck as f64) < self.settings.sample * 2f64.powi(64) || self.settings.sample >= 1.0
    }

    /// What the caller says of its trace.
    fn place_in(&self, headers: &HeaderMap) -> Option<Place> {
        let only = |name| {
            let mut values = headers.get_all(name).iter();
            let (only, None) = (values.next()?, values.next()) else {
                return None;
            };
            Some(only.as_bytes())
        };
        let w3c = || only(TRACEPARENT).and_then(id::read_traceparent);
        let xray = || only(XRAY).and_then(id::read_xray);
        let of = |what, place: &dyn Fn() -> Option<Place>| self.tells(what).then(place).flatten();
        of(Propagation::W3c, &w3c).or_else(|| of(Propagation::XRay, &xray))
    }

    /// What goes with `traceparent`, and means nothing without it.
    fn state_in(&self, headers: &HeaderMap) -> Option<String> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next()?.as_bytes();
        id::read_traceparent(parent).filter(|_| self.tells(Propagation::W3c))?;
        let values = headers.get_all(TRACESTATE).iter();
        id::read_tracestate(values.map(|value| value.as_bytes()))
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// X-Ray wants the time in front; the rest is random.
fn new_trace(since: SystemTime, ids: &[u8]) -> TraceId {
    let seconds = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut id = [0; 16];
    id[..4].copy_from_slice(&(seconds.as_secs() as u32).to_be_bytes());
    id[4..].copy_from_slice(&ids[..12]);
    TraceId(id)
}

fn new_span(ids: &[u8]) -> SpanId {
    let mut id = [0; 8];
    id.copy_from_slice(&ids[12..20]);
    SpanId(id).or_another()
}

impl SpanId {
    /// The span of a try, beside that of its request.
    fn of_attempt(self, number: usize) -> Self {
        let id = u64::from_be_bytes(self.0);
        Self(id.wrapping_add(number as u64 + 1).to_be_bytes()).or_another()
    }

    /// An id that is all zeros is none.
    fn or_another(self) -> Self {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self([0xff; 8]),
            id => Self(id),
        }
    }
}

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

    fn server_span(&self, described: Described, ended: Duration) -> Span {
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

    fn client_span(&self, attempt: &Attempt, described: Described, ended: Duration) -> Span {
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
