//! Pingora's callbacks, in the order in which it calls them: each does one step of a request
//! and leaves what it learnt in the `Request`. What is decided is decided in `flow`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};

use crate::config::RequestLimits;
use crate::integration::Answer;
use crate::refusal::Refusal;
use crate::response::{self, REQUEST_ID};

use super::admission::admit;
use super::connection::Connection;
use super::function;
use super::headers::{self, authority_of};
use super::inbound;
use super::outgoing;
use super::reply::{give_mock, refuse, send};
use super::request::Request;
use super::state::State;

/// The gateway as Pingora sees it.
pub(super) struct Gateway {
    pub(super) state: Arc<State>,
}

/// Pingora's own timers run a little longer than ours, which tell what happened.
const SPARE: Duration = Duration::from_secs(5);

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Request;

    fn new_ctx(&self) -> Request {
        Request::new(&self.state)
    }

    /// None of Pingora's modules is used; without this it makes one a request.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(
        &self,
        session: &mut Session,
        request: &mut Request,
    ) -> Result<()> {
        let Some(connection) = connection_of(session) else {
            return Err(Error::explain(
                ErrorType::InternalError,
                "the stream is not ours",
            ));
        };
        request.has_body = !session.as_mut().is_body_empty();
        connection.begin(request.has_body);
        let snapshot = self.state.snapshot();
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
        if self.state.is_leaving() {
            session.set_keepalive(None);
        }
        request.connection = Some(connection);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, request: &mut Request) -> Result<bool> {
        if let Some(answer) = self.challenge_answer(session, request) {
            let fields = [(
                CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            )];
            let answer = response::answer(StatusCode::OK, fields, answer.into(), &request.id);
            send(session, answer).await?;
            return Ok(true);
        }
        let snapshot = self.state.keep_snapshot();
        if let Err(refusal) = admit(&self.state, session, request, &snapshot).await {
            return refuse(session, request, refusal).await;
        }
        let answer = request.plan.as_ref().map(|plan| plan.answer().clone());
        match answer {
            Some(Answer::Mock(mock)) => give_mock(session, request, &mock).await,
            Some(Answer::Lambda(lambda)) => {
                function::answer(&self.state, session, request, &snapshot, &lambda).await
            }
            Some(Answer::Proxy(_)) => Ok(false),
            None => Err(Error::explain(ErrorType::InternalError, "there is no plan")),
        }
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        request: &mut Request,
    ) -> Result<Box<HttpPeer>> {
        let Some(upstream) = request.upstream().cloned() else {
            return Err(Error::explain(
                ErrorType::InternalError,
                "there is no upstream",
            ));
        };
        request.upstream_since.get_or_insert_with(Instant::now);
        Ok(upstream.peer(&mut request.attempt))
    }

    /// Nothing has been sent yet, so another target may be tried; only for requests that do
    /// no harm when sent twice, in case the connection failed later than it seemed.
    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        request: &mut Request,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let may = request
            .upstream()
            .is_some_and(|upstream| upstream.may_retry(&request.attempt));
        error.set_retry(may && session.req_header().method.is_idempotent());
        error
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        head: &mut RequestHeader,
        request: &mut Request,
    ) -> Result<()> {
        let snapshot = self.state.snapshot();
        let authority = authority_of(head).to_owned();
        headers::edit_planned(head, request, &snapshot)?;
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

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        request: &mut Request,
    ) -> Result<()> {
        // Behind a 101 there are no bodies, only a tunnel.
        if session.was_upgraded() {
            return Ok(());
        }
        if let Some(whole) = &request.body {
            *body = Some(if end { whole.clone() } else { Bytes::new() });
            return Ok(());
        }
        let Some(watch) = &mut request.watch else {
            return Ok(());
        };
        match watch.pass(body.take().unwrap_or_default(), end) {
            Ok(passed) => {
                // `None` before the end would end the upstream's body there.
                *body = Some(passed).filter(|passed| !(end && passed.is_empty()));
                Ok(())
            }
            Err(refusal) => {
                request.refusal = Some(refusal);
                // An error that is not the caller's would not stop an HTTP/2 upstream.
                Err(Error::explain(ErrorType::HTTPStatus(403), "the body was refused").into_down())
            }
        }
    }

    async fn response_filter(
        &self,
        _session: &mut Session,
        head: &mut ResponseHeader,
        request: &mut Request,
    ) -> Result<()> {
        request.upstream_answered();
        if head.status == StatusCode::SWITCHING_PROTOCOLS
            && let Some(connection) = &request.connection
        {
            connection.upgrade();
        }
        if let Some(upstream) = request.upstream() {
            headers::widen_vary(head, upstream)?;
        }
        if !head.status.is_informational() {
            head.insert_header(REQUEST_ID, request.id.as_str())?;
        }
        Ok(())
    }

    /// A pooled connection that the target has closed meanwhile was never a connection to
    /// this request: RFC 9112 §9.3.1 lets a request without a body be sent again.
    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        request: &mut Request,
        reused: bool,
    ) -> Box<Error> {
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

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        request: &mut Request,
    ) -> FailToProxy {
        let refusal = match request.refusal.take() {
            Some(refusal) => refusal,
            None if is_over(session, request, error) => Refusal::CallerLeft,
            None => refusal_of(error),
        };
        let status = refusal.status();
        if refusal != Refusal::CallerLeft && !has_answered(session) {
            session.set_keepalive(None);
            let answer = response::refused(&refusal, &request.id);
            // The caller may be gone; there is nobody else to tell.
            request.refused_on_the_way = send(session, answer).await.is_ok();
        }
        request.refusal = Some(refusal);
        FailToProxy {
            error_code: status,
            can_reuse_downstream: false,
        }
    }

    /// Every failure is told once, by `logging`.
    fn suppress_error_log(&self, _session: &Session, _request: &Request, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _request: &Request,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }

    async fn logging(&self, session: &mut Session, _error: Option<&Error>, request: &mut Request) {
        request.tell(&self.state, session);
        // Pingora drops the connection behind this, and with it an answer that the caller has
        // not read yet because it is still sending.
        if request.refused_on_the_way && !session.is_http2() {
            session.as_mut().shutdown().await;
        }
        if let Some(connection) = &request.connection {
            connection.end(request.has_body);
        }
    }
}

