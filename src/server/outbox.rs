//! Gathers what is written until it is worth sending: a head and a small body leave as one. In:
//! writes and flushes. Out: the same bytes to the writer beneath; reads pass through untouched.
//! It has a buffer only while something waits in it: most connections are idle most of the time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are gathered before they are sent: a head and a small body.
const CAPACITY: usize = 4 * 1024;

/// A writer and what waits to be written to it.
pub(super) struct Outbox<W> {
    inner: W,
    waiting: Vec<u8>,
    /// Bytes at the front of what waits that have gone.
    sent: usize,
}

impl<W> Outbox<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            waiting: Vec::new(),
            sent: 0,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn gather(&mut self, bytes: &[u8]) {
        if self.waiting.is_empty() && !bytes.is_empty() {
            self.waiting.reserve_exact(CAPACITY);
        }
        self.waiting.extend_from_slice(bytes);
    }
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    /// Makes room for `length` bytes more, if they are few enough to be gathered.
    fn poll_room(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<()>> {
        match self.waiting.len().saturating_add(length) > CAPACITY {
            true => self.poll_send(context),
            false => Poll::Ready(Ok(())),
        }
    }

    /// Sends all that waits, and gives its buffer back.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            let rest = &self.waiting[self.sent..];
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.sent += length,
            }
        }
        self.waiting = Vec::new();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Outbox<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(context, bytes.len()))?;
        if bytes.len() >= CAPACITY {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        }
        self.gather(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let lengths = parts.iter().map(|part| part.len());
        let length = lengths.fold(0, usize::saturating_add);
        ready!(self.poll_room(context, length))?;
        if length >= CAPACITY {
            return Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        }
        for part in parts {
            self.gather(part);
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Outbox<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// An outbox, and the other end of a pipe that takes so many bytes.
    fn outbox(takes: usize) -> (Outbox<DuplexStream>, DuplexStream) {
        let (near, far) = tokio::io::duplex(takes);
        (Outbox::new(near), far)
    }

    #[tokio::test]
    async fn small_writes_leave_as_one_and_leave_no_buffer_behind() {
        let (mut outbox, mut far) = outbox(CAPACITY);
        outbox.write_all(b"head").await.unwrap();
        let body = [IoSlice::new(b" and"), IoSlice::new(b" body")];
        assert_eq!(outbox.write_vectored(&body).await.unwrap(), 9);
        assert!(!outbox.is_empty());
        outbox.flush().await.unwrap();
        let mut read = [0; 64];
        let length = far.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], b"head and body");
        assert_eq!((outbox.is_empty(), outbox.waiting.capacity()), (true, 0));
    }

    #[tokio::test]
    async fn bytes_stay_in_order_however_they_are_cut_and_however_slowly_they_are_taken() {
        let (mut outbox, mut far) = outbox(100);
        let all: Vec<u8> = (0..40_000_u32).map(|at| at as u8).collect();
        let wanted = all.clone();
        let taken = tokio::spawn(async move {
            let mut taken = Vec::new();
            far.read_to_end(&mut taken).await.unwrap();
            taken
        });
        let mut rest = &all[..];
        for length in [1, 4095, 4096, 4097, 3000, 3000, 9000].into_iter().cycle() {
            let (part, more) = rest.split_at(usize::min(length, rest.len()));
            outbox.write_all(part).await.unwrap();
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        outbox.shutdown().await.unwrap();
        drop(outbox);
        assert_eq!(taken.await.unwrap(), wanted);
    }

    #[tokio::test]
    async fn nothing_written_asks_for_no_buffer() {
        let (mut outbox, _far) = outbox(1);
        assert_eq!(outbox.write(b"").await.unwrap(), 0);
        outbox.flush().await.unwrap();
        assert_eq!(outbox.waiting.capacity(), 0);
    }
}
