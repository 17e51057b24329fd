//! A connection's bytes as Pingora gets them: guarded against slow callers, oversized heads
//! and bytes that are no request. In: a socket or a TLS stream. Out: Pingora's `IO`.
//! HTTP/1 goes through the gate; HTTP/2 has limits of its own and gets deadlines here.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::call::HeadLimits;
use crate::config::RequestLimits;
use crate::refusal::Refusal;

use super::connection::Connection;
use super::deadline::Deadline;
use super::gate::{Awaited, Gate, Step};
use super::outbox::Outbox;

/// Bytes taken from the network at once.
const READ: usize = 16 * 1024;
/// Bytes that may wait behind a request that is being answered.
const MAX_WAITING: usize = 64 * 1024;
/// How long and how much is read from a caller that still sends when it has its answer.
/// Closing at once would make its kernel throw the answer away.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// What carries the bytes.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A guarded connection.
pub(super) struct GuardedStream {
    io: Outbox<Transport>,
    connection: Arc<Connection>,
    limits: RequestLimits,
    mode: Mode,
    reading: Deadline,
    writing: Deadline,
    digests: Digests,
}

/// What a caller has begun.
pub(super) enum Arrival {
    /// A request that is but a plain head.
    Plain,
    /// Any other request.
    Other,
    /// Nothing any more.
    Nothing,
}

enum Mode {
    Http1(Gate),
    /// An answer that is sent before the connection ends, and how much of it has gone.
    Refusing(Vec<u8>, usize),
    /// Reading what the caller still sends.
    Lingering(usize),
    Ended,
    /// HTTP/2, or an HTTP/1 connection that has become a tunnel.
    Open,
}

struct Digests {
    id: UniqueIDType,
    ssl: Option<Arc<SslDigest>>,
    proxy: Arc<ProxyDigest>,
    socket: Arc<SocketDigest>,
}

impl GuardedStream {
    pub(super) fn new(
        transport: Transport,
        connection: Arc<Connection>,
        limits: RequestLimits,
        socket: SocketDigest,
        proxy: ProxyDigest,
        id: UniqueIDType,
    ) -> Self {
        let head = HeadLimits {
            max_bytes: limits.max_header_bytes,
            max_fields: limits.max_header_count,
        };
        let ssl = connection
            .tls
            .as_ref()
            .map(|tls| Arc::new(SslDigest::new("", tls.version, None, None, Vec::new())));
        Self {
            io: Outbox::new(transport),
            mode: match connection.http2 {
                true => Mode::Open,
                false => Mode::Http1(Gate::new(head)),
            },
            connection,
            limits,
            reading: Deadline::default(),
            writing: Deadline::default(),
            digests: Digests {
                id,
                ssl,
                proxy: Arc::new(proxy),
                socket: Arc::new(socket),
            },
        }
    }

    /// Waits for the next request of HTTP/1. What waits here holds no parser and no buffer.
    pub(super) async fn arrival(&mut self) -> Arrival {
        let passable = std::future::poll_fn(|context| self.poll_passable(context)).await;
        match (passable, &self.mode) {
            (Ok(true), Mode::Http1(gate)) if gate.is_plain() => Arrival::Plain,
            (Ok(true), _) => Arrival::Other,
            (Ok(false) | Err(_), _) => Arrival::Nothing,
        }
    }

