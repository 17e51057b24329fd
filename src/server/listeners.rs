//! The listeners that are open: opened and closed to match a snapshot.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::names::ListenerName;
use crate::snapshot::Snapshot;

use super::handed::Handed;
use super::listener::{Acceptor, bind};
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
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Sockets that a snapshot needs and that are not open yet.
pub(super) struct Bound(Vec<(ListenerName, SocketAddr, TcpListener)>);

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
    pub(super) fn bind(&self, snapshot: &Snapshot) -> Result<Bound, String> {
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
            let handed = self.handed.socket(address);
            let socket = handed.unwrap_or_else(|| bind(address));
            let socket = socket
                .map_err(|e| format!("listener \"{name}\" cannot listen on {address}: {e}"))?;
            bound.push((name.clone(), address, socket));
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
                open.stop.send_replace(true);
            }
            stays
        });
        for (name, configured, socket) in bound.0 {
            let address = socket.local_addr().unwrap_or(configured);
            let (stop, stopped) = watch::channel(false);
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
                stop,
                task: tokio::spawn(acceptor.run(socket, stopped)),
            };
            self.open.insert(name, open);
        }
    }

    /// Where each listener really listens.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&ListenerName, SocketAddr)> {
        self.open.iter().map(|(name, open)| (name, open.bound))
    }

    /// Stops accepting everywhere and waits until what had come in is taken.
    pub(super) async fn close(&mut self) {
        for (_, open) in self.open.drain() {
            open.stop.send_replace(true);
            let _ = open.task.await;
            drop(open.addresses);
        }
    }
}
