//! What is done with a request, whichever lane carries it: begun, let in or answered, edited on
//! its way, and told. In: a session whose head was read, and its `Request`. Out: the same, a step
//! further. The lanes (`lane.rs` and Pingora's own, behind `proxy.rs`) only move bytes.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode, Version};
use pingora_core::protocols::http::ServerSession;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};

use crate::config::RequestLimits;
use crate::integration::Answer;
use crate::refusal::Refusal;
use crate::response::{self, REQUEST_ID};

use super::admission::admit;
use super::connection::Connection;
use super::ended;
use super::function;
use super::headers::{self, authority_of};
use super::inbound;
use super::outgoing;
use super::reply::{give_mock, refuse, send};
use super::request::Request;
use super::state::State;
use super::traced;

/// Pingora's own timers run a little longer than ours, which tell what happened.
const SPARE: Duration = Duration::from_secs(5);

/// Tries of one request, over all targets.
pub(super) const MOST_TRIES: usize = 8;

/// A request has arrived: finds its connection and sets what its listener allows.
pub(super) fn begin(
    state: &State,
    session: &mut ServerSession,
    request: &mut Request,
) -> Result<()> {
    let Some(connection) = connection_of(session) else {
        return Err(Error::explain(
            ErrorType::InternalError,
            "the stream is not ours",
        ));
    };
    request.has_body = !session.is_body_empty();
    connection.begin(request.has_body);
    traced::begin(state, session, request);
    let snapshot = state.snapshot();
    match snapshot.listener(&connection.listener) {
        None => session.set_keepalive(None),
        Some(listener) => {
            let limits = &listener.settings.limits;
            set_timers(session, limits);
            if connection.requests() >= limits.max_requests_per_connection {
                session.set_keepalive(None);
            }
        }
    }
    if state.is_leaving() {
        session.set_keepalive(None);
    }
    request.connection = Some(connection);
    Ok(())
}

/// Lets a request in, and answers it unless an upstream does; says whether it has its answer.
pub(super) async fn answer(
    state: &State,
    session: &mut ServerSession,
    request: &mut Request,
) -> Result<bool> {
    if let Some(answer) = challenge_answer(state, session, request) {
        let fields = [(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        )];
        let answer = response::answer(StatusCode::OK, fields, answer.into(), &request.id);
        send(session, answer).await?;
        return Ok(true);
    }
    let snapshot = state.keep_snapshot();
    if let Err(refusal) = admit(state, session, request, &snapshot).await {
        return refuse(session, request, refusal).await;
    }
    let answer = request.plan.as_ref().map(|plan| plan.answer().clone());
    match answer {
        Some(Answer::Mock(mock)) => give_mock(session, request, &mock).await,
        Some(Answer::Lambda(lambda)) => {
            function::answer(state, session, request, &snapshot, &lambda).await
        }
        Some(Answer::Proxy(_)) => Ok(false),
        None => Err(Error::explain(ErrorType::InternalError, "there is no plan")),
    }
}

/// Makes of the caller's head what the upstream is sent.
pub(super) async fn edit(
    state: &State,
    head: &mut RequestHeader,
    request: &mut Request,
) -> Result<()> {
    let snapshot = state.snapshot();
    let authority = authority_of(head).to_owned();
    headers::edit_planned(head, request, &snapshot)?;
    traced::put(head, request)?;
    let Some(upstream) = request.upstream() else {
        return Ok(());
    };
    let host = upstream.host().and_then(|host| host.to_str().ok());
    let sent_to = host.unwrap_or(&authority);
    let hash = outgoing::body_hash(request);
    let signed = outgoing::sign(head, upstream, sent_to, hash).await;
    signed.map_err(|refusal| {
        let status = ErrorType::HTTPStatus(refusal.status());
        request.refusal = Some(refusal);
        Error::explain(status, "the request was not signed").into_down()
    })
}

/// The upstream has answered: makes of its head what the caller is sent.
///
/// # Errors
/// It is a 101 that nobody asked for: what follows it would be a tunnel.
pub(super) fn edit_answer(
    session: &ServerSession,
    head: &mut ResponseHeader,
    request: &mut Request,
) -> Result<()> {
    request.upstream_answered_with(head.status);
    match (head.status, &request.connection) {
        (StatusCode::SWITCHING_PROTOCOLS, _) if !session.is_upgrade_req() => {
            let error = Error::explain(ErrorType::InvalidHTTPHeader, "nobody asked for a 101");
            return Err(error.into_up());
        }
        (StatusCode::SWITCHING_PROTOCOLS, Some(connection)) => connection.upgrade(),
        _ => headers::strip_hop(head),
    }
    // A version is that of one hop (RFC 9110 §2.5): chunks in HTTP/1.0 would be no framing at all.
    head.set_version(Version::HTTP_11);
    headers::single_length(head)?;
    if let Some(upstream) = request.upstream() {
        headers::widen_vary(head, upstream)?;
    }
    if !head.status.is_informational() {
        head.insert_header(REQUEST_ID, request.id.as_str())?;
    }
    Ok(())
}

