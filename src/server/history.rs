//! When the gateway started, when what serves was put in place, and how the last reload ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::UtcTime;

/// What has happened to the process.
pub(super) struct History {
    started: UtcTime,
    since: Instant,
    last: Mutex<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    loaded: UtcTime,
    /// When it ended, and whether what it brought serves.
    reload: Option<(UtcTime, bool)>,
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

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