impl Gateway {
    /// What an authority that issues certificates waits for on a plaintext listener.
    fn challenge_answer(&self, session: &Session, request: &Request) -> Option<String> {
        let connection = request.connection.as_ref()?;
        let head = session.req_header();
        let asks = connection.tls.is_none() && head.method == Method::GET;
        asks.then(|| self.state.challenges.answer(head.uri.path()))?
    }
}

fn set_timers(session: &mut Session, limits: &RequestLimits) {
    session.set_read_timeout(Some(limits.body_timeout + SPARE));
    session.set_write_timeout(Some(limits.body_timeout + SPARE));
    session.as_mut().set_total_drain_timeout(Some(SPARE));
    // Left alone, Pingora keeps idle connections for ever. `None` means that the caller
    // wants no more of this one.
    if session.as_ref().get_keepalive().is_some() {
        let idle = limits.idle_timeout + limits.header_timeout + SPARE;
        session.set_keepalive(Some(idle.as_secs()));
    }
}

/// Whether the caller has got the head of an answer; a 100 is none.
fn has_answered(session: &Session) -> bool {
    let written = session.response_written();
    written.is_some_and(|head| !head.status.is_informational())
}

fn connection_of(session: &Session) -> Option<Arc<Connection>> {
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
fn is_over(session: &mut Session, request: &Request, error: &Error) -> bool {
    let has_sent = !request.has_body || session.as_mut().is_body_done();
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
