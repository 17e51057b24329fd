//! A target whose every move is the test's: it takes a connection when it is told to, says what
//! it was sent, and answers with the very bytes that it is given.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::{text, wait_for};

pub struct ScriptedTarget {
    pub address: SocketAddr,
    listener: TcpListener,
}

/// A connection that the gateway has made to it.
pub struct Caught {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl ScriptedTarget {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a mode");
        Self {
            address: listener.local_addr().expect("an address"),
            listener,
        }
    }

    /// Waits for the next connection.
    pub fn catch(&self) -> Caught {
        wait_for("a connection to the target", || self.caught())
    }

    /// The next connection, if there is one.
    pub fn caught(&self) -> Option<Caught> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).expect("a mode");
        stream.set_nodelay(true).expect("an option");
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a timeout");
        Some(Caught {
            stream,
            inbox: Vec::new(),
        })
    }
}

impl Caught {
    /// Waits for a whole head; `None` when the gateway has closed the connection instead.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(head) = self.take_head() {
                return Some(head);
            }
            let mut scratch = [0; 4096];
            match self.stream.read(&mut scratch) {
                Ok(0) => return None,
                Ok(length) => self.inbox.extend_from_slice(&scratch[..length]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("the gateway neither spoke nor left: {e}"),
            }
        }
    }

    /// Waits for this many bytes behind a head.
    pub fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        let here = length.min(self.inbox.len());
        for (place, byte) in body.iter_mut().zip(self.inbox.drain(..here)) {
            *place = byte;
        }
        self.stream.read_exact(&mut body[here..]).expect("a body");
        body
    }

    fn take_head(&mut self) -> Option<String> {
        let end = self.inbox.windows(4).position(|four| four == b"\r\n\r\n")?;
        let rest = self.inbox.split_off(end + 4);
        Some(text(&std::mem::replace(&mut self.inbox, rest)))
    }

    /// Whether something has come, or the connection's end.
    pub fn has_news(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a mode");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a mode");
        !matches!(peeked, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }

    /// The gateway may have left.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
