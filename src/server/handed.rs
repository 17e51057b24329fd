//! Listening sockets that somebody else has opened for the gateway. In: those of a service manager
//! (systemd's sd_listen_fds(3)), which stay open while no gateway runs, so that callers who come then
//! wait instead of being refused; and those of a predecessor. Out: a listening socket for a listener,
//! when it is asked for.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd as _, OwnedFd};

use serde::{Deserialize, Serialize};
use socket2::Socket;
use tokio::net::TcpListener;

use crate::names::ListenerName;

/// What a socket is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purpose {
    pub(super) of: Of,
    /// As it is configured: the port may be 0.
    pub(super) address: SocketAddr,
}

/// Whose a socket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of {
    /// The service manager's, for any listener that has its address.
    Manager,
    /// This listener's of a predecessor.
    Listener(String),
    /// A predecessor's admin listener's.
    Admin,
}

/// A socket with its purpose.
pub(super) struct Named {
    purpose: Purpose,
    socket: Socket,
}

/// The sockets.
pub(super) struct Handed(Vec<Named>);

impl Named {
    /// Takes it over from who had opened it.
    ///
    /// # Errors
    /// It does not listen on a TCP port.
    pub(super) fn new(purpose: Purpose, fd: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(fd);
        address_of(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(Self { purpose, socket })
    }
}

impl Handed {
    /// Takes over what a service manager has opened. Called once, at the start.
    ///
    /// # Errors
    /// One of them does not listen on a TCP port.
    pub(super) fn by_the_manager() -> Result<Self, String> {
        let unusable = |e: io::Error| format!("the service manager's sockets are unusable: {e}");
        let all = sd_notify::listen_fds().map_err(unusable)?;
        let sockets = all.map(|fd| {
            // SAFETY: by sd_listen_fds(3) these descriptors were opened for this process, whose id
            // `listen_fds` has compared, and are nobody else's; they are taken once, before
            // anything else could have been opened under their numbers.
            let owned = unsafe { OwnedFd::from_raw_fd(fd) };
            let socket = Socket::from(owned);
            let address = address_of(&socket)
                .map_err(|why| format!("the service manager's descriptor {fd} {why}"))?;
            let of = Of::Manager;
            Named::new(Purpose { of, address }, socket.into()).map_err(unusable)
        });
        sockets.collect::<Result<_, String>>().map(Self)
    }

    /// What a predecessor has passed on.
    pub(super) fn by_a_predecessor(sockets: Vec<Named>) -> Self {
        Self(sockets)
    }

    /// The socket of a listener, if there is one. By its name, and by its address if that tells
    /// one from another.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn listener(
        &mut self,
        name: &ListenerName,
        address: SocketAddr,
    ) -> Option<io::Result<TcpListener>> {
        let of = Of::Listener(name.as_str().to_owned());
        let own = Purpose { of, address };
        self.take(|purpose| *purpose == own).or_else(|| {
            self.take(|purpose| {
                purpose.of != Of::Admin && purpose.address == address && address.port() != 0
            })
        })
    }

    /// The socket of the admin listener, if there is one.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn admin(&mut self, address: SocketAddr) -> Option<io::Result<TcpListener>> {
        let own = Purpose {
            of: Of::Admin,
            address,
        };
        self.take(|purpose| *purpose == own)
    }

    /// Closes what a predecessor passed on and nobody has asked for.
    pub(super) fn close_the_rest(&mut self) {
        self.0.retain(|one| one.purpose.of == Of::Manager);
    }

    /// The manager's that no one of `addresses` is for.
    pub(super) fn beside(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let own = self.0.iter().filter(|one| one.purpose.of == Of::Manager);
        let own = own.map(|one| one.purpose.address);
        own.filter(|own| !addresses.contains(own)).collect()
    }

    /// The manager's, to pass on.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn to_pass_on(&self) -> io::Result<Vec<(Purpose, OwnedFd)>> {
        let own = self.0.iter().filter(|one| one.purpose.of == Of::Manager);
        own.map(|one| Ok((one.purpose.clone(), one.socket.try_clone()?.into())))
            .collect()
    }

    fn take(&mut self, is: impl Fn(&Purpose) -> bool) -> Option<io::Result<TcpListener>> {
        let at = self.0.iter().position(|one| is(&one.purpose))?;
        let socket = match self.0[at].purpose.of {
            // The first stays: a listener that a reload closes may be opened again.
            Of::Manager => self.0[at].socket.try_clone(),
            _ => Ok(self.0.swap_remove(at).socket),
        };
        Some(socket.and_then(|socket| TcpListener::from_std(socket.into())))
    }
}

fn address_of(socket: &Socket) -> io::Result<SocketAddr> {
    const NONE: &str = "does not listen on a TCP port";
    let address = socket.local_addr().ok().and_then(|own| own.as_socket());
    let listens = socket.is_listener().unwrap_or(false);
    address
        .filter(|_| listens)
        .ok_or_else(|| io::Error::other(NONE))
}
