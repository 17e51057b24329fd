//! Where a connection comes from: an address, and, where a proxy passes connections on, what its
//! PROXY header says. In: an accepted socket. Out: its `Source`, with nothing read beyond the
//! header, or a failure, which is told to log and metrics.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::names::ListenerName;
use crate::proxy_protocol::{self, BINARY_HEAD, Header, MAX_TEXT, Malformed, START, Version};
use crate::telemetry::{LogTime, ProxyRecord, Record};

use super::state::State;

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The client: whoever opened the connection, or whom the proxy names.
    pub(super) peer: SocketAddr,
    /// The proxy that passed it on.
    pub(super) via: Option<SocketAddr>,
    /// The VPC endpoint that it came through, as the proxy tells it.
    pub(super) vpc_endpoint: Option<String>,
}

/// Why a connection is none that a trusted proxy has passed on.
pub(super) enum Failure {
    Untrusted,
    Malformed(&'static str),
    TimedOut,
}

impl Source {
    /// A client that connects itself.
    pub(super) fn direct(peer: SocketAddr) -> Self {
        Self {
            peer,
            via: None,
            vpc_endpoint: None,
        }
    }

    fn passed_on(proxy: SocketAddr, header: Header) -> Self {
        match header.source {
            None => Self::direct(proxy),
            Some(peer) => Self {
                peer,
                via: Some(proxy),
                vpc_endpoint: header.vpc_endpoint,
            },
        }
    }
}

/// Reads the PROXY header with which a connection of `proxy` begins, until `deadline`.
pub(super) async fn read(
    socket: &mut TcpStream,
    proxy: SocketAddr,
    deadline: Instant,
) -> Result<Source, Failure> {
    match timeout_at(deadline, read_header(socket)).await {
        Err(_) => Err(Failure::TimedOut),
        Ok(Err(Malformed(why))) => Err(Failure::Malformed(why)),
        Ok(Ok(header)) => Ok(Source::passed_on(proxy, header)),
    }
}

/// Reads over the PROXY header with which a load balancer begins its health checks, if there is one.
/// Whom it names does not matter to who answers them.
pub(super) async fn read_over(socket: &mut TcpStream, deadline: Instant) -> Result<(), Failure> {
    let header = async {
        let mut first = [0];
        let seen = socket.peek(&mut first).await.map_err(|_| CUT)?;
        // Version 2 begins as no request does.
        match seen == 1 && first[0] == b'\r' {
            true => read_header(socket).await.map(drop),
            false => Ok(()),
        }
    };
    match timeout_at(deadline, header).await {
        Err(_) => Err(Failure::TimedOut),
        Ok(Err(Malformed(why))) => Err(Failure::Malformed(why)),
        Ok(Ok(())) => Ok(()),
    }
}

async fn read_header(socket: &mut TcpStream) -> Result<Header, Malformed> {
    let mut start = [0; START];
    fill(socket, &mut start).await?;
    match proxy_protocol::version(&start)? {
        Version::Text => read_text(socket, &start).await,
        Version::Binary => read_binary(socket, &start).await,
    }
}

async fn read_binary(socket: &mut TcpStream, start: &[u8; START]) -> Result<Header, Malformed> {
    let mut head = [0; BINARY_HEAD];
    head[..START].copy_from_slice(start);
    fill(socket, &mut head[START..]).await?;
    let mut header = head.to_vec();
    header.resize(BINARY_HEAD + proxy_protocol::rest_of(&head)?, 0);
    fill(socket, &mut header[BINARY_HEAD..]).await?;
    proxy_protocol::read_binary(&header)
}

/// A line is looked at before it is taken, so that nothing behind its end is: that is TLS.
async fn read_text(socket: &mut TcpStream, start: &[u8; START]) -> Result<Header, Malformed> {
    let mut line = [0; MAX_TEXT];
    line[..START].copy_from_slice(start);
    let mut length = START;
    while length < MAX_TEXT {
        let seen = socket.peek(&mut line[length..]).await.map_err(|_| CUT)?;
        if seen == 0 {
            return Err(CUT);
        }
        let seen = &mut line[length..length + seen];
        let end = seen.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(seen.len(), |end| end + 1);
        fill(socket, &mut seen[..taken]).await?;
        length += taken;
        if end.is_some() {
            return proxy_protocol::read_text(&line[..length]);
        }
    }
    Err(Malformed("the line is too long"))
}

const CUT: Malformed = Malformed("the connection ended within the PROXY header");

async fn fill(socket: &mut TcpStream, bytes: &mut [u8]) -> Result<(), Malformed> {
    let read: io::Result<usize> = socket.read_exact(bytes).await;
    read.map(drop).map_err(|_| CUT)
}

/// Tells a connection that is closed because of how it began.
pub(super) fn tell(state: &State, listener: &ListenerName, peer: SocketAddr, failure: &Failure) {
    let (reason, detail) = match failure {
        Failure::Untrusted => ("proxy_untrusted", "the address is no trusted proxy's"),
        Failure::Malformed(why) => ("proxy_malformed", *why),
        Failure::TimedOut => ("proxy_timeout", "the PROXY header took too long"),
    };
    let refused = &state.telemetry.metrics().connections_refused;
    refused
        .with_label_values(&[listener.as_str(), reason])
        .inc();
    state.telemetry.tell(&Record::ProxyHeader(ProxyRecord {
        time: LogTime::now(),
        listener: listener.as_str(),
        peer,
        reason,
        detail,
    }));
}
