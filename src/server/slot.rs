//! How many connections there are: over all, of a listener, and of one address. In: a connection
//! that wants a place. Out: its `Slot`, or which limit it would break.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::names::ListenerName;
use crate::snapshot::ListenerSnapshot;

use super::state::State;

/// How many connections one listener has, and each address on it.
#[derive(Default)]
pub(super) struct Addresses(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place within the limits; given back when dropped.
pub(super) struct Slot {
    state: Arc<State>,
    addresses: Arc<Addresses>,
    name: ListenerName,
    /// `None` until it is known whose connection it is.
    address: Option<IpAddr>,
}

impl Slot {
    /// A place for a connection of `address`, or of one that will be told to `count`.
    ///
    /// # Errors
    /// The limit that it would break.
    pub(super) fn take(
        state: &Arc<State>,
        addresses: &Arc<Addresses>,
        address: Option<IpAddr>,
        listener: &ListenerSnapshot,
        most: usize,
    ) -> Result<Self, &'static str> {
        let (name, limits) = (&listener.settings.name, &listener.settings.limits);
        let mut counts = addresses.lock();
        if state.live.load(Ordering::Relaxed) >= most {
            return Err("total");
        }
        if counts.all >= limits.max_connections {
            return Err("listener");
        }
        if let Some(address) = address {
            counts.add(address, limits.max_connections_per_address)?;
        }
        counts.all += 1;
        state.live.fetch_add(1, Ordering::Relaxed);
        let open = &state.telemetry.metrics().connections;
        open.with_label_values(&[name.as_str()]).inc();
        Ok(Self {
            state: state.clone(),
            addresses: addresses.clone(),
            name: name.clone(),
            address,
        })
    }

    /// Counts the connection as one of `address`, which was not known before.
    ///
    /// # Errors
    /// The limit that it would break.
    pub(super) fn count(
        &mut self,
        address: IpAddr,
        listener: &ListenerSnapshot,
    ) -> Result<(), &'static str> {
        let most = listener.settings.limits.max_connections_per_address;
        self.addresses.lock().add(address, most)?;
        self.address = Some(address);
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.addresses.lock();
        counts.all -= 1;
        if let Some(address) = self.address {
            counts.remove(address);
        }
        self.state.live.fetch_sub(1, Ordering::Relaxed);
        let open = &self.state.telemetry.metrics().connections;
        open.with_label_values(&[self.name.as_str()]).dec();
    }
}

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, address: IpAddr, most: usize) -> Result<(), &'static str> {
        let count = self.by_address.entry(address).or_default();
        if *count >= most {
            return Err("address");
        }
        *count += 1;
        Ok(())
    }

    fn remove(&mut self, address: IpAddr) {
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}