    fn poll_http1(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Mode::Http1(gate) = &mut self.mode
            && self.connection.is_upgraded()
        {
            if gate.waiting() == 0 {
                self.mode = Mode::Open;
                return self.poll_open(context, out);
            }
            gate.open();
            gate.give(out);
            return Poll::Ready(Ok(()));
        }
        if ready!(self.poll_passable(context))?
            && let Mode::Http1(gate) = &mut self.mode
        {
            gate.give(out);
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until bytes may pass the gate; false when none will any more.
    fn poll_passable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let Mode::Http1(gate) = &mut self.mode else {
                return self.poll_ending(context).map_ok(|()| false);
            };
            let answered = gate.has_passed() && self.connection.take_answered();
            let awaited = match gate.next(answered) {
                Step::Give => {
                    self.reading.disarm();
                    return Poll::Ready(Ok(true));
                }
                Step::Refuse(refusal) => {
                    self.refuse(&refusal);
                    continue;
                }
                Step::Broken => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the body is not framed as HTTP/1.1 says",
                    )));
                }
                Step::Wait if gate.waiting() > MAX_WAITING => return Poll::Pending,
                Step::Wait => None,
                Step::Read(awaited) => Some(awaited),
            };
            let filled = self.poll_fill(context)?;
            let is_idle = filled.is_pending() && awaited == Some(Awaited::Request);
            self.connection.set_idle(is_idle);
            match filled {
                Poll::Ready(0) => return Poll::Ready(Ok(false)),
                Poll::Ready(_) if awaited == Some(Awaited::Head) => {}
                Poll::Ready(_) => self.reading.disarm(),
                Poll::Pending => ready!(self.poll_waiting(context, awaited))?,
            }
        }
    }

    /// Nothing has arrived: waits on, or gives up when it has taken too long. `Ready` means
    /// that the mode has changed.
    fn poll_waiting(
        &mut self,
        context: &mut Context<'_>,
        awaited: Option<Awaited>,
    ) -> Poll<io::Result<()>> {
        let Some(awaited) = awaited else {
            return Poll::Pending;
        };
        self.reading.arm(match awaited {
            Awaited::Request if self.connection.has_begun() => self.limits.idle_timeout,
            Awaited::Request | Awaited::Head => self.limits.header_timeout,
            Awaited::Body => self.limits.body_timeout,
        });
        if !self.reading.has_passed(context) {
            return Poll::Pending;
        }
        match awaited {
            Awaited::Request => self.mode = Mode::Ended,
            Awaited::Head => self.refuse(&Refusal::HeaderTimeout),
            Awaited::Body => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
        Poll::Ready(Ok(()))
    }

    /// Reads into the gate; says how many bytes.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> io::Result<Poll<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut space);
        match Pin::new(&mut self.io).poll_read(context, &mut read) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Err(e)) => Err(e),
            Poll::Ready(Ok(())) => {
                if let Mode::Http1(gate) = &mut self.mode {
                    gate.push(read.filled());
                }
                Ok(Poll::Ready(read.filled().len()))
            }
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        let answer = self.connection.refuse_bytes(refusal);
        self.mode = Mode::Refusing(answer, 0);
        self.reading.disarm();
        self.reading.arm(LINGER + LINGER);
    }

    /// Sends the refusal, reads what still comes, and then tells Pingora that it is over.
    fn poll_ending(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.reading.has_passed(context) {
                self.mode = Mode::Ended;
            }
            match &mut self.mode {
                Mode::Refusing(answer, sent) if *sent < answer.len() => {
                    let written = Pin::new(&mut self.io).poll_write(context, &answer[*sent..]);
                    match ready!(written) {
                        Ok(length) => *sent += length,
                        Err(_) => self.mode = Mode::Ended,
                    }
                }
                Mode::Refusing(..) => {
                    let end = ready!(Pin::new(&mut self.io).poll_shutdown(context));
                    self.mode = match end {
                        Ok(()) => Mode::Lingering(0),
                        Err(_) => Mode::Ended,
                    };
                }
                Mode::Lingering(taken) => {
                    let mut space = [const { MaybeUninit::uninit() }; READ];
                    let mut read = ReadBuf::uninit(&mut space);
                    let end = ready!(Pin::new(&mut self.io).poll_read(context, &mut read));
                    *taken += read.filled().len();
                    if end.is_err() || read.filled().is_empty() || *taken > LINGER_BYTES {
                        self.mode = Mode::Ended;
                    }
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    /// HTTP/2 and tunnels: the bytes as they are, with deadlines.
    fn poll_open(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        match Pin::new(&mut self.io).poll_read(context, out) {
            Poll::Ready(result) => {
                if out.filled().len() > before && self.connection.has_begun() {
                    self.reading.disarm();
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                if !self.connection.has_begun() {
                    self.reading.arm(self.limits.header_timeout);
                } else if self.connection.awaits_body() && !self.connection.is_upgraded() {
                    self.reading.arm(self.limits.body_timeout);
                } else {
                    self.reading.disarm();
                }
                match self.reading.has_passed(context) {
                    true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    false => Poll::Pending,
                }
            }
        }
    }

    fn guard_write<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.writing.disarm();
            return polled;
        }
        self.writing.arm(self.limits.body_timeout);
        match self.writing.has_passed(context) {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Pingora keeps back the pieces of an answer whose length is known; whoever reads has no
        // more to write now. A failure shows when it has.
        if self.connection.sends_at_once() && !self.io.is_empty() {
            let _ = Pin::new(&mut self.io).poll_flush(context);
        }
        match self.mode {
            Mode::Open => self.poll_open(context, out),
            _ => self.poll_http1(context, out),
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        self.guard_write(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(context);
        self.guard_write(context, polled)
    }

    /// Ends what we send, and then reads what a caller still sends in the middle of a request.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.mode, Mode::Lingering(_) | Mode::Ended) {
            return self.poll_ending(context);
        }
        let polled = Pin::new(&mut self.io).poll_shutdown(context);
        ready!(self.guard_write(context, polled))?;
        match &self.mode {
            Mode::Http1(gate) if gate.is_mid_request() => {
                self.mode = Mode::Lingering(0);
                self.reading.disarm();
                self.reading.arm(LINGER);
                self.poll_ending(context)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.guard_write(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for GuardedStream {
    async fn shutdown(&mut self) {
        // The caller may have gone: there is nobody to tell.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, out),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, out),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

impl fmt::Debug for GuardedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuardedStream({})", self.connection.source.peer)
    }
}

impl UniqueID for GuardedStream {
    fn id(&self) -> UniqueIDType {
        self.digests.id
    }
}

impl Ssl for GuardedStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.digests.ssl.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(match self.connection.http2 {
            true => ALPN::H2,
            false => ALPN::H1,
        })
    }
}

impl GetTimingDigest for GuardedStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for GuardedStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digests.proxy.clone())
    }
}

impl GetSocketDigest for GuardedStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.digests.socket.clone())
    }
}

impl Peek for GuardedStream {}
