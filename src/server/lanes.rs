//! The two lanes on which requests are carried, and which of them each request takes. In: a
//! connection. Out: when it has ended.

use std::pin::pin;
use std::sync::Arc;

use pingora_core::apps::{HttpServerApp as _, ServerApp as _};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;

use super::connection::Connection;
use super::deadline::Deadline;
use super::engine::{Engine, engine};
use super::kept::Kept;
use super::lane::Lane;
use super::state::State;
use super::stream::{Arrival, GuardedStream};

/// Both lanes.
pub(super) struct Lanes {
    engine: Arc<Engine>,
    lane: Lane,
}

impl Lanes {
    /// Sets them up, and sweeps what they keep from here on.
    pub(super) fn new(state: &Arc<State>) -> Self {
        let kept = Arc::new(Kept::default());
        tokio::spawn(kept.clone().sweep());
        Self {
            engine: Arc::new(engine(state)),
            lane: Lane::new(state.clone(), kept),
        }
    }

    /// Serves a connection until it ends, or the gateway closes and the connection has nothing to
    /// do any more.
    pub(super) async fn serve(
        &self,
        connection: &Connection,
        stream: GuardedStream,
        closing: &ShutdownWatch,
    ) {
        if connection.http2 {
            self.engine.process_new(Box::new(stream), closing).await;
            return;
        }
        let mut done = pin!(connection.is_done(closing.clone()));
        let mut patience = Deadline::default();
        let mut next = Some(Box::new(stream));
        while let Some(mut stream) = next {
            let arrival = tokio::select! {
                biased;
                arrival = stream.arrival() => arrival,
                () = &mut done => Arrival::Nothing,
            };
            let left = match arrival {
                // In a box, so that a connection that waits is small.
                Arrival::Plain => Box::pin(self.lane.serve(stream, &mut patience)).await,
                Arrival::Other => self.serve_any(stream, closing).await,
                Arrival::Nothing => None,
            };
            next = left.and_then(|stream| stream.into_any().downcast().ok());
        }
    }

    async fn serve_any(&self, stream: Stream, closing: &ShutdownWatch) -> Option<Stream> {
        let session = ServerSession::new_http1(stream);
        let reused = self.engine.process_new_http(session, closing).await?;
        Some(reused.consume().0)
    }
}
