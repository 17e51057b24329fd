//! The listeners that are open: opened and closed to match a snapshot.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::names::ListenerName;
use crate::snapshot::Snapshot;

use super::handed::{Handed, Of, Purpose};
use super::listener::{Acceptor, Takes, bind};
use super::slot::Addresses;
use super::state::State;
use super::workers::Workers;

/// The open listeners.
pub(super) struct Listeners {
    state: Arc<State>,
    workers: Arc<Workers>,
    handed: Handed,
    open: HashMap<ListenerName, Open>,
}

struct Open {
    configured: SocketAddr,
    bound: SocketAddr,
    addresses: Arc<Addresses>,
    /// For a successor.
    socket: OwnedFd,
    takes: watch::Sender<Takes>,
    task: JoinHandle<()>,
}

/// Sockets that a snapshot needs and that are not open yet.
pub(super) struct Bound(Vec<(ListenerName, SocketAddr, TcpListener, OwnedFd)>);

impl Listeners {
    pub(super) fn new(state: Arc<State>, workers: Arc<Workers>, handed: Handed) -> Self {
        Self {
            state,
            workers,
            handed,
            open: HashMap::new(),
        }
    }

    /// Binds what `snapshot` needs beyond what is open; changes nothing else.
    ///
    /// # Errors
    /// An address that cannot be bound, by name.
    pub(super) fn bind(&mut self, snapshot: &Snapshot) -> Result<Bound, String> {
        let mut bound = Vec::new();
        for listener in snapshot.listeners() {
            let (name, address) = (&listener.settings.name, listener.settings.address);
            if self
                .open
                .get(name)
                .is_some_and(|open| open.configured == address)
            {
                continue;
            }
            let handed = self.handed.listener(name, address);
            let socket = handed.unwrap_or_else(|| bind(address));
            let with_another = |socket: TcpListener| {
                let another = socket.as_fd().try_clone_to_owned()?;
                Ok((socket, another))
            };
            let (socket, another) = socket
                .and_then(with_another)
                .map_err(|e| format!("listener \"{name}\" cannot listen on {address}: {e}"))?;
            bound.push((name.clone(), address, socket, another));
        }
        Ok(Bound(bound))
    }

    /// Opens what was bound and closes what `snapshot` does not have. The snapshot serves
    /// already: connections look their listener up in it.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, bound: Bound) {
        let moved = |name: &ListenerName| bound.0.iter().any(|(new, ..)| new == name);
        self.open.retain(|name, open| {
            let stays = snapshot.listener(name).is_some() && !moved(name);
            if !stays {
                open.takes.send_replace(Takes::TheLast);
            }
            stays
        });
        for (name, configured, socket, another) in bound.0 {
            let address = socket.local_addr().unwrap_or(configured);
            let (takes, taking) = watch::channel(Takes::All);
            let addresses = Arc::new(Addresses::default());
            let acceptor = Acceptor {
                state: self.state.clone(),
                workers: self.workers.clone(),
                name: name.clone(),
                addresses: addresses.clone(),
            };
            tracing::info!(listener = %name, %address, "Listening.");
            let open = Open {
                configured,
                bound: address,
                addresses,
                socket: another,
                takes,
                task: tokio::spawn(acceptor.run(socket, taking)),
            };
            self.open.insert(name, open);
        }
    }

    /// Where each listener really listens.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&ListenerName, SocketAddr)> {
        self.open.iter().map(|(name, open)| (name, open.bound))
    }

    /// The socket of the admin listener, if somebody else has opened it.
    pub(super) fn handed_admin(&mut self, address: SocketAddr) -> Option<io::Result<TcpListener>> {
        self.handed.admin(address)
    }

    /// Closes what a predecessor had open and this gateway has not.
    pub(super) fn close_the_rest(&mut self) {
        self.handed.close_the_rest();
    }

    /// Every socket, with what it is for: those of the service manager too that no listener has.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn to_pass_on(&self) -> io::Result<Vec<(Purpose, OwnedFd)>> {
        let mut sockets = self.handed.to_pass_on()?;
        for (name, open) in &self.open {
            let purpose = Purpose {
                of: Of::Listener(name.as_str().to_owned()),
                address: open.configured,
            };
            sockets.push((purpose, open.socket.try_clone()?));
        }
        Ok(sockets)
    }

    /// Stops accepting everywhere, with the last that `takes` says.
    pub(super) async fn close(&mut self, takes: Takes) {
        for (_, open) in self.open.drain() {
            open.takes.send_replace(takes);
            let _ = open.task.await;
            drop(open.addresses);
        }
    }
}
