//! When the gateway started, when what serves was put in place, and how the last reload and the last
//! upgrade ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::UtcTime;

/// What has happened to the process.
pub(super) struct History {
    started: UtcTime,
    since: Instant,
    last: Mutex<Last>,
}

struct Last {
    loaded: UtcTime,
    /// When it ended, and whether what it brought serves.
    reload: Option<(UtcTime, bool)>,
    /// When it ended, and why nothing came of it, if nothing did.
    upgrade: Option<(UtcTime, Result<(), String>)>,
    upgrades_failed: u64,
}

impl History {
    /// A gateway starts.
    pub(super) fn begin(now: UtcTime) -> Self {
        Self {
            started: now,
            since: Instant::now(),
            last: Mutex::new(Last {
                loaded: now,
                reload: None,
                upgrade: None,
                upgrades_failed: 0,
            }),
        }
    }

    /// Something else serves from now on.
    pub(super) fn published(&self, now: UtcTime) {
        self.last().loaded = now;
    }

    /// A reload that was asked for has ended.
    pub(super) fn reloaded(&self, now: UtcTime, published: bool) {
        self.last().reload = Some((now, published));
    }

    /// This process has taken over from another.
    pub(super) fn upgraded(&self, now: UtcTime) {
        self.last().upgrade = Some((now, Ok(())));
    }

    /// A successor has not started, and why.
    pub(super) fn not_upgraded(&self, now: UtcTime, why: String) {
        let mut last = self.last();
        last.upgrade = Some((now, Err(why)));
        last.upgrades_failed += 1;
    }

    pub(super) fn started(&self) -> UtcTime {
        self.started
    }

    /// By a clock that nobody sets.
    pub(super) fn uptime(&self) -> Duration {
        self.since.elapsed()
    }

    /// When what serves was put in place.
    pub(super) fn loaded(&self) -> UtcTime {
        self.last().loaded
    }

    /// When the last reload ended, and whether what it brought serves.
    pub(super) fn last_reload(&self) -> Option<(UtcTime, bool)> {
        self.last().reload
    }

    /// When the last upgrade ended, and why nothing came of it, if nothing did.
    pub(super) fn last_upgrade(&self) -> Option<(UtcTime, Result<(), String>)> {
        self.last().upgrade.clone()
    }

    /// Upgrades that nothing came of.
    pub(super) fn upgrades_failed(&self) -> u64 {
        self.last().upgrades_failed
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
