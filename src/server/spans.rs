//! What is said of a request that has ended, by OpenTelemetry's semantic conventions. In: the request.
//! Out: its span, and one for each try to have it answered. Queries, signatures and secrets are never
//! in them.

use std::net::SocketAddr;

use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;

use crate::call::host_of;
use crate::integration::{Answer, Lambda, Plan, Upstream};
use crate::refusal::Refusal;
use crate::telemetry::{Attempt, Attributes, Described};

use super::connection::Connection;
use super::headers::authority_of;
use super::request::Request;
use super::state::State;
use super::told;

/// Tells the spans of a request that has ended.
pub(super) fn tell(
    state: &State,
    session: &ServerSession,
    request: &Request,
    connection: &Connection,
) {
    let trace = request.trace.as_deref().filter(|trace| trace.is_sampled());
    let (Some(tracer), Some(trace)) = (state.telemetry.tracer(), trace) else {
        return;
    };
    let server = served(session, request, connection);
    tracer.tell(trace, server, |attempt| tried(session, request, attempt));
}

/// "Semantic conventions for HTTP spans", server.
fn served(session: &ServerSession, request: &Request, connection: &Connection) -> Described {
    let head = session.req_header();
    let answer = session.response_written();
    let status = answer.map_or(0, |answer| answer.status.as_u16());
    let method = known_method(head.method.as_str());
    let route = request.route.as_deref();
    let refusal = request.refusal.as_ref().map(Refusal::code);
    let mut known = Attributes::default();
    known.text("http.request.method", method.unwrap_or(OTHER));
    known.text(
        "url.scheme",
        if connection.tls.is_some() {
            "https"
        } else {
            "http"
        },
    );
    known.text("url.path", &path_of(head));
    known.text_if("http.route", route.map(|route| route.path.as_str()));
    if status > 0 {
        known.number("http.response.status_code", i64::from(status));
    }
    known.text_if("error.type", error_type(refusal, status, 500).as_deref());
    known.text("server.address", host_of(authority_of(head)));
    if let Some(port) = told::port(session) {
        known.number("server.port", i64::from(port));
    }
    of_caller(&mut known, head, connection);
    own(&mut known, request, connection);
    Described {
        name: match (method.unwrap_or("HTTP"), route) {
            (method, Some(route)) => format!("{method} {}", route.path),
            (method, None) => method.to_owned(),
        },
        attributes: known,
        // Who has left may have had enough.
        failed: status >= 500 || status == 0 && request.refusal != Some(Refusal::CallerLeft),
    }
}

/// Where it came from.
fn of_caller(known: &mut Attributes, head: &RequestHeader, connection: &Connection) {
    let source = &connection.source;
    let nearest = source.via.unwrap_or(source.peer);
    known.text("client.address", &ip_of(source.peer));
    known.text("network.peer.address", &ip_of(nearest));
    let version = if connection.http2 { "2" } else { "1.1" };
    known.text("network.protocol.version", version);
    let agent = head.headers.get(http::header::USER_AGENT);
    let agent = agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
    known.text_if("user_agent.original", agent.as_deref());
}

/// What only a gateway has a word for.
fn own(known: &mut Attributes, request: &Request, connection: &Connection) {
    let plan = request.plan.as_ref();
    let route = request.route.as_deref();
    known.text("countersign.request_id", request.id.as_str());
    known.text("countersign.listener", connection.listener.as_str());
    known.text_if("countersign.route", route.map(|route| route.name.as_str()));
    known.text_if(
        "countersign.policy",
        route.map(|route| route.policy.as_str()),
    );
    let consumer = plan.and_then(Plan::consumer);
    known.text_if("countersign.consumer", consumer.map(|name| name.as_str()));
    known.text_if("countersign.scheme", plan.and_then(Plan::scheme));
}

/// A try to have it answered.
fn tried(session: &ServerSession, request: &Request, attempt: &Attempt) -> Described {
    let refusal = request.refusal.as_ref();
    let refusal = refusal.filter(|one| one.is_of_integration());
    let error = attempt.error.or(refusal.map(Refusal::code));
    match request.plan.as_ref().map(Plan::answer) {
        Some(Answer::Proxy(upstream)) => asked(session, request, upstream, attempt, error),
        Some(Answer::Lambda(lambda)) => invoked(lambda, error),
        Some(Answer::Mock(_)) | None => Described::default(),
    }
}

/// "Semantic conventions for HTTP spans", client.
fn asked(
    session: &ServerSession,
    request: &Request,
    upstream: &Upstream,
    attempt: &Attempt,
    error: Option<&'static str>,
) -> Described {
    let head = session.req_header();
    let method = known_method(head.method.as_str());
    let target = attempt
        .target
        .or_else(|| upstream.last_target(&request.attempt));
    let status = attempt.status.unwrap_or_default();
    let mut known = Attributes::default();
    known.text("http.request.method", method.unwrap_or(OTHER));
    if let Some(target) = target {
        let scheme = if upstream.is_secure() {
            "https"
        } else {
            "http"
        };
        known.text("url.full", &format!("{scheme}://{target}{}", path_of(head)));
        known.text("server.address", &ip_of(target));
        known.number("server.port", i64::from(target.port()));
    }
    if status > 0 {
        known.number("http.response.status_code", i64::from(status));
    }
    if attempt.number > 0 {
        known.number("http.request.resend_count", attempt.number as i64);
    }
    known.text_if("error.type", error_type(error, status, 400).as_deref());
    known.text("network.protocol.version", "1.1");
    known.text("countersign.integration", upstream.name().as_str());
    Described {
        name: method.unwrap_or("HTTP").to_owned(),
        attributes: known,
        failed: error.is_some() || status >= 400,
    }
}

/// "Semantic conventions for FaaS spans", outgoing invocations.
fn invoked(lambda: &Lambda, error: Option<&'static str>) -> Described {
    let function = lambda.function();
    let mut known = Attributes::default();
    known.text("faas.invoked_name", function.name());
    known.text("faas.invoked_provider", "aws");
    known.text("faas.invoked_region", function.region());
    known.text_if("error.type", error);
    known.text("countersign.integration", lambda.name().as_str());
    Described {
        name: format!("invoke {}", function.name()),
        attributes: known,
        failed: error.is_some(),
    }
}

const OTHER: &str = "_OTHER";

/// Callers may make methods up, and each would be a name of its own.
fn known_method(method: &str) -> Option<&str> {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ];
    KNOWN.contains(&method).then_some(method)
}

fn error_type(code: Option<&str>, status: u16, from: u16) -> Option<String> {
    let of_status = (status >= from).then(|| status.to_string());
    code.map(str::to_owned).or(of_status)
}

fn path_of(head: &RequestHeader) -> String {
    let target = String::from_utf8_lossy(head.raw_path());
    target.split('?').next().unwrap_or_default().to_owned()
}

fn ip_of(address: SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}
