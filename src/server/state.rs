//! What all rooms of the server share: the snapshot that serves, the log, and whether the
//! gateway is on its way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use crate::acme::Challenges;
use crate::clock::{ClockWatch, KernelClock, UtcTime};
use crate::names::RequestIds;
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;

use super::buffers::{Buffers, Held};
use super::history::History;
use super::pace::Pace;

/// In a second.
const EXPLANATIONS: u32 = 10;

/// The state of a running gateway.
pub(super) struct State {
    snapshot: ArcSwap<Snapshot>,
    pub(super) telemetry: Telemetry,
    pub(super) history: History,
    /// What an authority that issues certificates is shown.
    pub(super) challenges: Challenges,
    pub(super) ids: RequestIds,
    /// Of refused signatures that are explained: whoever names a credential causes one.
    pub(super) explanations: Pace,
    /// Bodies that are held whole.
    pub(super) buffers: Arc<Buffers>,
    /// What the kernel says of its clock.
    pub(super) clock: ClockWatch,
    /// Connections that are open now.
    pub(super) live: AtomicUsize,
    /// Processes that have handed over to this one, and ask it still.
    pub(super) predecessors: AtomicUsize,
    /// Set when the gateway wants no more callers, though it still serves those who come.
    leaving: AtomicBool,
    /// Set when a successor serves, so that callers who are silent may leave in their own time.
    patient: AtomicBool,
    /// True when no connection shall take another request.
    closing: watch::Sender<bool>,
}

impl State {
    pub(super) fn new(snapshot: Snapshot, telemetry: Telemetry) -> std::io::Result<Self> {
        let mut seed = [0; 8];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| std::io::Error::other("no randomness"))?;
        telemetry.metrics().started(snapshot.version());
        Ok(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            telemetry,
            history: History::begin(UtcTime::now()),
            challenges: Challenges::default(),
            ids: RequestIds::new(u64::from_be_bytes(seed)),
            explanations: Pace::new(EXPLANATIONS),
            buffers: Arc::default(),
            clock: ClockWatch::new(KernelClock::ask),
            live: AtomicUsize::new(0),
            predecessors: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            patient: AtomicBool::new(false),
            closing: watch::Sender::new(false),
        })
    }

    /// The snapshot that serves, for a moment.
    pub(super) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// The snapshot that serves, to keep for a request.
    pub(super) fn keep_snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Leave to hold a body.
    pub(super) fn hold(&self, snapshot: &Snapshot) -> Held {
        self.buffers.hold(snapshot.process().max_held_bytes)
    }

    /// Whether the time can be relied on, as far as the configuration asks for it.
    pub(super) fn is_timely(&self, snapshot: &Snapshot) -> bool {
        !snapshot.process().require_synchronized_clock || self.clock.is_synchronized()
    }

    /// Whether callers are wanted: not while the gateway leaves, nor while it would refuse them
    /// for want of the time.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_leaving() && self.is_timely(&self.snapshot())
    }

    /// Replaces the snapshot, whole and at once.
    pub(super) fn publish(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
        self.history.published(UtcTime::now());
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(super) fn is_patient(&self) -> bool {
        self.patient.load(Ordering::Acquire)
    }

    pub(super) fn be_patient(&self, patient: bool) {
        self.patient.store(patient, Ordering::Release);
    }

    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Changes when connections shall close; has changed already if they shall now.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        let mut closing = self.closing.subscribe();
        if *closing.borrow() {
            closing.mark_changed();
        }
        closing
    }
}
