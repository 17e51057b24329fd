//! One request on its way: what has been decided, what it still owes, and what the log will
//! say of it. Lives from the head to the end of the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use pingora_core::protocols::http::ServerSession;

use crate::config::Route;
use crate::flow::body::BodyWatch;
use crate::integration::{Answer, Attempt, Plan, Upstream};
use crate::names::{IntegrationName, RequestId};
use crate::refusal::Refusal;
use crate::telemetry::{LogTime, Record, RequestRecord, Trace};

use super::buffers::Held;
use super::connection::Connection;
use super::logged;
use super::state::State;
use super::traced;

/// A request on its way.
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) connection: Option<Arc<Connection>>,
    pub(super) has_body: bool,
    pub(super) route: Option<Arc<Route>>,
    pub(super) plan: Option<Plan>,
    /// How the caller's certificate was judged.
    pub(super) certificate_verdict: Option<&'static str>,
    pub(super) refusal: Option<Refusal>,
    /// Watches a body that streams.
    pub(super) watch: Option<BodyWatch>,
    /// What the upstream is told of the caller's certificate.
    pub(super) certificate: Vec<(HeaderName, HeaderValue)>,
    /// A body that was read before the upstream was chosen.
    pub(super) body: Option<Bytes>,
    /// Leave to hold that body.
    pub(super) held: Option<Held>,
    /// Set when it was refused after it had set out, and was told so.
    pub(super) refused_on_the_way: bool,
    pub(super) attempt: Attempt,
    /// Its place in a trace, when traces are made.
    pub(super) trace: Option<Box<Trace>>,
    pub(super) decided_in: Duration,
    pub(super) upstream_since: Option<Instant>,
    pub(super) upstream_took: Option<Duration>,
    started: Instant,
}

impl Request {
    pub(super) fn new(state: &State) -> Self {
        state.telemetry.metrics().requests_in_flight.inc();
        Self {
            id: state.ids.next(),
            connection: None,
            has_body: false,
            route: None,
            plan: None,
            certificate_verdict: None,
            refusal: None,
            watch: None,
            certificate: Vec::new(),
            body: None,
            held: None,
            refused_on_the_way: false,
            attempt: Attempt::default(),
            trace: None,
            decided_in: Duration::ZERO,
            upstream_since: None,
            upstream_took: None,
            started: Instant::now(),
        }
    }

    /// The upstream that answers; `None` before the plan and for other integrations.
    pub(super) fn upstream(&self) -> Option<&Arc<Upstream>> {
        match self.plan.as_ref()?.answer() {
            Answer::Proxy(upstream) => Some(upstream),
            Answer::Lambda(_) | Answer::Mock(_) => None,
        }
    }

    /// The integration that was waited for; `None` before the plan and for the gateway itself.
    fn awaited(&self) -> Option<&IntegrationName> {
        match self.plan.as_ref()?.answer() {
            Answer::Proxy(upstream) => Some(upstream.name()),
            Answer::Lambda(lambda) => Some(lambda.name()),
            Answer::Mock(_) => None,
        }
    }

    /// Sets out for a target, or for another one.
    pub(super) fn set_out(&mut self) {
        self.upstream_since.get_or_insert_with(Instant::now);
        if let Some(trace) = &mut self.trace {
            trace.try_begins();
        }
    }

    /// The target has answered.
    pub(super) fn upstream_answered(&mut self) {
        self.upstream_took = self.upstream_since.map(|since| since.elapsed());
    }

    /// The target has answered with this status, which may be an interim one.
    pub(super) fn upstream_answered_with(&mut self, status: StatusCode) {
        self.upstream_answered();
        if let Some(trace) = &mut self.trace {
            trace.try_is_answered(status.as_u16());
        }
    }

    /// The way to the target that was tried last has ended here.
    pub(super) fn try_failed(&mut self, code: &'static str) {
        let target = self.target();
        if let Some(trace) = &mut self.trace {
            trace.try_fails(code, target);
        }
    }

    /// The target that was tried last.
    fn target(&self) -> Option<SocketAddr> {
        self.upstream()?.last_target(&self.attempt)
    }

    /// Tells the request, once it has ended.
    pub(super) fn tell(&self, state: &State, session: &ServerSession) {
        let metrics = state.telemetry.metrics();
        metrics.requests_in_flight.dec();
        if let (Some(name), Some(took)) = (self.awaited(), self.upstream_took) {
            metrics.upstream(name.as_str(), took);
        }
        let Some(connection) = &self.connection else {
            return;
        };
        let head = session.req_header();
        let target = String::from_utf8_lossy(head.raw_path());
        let host = head
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = head
            .uri
            .authority()
            .map(|authority| authority.as_str())
            .or(host);
        let tls = connection.tls.as_ref();
        let identity = tls.and_then(|tls| Some(&tls.certificate.as_ref()?.identity));
        let snapshot = state.telemetry.wants_details().then(|| state.snapshot());
        let details = snapshot.as_ref();
        let details = details.map(|one| logged::details(self, connection, session, one));
        state.telemetry.tell(&Record::Request(RequestRecord {
            time: LogTime::now(),
            request_id: self.id.as_str(),
            listener: connection.listener.as_str(),
            peer: connection.source.peer,
            via: connection.source.via,
            vpc_endpoint: connection.source.vpc_endpoint.as_deref(),
            protocol: if connection.http2 {
                "HTTP/2"
            } else {
                "HTTP/1.1"
            },
            method: head.method.as_str(),
            host: host.unwrap_or_default(),
            path: target.split('?').next().unwrap_or_default(),
            route: self.route.as_ref().map(|route| route.name.as_str()),
            consumer: self
                .plan
                .as_ref()
                .and_then(Plan::consumer)
                .map(|name| name.as_str()),
            certificate_subject: identity.map(|identity| identity.subject()),
            certificate_serial: identity.map(|identity| identity.serial()),
            certificate_verdict: self.certificate_verdict,
            tls: tls.map(|tls| tls.version),
            status: self.status(session),
            refusal: self.refusal.as_ref().map(Refusal::code),
            detail: self.refusal.as_ref().map_or("", Refusal::detail),
            target: self.target(),
            bytes_in: self.bytes_in(session),
            bytes_out: session.body_bytes_sent() as u64,
            duration_ms: milliseconds(self.started.elapsed()),
            upstream_ms: self.upstream_took.map(milliseconds),
            decide_us: self.decided_in.as_secs_f64() * 1e6,
            trace_id: self.trace.as_ref().map(|trace| trace.id()),
            details: details.as_ref(),
        }));
        traced::tell(state, session, self, connection);
    }

    /// The status that was sent; what the log has instead where none was.
    fn status(&self, session: &ServerSession) -> u16 {
        match (session.response_written(), &self.refusal) {
            (Some(answer), _) => answer.status.as_u16(),
            (None, Some(Refusal::CallerLeft)) => Refusal::CallerLeft.status(),
            (None, _) => 0,
        }
    }

    fn bytes_in(&self, session: &ServerSession) -> u64 {
        session.body_bytes_read() as u64
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
