//! Requests as spans of traces. In: what callers say of a trace, and how requests went. Out: what
//! upstreams are told of it, and spans on their way to whoever receives them. A request of which no
//! spans are made has its place in a trace all the same.

mod export;
mod id;
mod otlp;
#[cfg(test)]
mod tests;
mod trace;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use prometheus::IntCounter;

use crate::config::{Propagation, Traces};
use crate::digest::hex;

use export::{Exporter, Origin};
use id::{Place, SpanId, TraceId};
use otlp::{Resource, Scope};

pub use trace::{Attempt, Attributes, Described, Trace};

/// Makes traces, and delivers spans.
pub struct Tracer {
    settings: Traces,
    exporter: Exporter,
}

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const XRAY: &str = "X-Amzn-Trace-Id";

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
