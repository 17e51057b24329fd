//! Accepts connections, shakes hands, and hands each to the lanes with what is known of it.
//! In: a bound socket. Out: a `GuardedStream` for every connection that is within the limits.
//! TLS settings are taken from the snapshot at each handshake, so a reload needs no restart.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::SocketDigest;
use pingora_core::protocols::l4::socket::SocketAddr as PeerAddr;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::RequestLimits;
use crate::names::ListenerName;
use crate::snapshot::ListenerSnapshot;
use crate::tls::TlsGeneration;

use super::connection::Connection;
use super::handshake::{self, Hands};
use super::lanes::Lanes;
use super::slot::{Addresses, Slot};
use super::source::{self, Source};
use super::state::State;
use super::stream::{GuardedStream, Transport};
use super::workers::Workers;

/// Connections that may wait to be accepted; the kernel clips it to its own limit.
const BACKLOG: i32 = 4096;
/// The pause after an error of `accept` that another try at once would only repeat.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a listening socket.
///
/// # Errors
/// The address is taken or not this machine's.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Whoever comes.
    All,
    /// Whoever has come, and nobody after.
    TheLast,
    /// Nobody: who has come and is not taken is another process's.
    Nobody,
}

/// One listener at work.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub(super) state: Arc<State>,
    pub(super) workers: Arc<Workers>,
    pub(super) name: ListenerName,
    pub(super) addresses: Arc<Addresses>,
}

impl Acceptor {
    /// Accepts as long as it `takes` all, and then the last, if it shall.
    pub(super) async fn run(self, socket: TcpListener, mut takes: watch::Receiver<Takes>) {
        while *takes.borrow_and_update() == Takes::All {
            tokio::select! {
                accepted = socket.accept() => self.take(accepted).await,
                _ = takes.changed() => {}
            }
        }
        if *takes.borrow() == Takes::Nobody {
            return;
        }
        // The kernel has already welcomed these callers; closing now would reset them.
        while let Ok(Some(accepted)) = poll_once(&socket) {
            self.take(Ok(accepted)).await;
        }
    }

    async fn take(&self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!(listener = %self.name, error = %e, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return;
            }
        };
        let snapshot = self.state.snapshot();
        let Some(listener) = snapshot.listener(&self.name).cloned() else {
            return;
        };
        let proxies = listener.settings.proxy_protocol.as_ref();
        if proxies.is_some_and(|proxies| !proxies.trusts(peer.ip())) {
            return source::tell(&self.state, &self.name, peer, &source::Failure::Untrusted);
        }
        // Behind a proxy the address that counts is known only when its header was read.
        let address = proxies.is_none().then_some(peer.ip());
        let most = snapshot.process().max_connections;
        match Slot::take(&self.state, &self.addresses, address, &listener, most) {
            Ok(slot) => {
                let one = self.clone();
                // It leaves the accepting thread's runtime for that of its worker.
                let Ok(socket) = socket.into_std() else {
                    return;
                };
                self.workers.serve(move |lanes| async move {
                    if let Ok(socket) = TcpStream::from_std(socket) {
                        one.begin(socket, peer, listener, slot, &lanes).await;
                    }
                });
            }
            Err(reason) => self.turn_away(reason),
        }
    }

    fn turn_away(&self, reason: &str) {
        let refused = &self.state.telemetry.metrics().connections_refused;
        let labels = [self.name.as_str(), reason];
        refused.with_label_values(&labels).inc();
    }

    /// Learns whose connection it is, and serves it in its place.
    async fn begin(
        &self,
        mut socket: TcpStream,
        peer: SocketAddr,
        listener: ListenerSnapshot,
        mut slot: Slot,
        lanes: &Lanes,
    ) {
        let deadline = Instant::now() + listener.settings.limits.handshake_timeout;
        if listener.settings.proxy_protocol.is_none() {
            let source = Source::direct(peer);
            return self.serve(socket, source, listener, deadline, lanes).await;
        }
        match source::read(&mut socket, peer, deadline).await {
            Err(failure) => source::tell(&self.state, &self.name, peer, &failure),
            Ok(source) => match slot.count(source.peer.ip(), &listener) {
                Err(reason) => self.turn_away(reason),
                Ok(()) => self.serve(socket, source, listener, deadline, lanes).await,
            },
        }
    }

    async fn serve(
        &self,
        socket: TcpStream,
        source: Source,
        listener: ListenerSnapshot,
        deadline: Instant,
        lanes: &Lanes,
    ) {
        // Answers are written whole; waiting to fill packets only delays them.
        let _ = socket.set_nodelay(true);
        let fd = socket.as_raw_fd();
        let (transport, tls, http2) = match &listener.tls {
            None => (Transport::Plain(socket), None, false),
            Some(tls) => {
                // In a box of its own, which is gone when hands were shaken: it is ten times what
                // the rest of the connection's task takes.
                let hands = Box::pin(self.welcome(socket, tls, &source, deadline));
                match hands.await {
                    Some(hands) => (Transport::Tls(hands.stream), Some(hands.facts), hands.http2),
                    None => return,
                }
            }
        };
        let state = self.state.clone();
        let connection = Arc::new(Connection::new(
            state,
            self.name.clone(),
            source,
            tls,
            http2,
        ));
        let limits = listener.settings.limits.clone();
        let stream = guarded(transport, connection.clone(), limits, fd);
        let closing = self.state.closing();
        lanes.serve(&connection, stream, &closing).await;
    }

    /// Shakes hands, and tells how that ended; whoever is refused hears why. `None` when there is
    /// nobody to serve.
    async fn welcome(
        &self,
        socket: TcpStream,
        tls: &TlsGeneration,
        source: &Source,
        deadline: Instant,
    ) -> Option<Hands> {
        let hands = handshake::shake(socket, tls, &self.state.challenges, deadline).await;
        match handshake::told(&self.state, &self.name, source, hands) {
            Ok(hands) => Some(hands),
            Err(refused) => {
                if let Some(socket) = refused {
                    handshake::part(socket).await;
                }
                None
            }
        }
    }
}

/// The stream that the lanes get, with what is known of its connection.
fn guarded(
    transport: Transport,
    connection: Arc<Connection>,
    limits: RequestLimits,
    fd: i32,
) -> GuardedStream {
    let socket = SocketDigest::from_raw_fd(fd);
    // Set once, on a digest that was just made.
    let _ = socket
        .peer_addr
        .set(Some(PeerAddr::Inet(connection.source.peer)));
    let response = ResponseHeader::build(200, Some(0)).expect("200 is a status");
    let proxy = ProxyDigest {
        response: Box::new(response),
        user_data: Some(Box::new(connection.clone())),
    };
    GuardedStream::new(transport, connection, limits, socket, proxy, fd)
}

/// A connection that is waiting now, if there is one.
fn poll_once(socket: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match socket.poll_accept(&mut context) {
        std::task::Poll::Ready(accepted) => accepted.map(Some),
        std::task::Poll::Pending => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what `make` makes, which is not made.
    fn size_of_made<T, F>(_: impl FnOnce(T) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_connection_is_small() {
        type Begun = (
            Acceptor,
            TcpStream,
            SocketAddr,
            ListenerSnapshot,
            Slot,
            Arc<Lanes>,
        );
        let begin = |(one, socket, peer, listener, slot, lanes): Begun| async move {
            one.begin(socket, peer, listener, slot, &lanes).await;
        };
        let size = size_of_made(begin);
        assert!(size <= 2048, "{size} bytes");
    }
}
