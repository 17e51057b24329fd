//! Tells a request that has ended. In: the request. Out: a line of the access log, counts, and spans.

use std::time::Duration;

use pingora_core::protocols::http::ServerSession;

use crate::integration::Plan;
use crate::refusal::Refusal;
use crate::telemetry::{LogTime, Record, RequestRecord};

use super::logged;
use super::request::Request;
use super::spans;
use super::state::State;

/// Tells a request that has ended.
pub(super) fn tell(state: &State, session: &ServerSession, request: &Request) {
    let metrics = state.telemetry.metrics();
    metrics.requests_in_flight.dec();
    if let (Some(name), Some(took)) = (request.awaited(), request.upstream_took) {
        metrics.upstream(name.as_str(), took);
    }
    let Some(connection) = &request.connection else {
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
    let details = details.map(|one| logged::details(request, connection, session, one));
    state.telemetry.tell(&Record::Request(RequestRecord {
        time: LogTime::now(),
        request_id: request.id.as_str(),
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
        route: request.route.as_ref().map(|route| route.name.as_str()),
        consumer: request
            .plan
            .as_ref()
            .and_then(Plan::consumer)
            .map(|name| name.as_str()),
        certificate_subject: identity.map(|identity| identity.subject()),
        certificate_serial: identity.map(|identity| identity.serial()),
        certificate_verdict: request.certificate_verdict,
        tls: tls.map(|tls| tls.version),
        status: status(request, session),
        refusal: request.refusal.as_ref().map(Refusal::code),
        detail: request.refusal.as_ref().map_or("", Refusal::detail),
        target: request.target(),
        bytes_in: session.body_bytes_read() as u64,
        bytes_out: session.body_bytes_sent() as u64,
        duration_ms: milliseconds(request.started.elapsed()),
        upstream_ms: request.upstream_took.map(milliseconds),
        decide_us: request.decided_in.as_secs_f64() * 1e6,
        trace_id: request.trace.as_ref().map(|trace| trace.id()),
        details: details.as_ref(),
    }));
    spans::tell(state, session, request, connection);
}

/// The status that was sent; what the log has instead where none was.
fn status(request: &Request, session: &ServerSession) -> u16 {
    match (session.response_written(), &request.refusal) {
        (Some(answer), _) => answer.status.as_u16(),
        (None, Some(Refusal::CallerLeft)) => Refusal::CallerLeft.status(),
        (None, _) => 0,
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
