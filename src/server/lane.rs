//! The lean lane: carries a request that is but a plain head, which most are, to a target and its
//! answer back, in one task and on two sessions of Pingora's core. Pingora's own lane can carry any
//! request, and pays for it with channels and copies that such a one does not need.
//! In: a stream at which a request has arrived. Out: the stream, if it may bring another.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Version};
use pingora_core::connectors::TransportConnector;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession as TargetSession;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;

use super::deadline::Deadline;
use super::exchange;
use super::inbound;
use super::kept::Kept;
use super::request::Request;
use super::state::State;
use super::upstream;

/// The lean lane.
pub(super) struct Lane {
    state: Arc<State>,
    dialler: TransportConnector,
    kept: Arc<Kept>,
}

impl Lane {
    pub(super) fn new(state: Arc<State>, kept: Arc<Kept>) -> Self {
        Self {
            state,
            dialler: TransportConnector::new(None),
            kept,
        }
    }

    /// Serves the request that has arrived. `patience`, the connection's own, is for the target.
    pub(super) async fn serve(&self, stream: Stream, patience: &mut Deadline) -> Option<Stream> {
        let mut session = ServerSession::new_http1(stream);
        if !matches!(session.read_request().await, Ok(true)) {
            return None;
        }
        let mut request = Request::new(&self.state);
        let carried = self.carry(&mut session, &mut request, patience).await;
        if let Err(error) = &carried {
            exchange::fail(&mut session, &mut request, error).await;
        }
        exchange::end(&self.state, &mut session, &mut request).await;
        carried.ok()?;
        let reusable = session.finish().await.ok().flatten()?;
        Some(reusable.into_parts().0)
    }

    async fn carry(
        &self,
        session: &mut ServerSession,
        request: &mut Request,
        patience: &mut Deadline,
    ) -> Result<()> {
        exchange::begin(&self.state, session, request)?;
        if exchange::answer(&self.state, session, request).await? {
            return Ok(());
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_target(session, request, patience).await {
                Err(error) if error.retry() && tries < exchange::MOST_TRIES => {}
                done => return done,
            }
        }
    }

    /// Has the next target answer.
    async fn try_target(
        &self,
        session: &mut ServerSession,
        request: &mut Request,
        patience: &mut Deadline,
    ) -> Result<()> {
        let Some(upstream) = request.upstream().cloned() else {
            return Error::e_explain(ErrorType::InternalError, "there is no upstream");
        };
        request.set_out();
        let peer = upstream.peer(&mut request.attempt);
        let kept = self.kept.take(peer);
        let reused = kept.is_some();
        let stream = match kept {
            Some(stream) => stream,
            // In a box: most requests find a connection that was kept.
            None => match Box::pin(self.dial(peer)).await {
                Ok(stream) => stream,
                Err(error) => return Err(exchange::unreached(session, request, error.into_up())),
            },
        };
        let mut target = TargetSession::new_with_options(stream, peer);
        target.write_timeout = peer.options.write_timeout;
        let mut waiting = Waiting {
            patience,
            limit: peer.options.read_timeout,
        };
        let relayed = self
            .relay(session, &mut target, request, &mut waiting)
            .await;
        waiting.patience.disarm();
        match relayed {
            Ok(()) => {
                target.respect_keepalive();
                if let Some(stream) = target.reuse().await {
                    self.kept.put(peer, stream);
                }
                Ok(())
            }
            Err(error) => Err(exchange::broken_off(session, request, reused, error)),
        }
    }

    async fn dial(&self, peer: &HttpPeer) -> Result<Stream> {
        match upstream::has_tls(peer) {
            true => upstream::connect(peer).await,
            false => self.dialler.new_stream(peer).await,
        }
    }

    async fn relay(
        &self,
        session: &mut ServerSession,
        target: &mut TargetSession,
        request: &mut Request,
        waiting: &mut Waiting<'_>,
    ) -> Result<()> {
        let mut head = session.req_header().clone();
        head.set_version(Version::HTTP_11);
        // A plain head has no other field that is for us alone.
        head.remove_header(&CONNECTION);
        exchange::edit(&self.state, &mut head, request).await?;
        let written = target.write_request_header(Box::new(head)).await;
        written.map_err(|error| error.into_up())?;
        loop {
            let first = waiting.next_of(session, target).await?;
            // A head goes out with what has come of its body. More pieces at once would be copied.
            let second = match first {
                HttpTask::Header(_, false) => at_once(target.read_response_task()),
                _ => None,
            };
            // What came before a failure is passed on before it.
            let failed = |error: Box<Error>| HttpTask::Failed(error.into_up());
            let second = second.map(|task| task.unwrap_or_else(failed));
            let mut tasks = Vec::with_capacity(2);
            for task in [Some(first), second].into_iter().flatten() {
                tasks.push(edited(session, request, task)?);
            }
            if session.response_duplex_vec(tasks).await? {
                return Ok(());
            }
        }
    }
}

/// How long a target is waited for. Pingora would make a timer for every wait.
struct Waiting<'a> {
    patience: &'a mut Deadline,
    limit: Option<Duration>,
}

impl Waiting<'_> {
    /// What comes of the answer next, unless the caller leaves first, or it takes too long.
    async fn next_of(
        &mut self,
        session: &mut ServerSession,
        target: &mut TargetSession,
    ) -> Result<HttpTask> {
        self.patience.disarm();
        if let Some(limit) = self.limit {
            self.patience.arm(limit);
        }
        tokio::select! {
            biased;
            next = target.read_response_task() => next.map_err(|error| error.into_up()),
            left = inbound::left(session) => Err(left),
            () = self.patience.passed() => {
                let error = Error::explain(ErrorType::ReadTimedout, "the target takes too long");
                Err(error.into_up())
            }
        }
    }
}

/// What `work`, which loses nothing when it is dropped, comes to without waiting.
fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    // Tokio's budget would have it wait though it need not.
    let work = pin!(tokio::task::unconstrained(work));
    match work.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// What the caller gets of it.
fn edited(session: &ServerSession, request: &mut Request, task: HttpTask) -> Result<HttpTask> {
    let HttpTask::Header(mut head, end) = task else {
        return Ok(task);
    };
    if !end && !tells_its_end(session, &head) {
        // Otherwise the connection's end would be the body's.
        head.insert_header(TRANSFER_ENCODING, "chunked")?;
    }
    exchange::edit_answer(session, &mut head, request)?;
    Ok(HttpTask::Header(head, end))
}

/// Whether the head of an answer says where its body ends, or that there is none.
fn tells_its_end(session: &ServerSession, head: &ResponseHeader) -> bool {
    session.req_header().method == Method::HEAD
        || matches!(head.status.as_u16(), 100..=199 | 204 | 304)
        || head.headers.contains_key(TRANSFER_ENCODING)
        || head.headers.contains_key(CONTENT_LENGTH)
}
