//! Sockets that a service manager has opened for the gateway (systemd's sd_listen_fds(3)): they
//! stay open while no gateway runs, so that callers who come then wait instead of being refused.
//! In: the environment, once. Out: a listening socket for an address, as often as it is asked for.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd as _, OwnedFd};

use socket2::Socket;
use tokio::net::TcpListener;

/// The sockets, with their addresses.
pub(super) struct Handed(Vec<(SocketAddr, Socket)>);

impl Handed {
    /// Takes over what there is. Called once, at the start.
    ///
    /// # Errors
    /// One of them does not listen on a TCP port.
    pub(super) fn take() -> Result<Self, String> {
        let unusable = |e: io::Error| format!("the service manager's sockets are unusable: {e}");
        let all = sd_notify::listen_fds().map_err(unusable)?;
        let sockets = all.map(|fd| {
            // SAFETY: by sd_listen_fds(3) these descriptors were opened for this process, whose id
            // `listen_fds` has compared, and are nobody else's; they are taken once, before
            // anything else could have been opened under their numbers.
            let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(fd) });
            let address = address_of(&socket)
                .map_err(|why| format!("the service manager's descriptor {fd} {why}"))?;
            socket.set_nonblocking(true).map_err(unusable)?;
            Ok((address, socket))
        });
        sockets.collect::<Result<_, String>>().map(Self)
    }

    /// The socket that listens on `address`, if there is one.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn socket(&self, address: SocketAddr) -> Option<io::Result<TcpListener>> {
        let (_, socket) = self.0.iter().find(|(own, _)| *own == address)?;
        // The first stays: a listener that a reload closes may be opened again.
        Some(
            socket
                .try_clone()
                .and_then(|socket| TcpListener::from_std(socket.into())),
        )
    }

    /// Those that no one of `addresses` is for.
    pub(super) fn beside(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let own = self.0.iter().map(|(own, _)| *own);
        own.filter(|own| !addresses.contains(own)).collect()
    }
}

fn address_of(socket: &Socket) -> Result<SocketAddr, &'static str> {
    const NONE: &str = "does not listen on a TCP port";
    let address = socket.local_addr().ok().and_then(|own| own.as_socket());
    let listens = socket.is_listener().unwrap_or(false);
    address.filter(|_| listens).ok_or(NONE)
}
