//! One request on its way: what has been decided, and what it still owes. Lives from the head to the end of the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::config::Route;
use crate::flow::body::BodyWatch;
use crate::integration::{Answer, Attempt, Plan, Upstream};
use crate::names::{IntegrationName, RequestId};
use crate::refusal::Refusal;
use crate::telemetry::Trace;

use super::buffers::Held;
use super::connection::Connection;
use super::state::State;

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
    pub(super) started: Instant,
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
    pub(super) fn awaited(&self) -> Option<&IntegrationName> {
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
    pub(super) fn target(&self) -> Option<SocketAddr> {
        self.upstream()?.last_target(&self.attempt)
    }
}
