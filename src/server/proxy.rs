//! Pingora's callbacks, in the order in which it calls them: each does one step of a request
//! and leaves what it learnt in the `Request`. The steps are `exchange.rs`'s.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Version;
use http::header::TRANSFER_ENCODING;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};

use super::exchange;
use super::request::Request;
use super::state::State;

/// The gateway as Pingora sees it.
pub(super) struct Gateway {
    pub(super) state: Arc<State>,
}

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
        exchange::begin(&self.state, session, request)
    }

    async fn request_filter(&self, session: &mut Session, request: &mut Request) -> Result<bool> {
        exchange::answer(&self.state, session, request).await
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
        request.set_out();
        Ok(Box::new(upstream.peer(&mut request.attempt).clone()))
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        request: &mut Request,
        error: Box<Error>,
    ) -> Box<Error> {
        exchange::unreached(session, request, error)
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        head: &mut RequestHeader,
        request: &mut Request,
    ) -> Result<()> {
        exchange::edit(&self.state, head, request).await
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
        session: &mut Session,
        head: &mut ResponseHeader,
        request: &mut Request,
    ) -> Result<()> {
        // HTTP/1.0 knows no chunks: the end of the connection is the answer's.
        if session.req_header().version == Version::HTTP_10
            && head.remove_header(&TRANSFER_ENCODING).is_some()
        {
            session.set_keepalive(None);
        }
        exchange::edit_answer(session, head, request)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        request: &mut Request,
        reused: bool,
    ) -> Box<Error> {
        exchange::broken_off(session, request, reused, error)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        request: &mut Request,
    ) -> FailToProxy {
        exchange::fail(session, request, error).await;
        FailToProxy {
            error_code: request.refusal.as_ref().map_or(0, |why| why.status()),
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
        exchange::end(&self.state, session, request).await;
    }
}