/// A target could not be reached. Nothing has been sent yet, so another one may be tried; only for
/// requests that do no harm when sent twice, in case the connection failed later than it seemed.
pub(super) fn unreached(
    session: &ServerSession,
    request: &mut Request,
    mut error: Box<Error>,
) -> Box<Error> {
    request.try_failed(refusal_of(&error).code());
    let may = request
        .upstream()
        .is_some_and(|upstream| upstream.may_retry(&request.attempt));
    error.set_retry(may && session.req_header().method.is_idempotent());
    error
}

/// An exchange with a target has failed. A connection that was kept, and that the target has closed
/// meanwhile, was never a connection to this request: RFC 9112 §9.3.1 lets a request without a body
/// be sent again.
pub(super) fn broken_off(
    session: &ServerSession,
    request: &mut Request,
    reused: bool,
    mut error: Box<Error>,
) -> Box<Error> {
    request.try_failed(match (&request.refusal, &error.esource) {
        (Some(refusal), _) => refusal.code(),
        (None, ErrorSource::Downstream) => Refusal::CallerLeft.code(),
        (None, _) => refusal_of(&error).code(),
    });
    let idempotent = session.req_header().method.is_idempotent();
    let again = reused && idempotent && !request.has_body && !has_answered(session);
    let upstream = matches!(error.esource, ErrorSource::Upstream);
    let timed_out = matches!(
        error.etype,
        ErrorType::ReadTimedout | ErrorType::WriteTimedout
    );
    error.set_retry(again && upstream && !timed_out);
    error
}

/// There will be no answer, or not the whole of it: tells the caller, if it can still be told.
/// The connection ends.
pub(super) async fn fail(session: &mut ServerSession, request: &mut Request, error: &Error) {
    let refusal = match request.refusal.take() {
        Some(refusal) => refusal,
        None if is_over(session, request, error) => Refusal::CallerLeft,
        None => refusal_of(error),
    };
    if refusal != Refusal::CallerLeft && !has_answered(session) {
        session.set_keepalive(None);
        let answer = response::refused(&refusal, &request.id);
        // The caller may be gone; there is nobody else to tell.
        request.refused_on_the_way = send(session, answer).await.is_ok();
    }
    request.refusal = Some(refusal);
}

/// The request has ended, one way or the other.
pub(super) async fn end(state: &State, session: &mut ServerSession, request: &mut Request) {
    ended::tell(state, session, request);
    // Pingora drops the connection behind this, and with it an answer that the caller has not read
    // yet because it is still sending.
    if request.refused_on_the_way && !session.is_http2() {
        session.shutdown().await;
    }
    if let Some(connection) = &request.connection {
        connection.end(request.has_body);
    }
}

/// What an authority that issues certificates waits for on a plaintext listener.
fn challenge_answer(state: &State, session: &ServerSession, request: &Request) -> Option<String> {
    let connection = request.connection.as_ref()?;
    let head = session.req_header();
    let asks = connection.tls.is_none() && head.method == Method::GET;
    asks.then(|| state.challenges.answer(head.uri.path()))?
}

fn set_timers(session: &mut ServerSession, limits: &RequestLimits) {
    session.set_read_timeout(Some(limits.body_timeout + SPARE));
    session.set_write_timeout(Some(limits.body_timeout + SPARE));
    session.set_total_drain_timeout(Some(SPARE));
    // Left alone, Pingora keeps idle connections for ever. `None` means that the caller
    // wants no more of this one.
    if session.get_keepalive().is_some() {
        let idle = limits.idle_timeout + limits.header_timeout + SPARE;
        session.set_keepalive(Some(idle.as_secs()));
    }
}

/// Whether the caller has got the head of an answer; a 100 is none.
fn has_answered(session: &ServerSession) -> bool {
    let written = session.response_written();
    written.is_some_and(|head| !head.status.is_informational())
}

fn connection_of(session: &ServerSession) -> Option<Arc<Connection>> {
    let data = session
        .digest()?
        .proxy_digest
        .as_ref()?
        .user_data
        .as_ref()?;
    data.downcast_ref::<Arc<Connection>>().cloned()
}

/// Whether the caller, who had sent everything, waits for no answer any more. A stream of HTTP/2
/// that was reset does not tell whether it had ended before.
fn is_over(session: &mut ServerSession, request: &Request, error: &Error) -> bool {
    let has_sent = !request.has_body || session.is_body_done();
    matches!(error.esource, ErrorSource::Downstream) && has_sent
}

/// What an error of Pingora's comes to.
fn refusal_of(error: &Error) -> Refusal {
    use ErrorType as E;
    match (&error.esource, &error.etype) {
        (ErrorSource::Downstream, _) => inbound::broken(error),
        (_, E::ConnectTimedout | E::TLSHandshakeTimedout | E::ReadTimedout | E::WriteTimedout) => {
            Refusal::UpstreamTimeout
        }
        (
            _,
            E::ConnectRefused
            | E::ConnectNoRoute
            | E::ConnectError
            | E::SocketError
            | E::BindError
            | E::TLSHandshakeFailure
            | E::InvalidCert
            | E::HandshakeError
            | E::TLSWantX509Lookup,
        ) => Refusal::UpstreamUnreachable,
        (ErrorSource::Upstream, _) => Refusal::UpstreamFailed,
        _ => Refusal::Internal("the gateway failed in serving the request"),
    }
}
