//! Connections to targets that have answered and wait for the next request. In: a connection that
//! is in order. Out: the same, if the target has neither closed it nor said anything meanwhile.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use pingora_core::protocols::Stream;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::upstreams::peer::{HttpPeer, Peer as _};
use tokio::io::{AsyncRead as _, ReadBuf};

/// Connections that are kept, over all targets.
const MOST: usize = 512;
/// How often those that have come to their end are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// The connections that are kept.
#[derive(Default)]
pub(super) struct Kept(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    of: HashMap<Place, Vec<One>>,
    all: usize,
}

/// Whose connection it is: the target's address, and its integration with its TLS.
type Place = (SocketAddr, u64);

struct One {
    stream: Stream,
    until: Option<Instant>,
}

impl Kept {
    /// Keeps a connection, unless there are too many.
    pub(super) fn put(&self, peer: &HttpPeer, stream: Stream) {
        let idle = peer.options.idle_timeout;
        let one = One {
            stream,
            until: idle.map(|idle| Instant::now() + idle),
        };
        let mut waiting = self.lock();
        if waiting.all < MOST {
            waiting.all += 1;
            waiting.of.entry(place(peer)).or_default().push(one);
        }
    }

    /// The connection to a target that was used last and is still good.
    pub(super) fn take(&self, peer: &HttpPeer) -> Option<Stream> {
        let now = Instant::now();
        loop {
            let mut waiting = self.lock();
            let mut one = waiting.of.get_mut(&place(peer))?.pop()?;
            waiting.all -= 1;
            drop(waiting);
            if one.is_good(now) {
                return Some(one.stream);
            }
        }
    }

    /// Closes, for ever, what has waited too long and what its target has closed.
    pub(super) async fn sweep(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(SWEEP);
        loop {
            ticks.tick().await;
            self.sweep_once(Instant::now());
        }
    }

    fn sweep_once(&self, now: Instant) {
        let mut waiting = self.lock();
        let Waiting { of, all } = &mut *waiting;
        of.retain(|_, ones| {
            let before = ones.len();
            ones.retain_mut(|one| one.is_good(now));
            *all -= before - ones.len();
            !ones.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl One {
    /// Whether it may still wait, and nothing has come over it: an answer that nobody asked for
    /// would be taken for that to the next request.
    fn is_good(&mut self, now: Instant) -> bool {
        let mut byte = [0];
        let mut read = ReadBuf::new(&mut byte);
        let look = poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut read));
        // Of a task that has spent its budget, Tokio says that nothing has come.
        let look = pin!(tokio::task::unconstrained(look));
        let mut nobody = Context::from_waker(Waker::noop());
        self.until.is_none_or(|until| now < until) && look.poll(&mut nobody).is_pending()
    }
}

fn place(peer: &HttpPeer) -> Place {
    (peer.address().clone(), peer.group_key)
}

#[cfg(test)]
mod tests {
    use pingora_core::protocols::l4::stream::Stream as Socket;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (Stream, TcpStream, HttpPeer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let ours = TcpStream::connect(address).await.expect("a connection");
        let (theirs, _) = listener.accept().await.expect("a connection");
        let peer = HttpPeer::new(address, false, String::new());
        (Box::new(Socket::from(ours)), theirs, peer)
    }

    #[tokio::test]
    async fn a_quiet_connection_is_given_once_and_only_for_its_own_place() {
        let kept = Kept::default();
        let (ours, _theirs, peer) = pair().await;
        let mut other = peer.clone();
        other.group_key = 7;
        kept.put(&peer, ours);
        assert!(kept.take(&other).is_none());
        assert!(kept.take(&peer).is_some());
        assert!(kept.take(&peer).is_none());
        assert_eq!(kept.lock().all, 0);
    }

    #[tokio::test]
    async fn what_the_target_has_closed_or_spoken_over_is_not_given() {
        let kept = Kept::default();
        let (mut ours, mut theirs, peer) = pair().await;
        theirs
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
            .await
            .expect("written");
        wait_until_readable(&mut ours).await;
        kept.put(&peer, ours);
        assert!(kept.take(&peer).is_none());
        let (mut ours, theirs, peer) = pair().await;
        drop(theirs);
        wait_until_readable(&mut ours).await;
        kept.put(&peer, ours);
        kept.sweep_once(Instant::now());
        assert_eq!(kept.lock().all, 0);
        assert!(kept.lock().of.is_empty());
    }

    #[tokio::test]
    async fn what_was_spoken_over_is_not_given_to_a_task_that_has_spent_its_budget() {
        let kept = Kept::default();
        let (mut ours, mut theirs, peer) = pair().await;
        theirs.write_all(b"HTTP").await.expect("written");
        wait_until_readable(&mut ours).await;
        kept.put(&peer, ours);
        while tokio::task::coop::has_budget_remaining() {
            tokio::task::consume_budget().await;
        }
        assert!(kept.take(&peer).is_none());
    }

    #[tokio::test]
    async fn what_has_waited_too_long_is_not_given() {
        let kept = Kept::default();
        let (ours, _theirs, mut peer) = pair().await;
        peer.options.idle_timeout = Some(Duration::ZERO);
        kept.put(&peer, ours);
        assert!(kept.take(&peer).is_none());
    }

    #[tokio::test]
    async fn no_more_are_kept_than_may_be() {
        let kept = Kept::default();
        let (ours, _theirs, peer) = pair().await;
        kept.lock().all = MOST;
        kept.put(&peer, ours);
        assert!(kept.take(&peer).is_none());
    }

    /// Reads nothing, but waits until there is something: bytes, or their end.
    async fn wait_until_readable(stream: &mut Stream) {
        let mut nothing = [0; 0];
        let mut read = ReadBuf::new(&mut nothing);
        std::future::poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut read))
            .await
            .expect("readable");
    }
}
