//! Remembers that a signature has been used. In: an `Entry`, which a verified signature
//! makes, and the time. Out: `Remembered`, the proof that the memory was asked about that
//! entry, with its answer. In the process, or in a store that sibling gateways share.
//! Knows nothing of signatures: a key is a hash that was made elsewhere.

mod connection;
mod entries;
mod files;
mod link;
mod moving;
mod shard;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::UtcTime;
use crate::config;
use crate::config::OnStoreDown;
use crate::problem::Problems;

use moving::Own;
use store::Store;

pub use moving::{Known, Moving, Question};

/// A use of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    key: [u8; 32],
    good_until: UtcTime,
}

impl Entry {
    /// The use of the signature that `key` stands for: a SHA-256 of what makes it unique.
    /// `good_until` is the last second at which it would still be found right, by any policy.
    pub fn new(key: [u8; 32], good_until: UtcTime) -> Self {
        Self { key, good_until }
    }

    /// The hash of what makes the signature unique.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The last second at which it would still be found right.
    pub fn good_until(&self) -> UtcTime {
        self.good_until
    }

    fn remembered_until(&self) -> u32 {
        seconds(self.good_until.unix().saturating_add(MARGIN_SECS))
    }
}

/// What the memory says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is new, or the store could not be asked and `on_store_down` is `"allow"`.
    Fresh,
    /// It has been used before.
    Replayed,
    /// The store could not be asked, and `on_store_down` is `"deny"`.
    StoreDown,
    /// There is no room to remember it, and nothing that may be forgotten.
    Full,
}

/// The proof that the memory was asked about an entry. Only the memory makes one.
#[derive(Debug)]
pub struct Remembered {
    key: [u8; 32],
    answer: Answer,
}

impl Remembered {
    /// The answer, when it is about `entry`; `None` when it is about another, so that the proof
    /// for one signature does not pass another.
    pub fn answer_for(&self, entry: &Entry) -> Option<Answer> {
        (self.key == entry.key).then_some(self.answer)
    }
}

/// What the memory has done since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries in the process; 0 with a store.
    pub entries: u64,
    /// Replays found.
    pub replayed: u64,
    /// Questions that the store did not answer, and that were denied.
    pub store_denied: u64,
    /// Questions that the store did not answer, and that were allowed.
    pub store_allowed: u64,
    /// Entries that found no room.
    pub full: u64,
}

/// The memory.
pub struct ReplayMemory {
    keeper: Keeper,
    tally: Arc<Tally>,
}

enum Keeper {
    Process { own: Arc<Own>, max_entries: usize },
    Store(Arc<Store>),
}

#[derive(Default)]
struct Tally {
    replayed: AtomicU64,
    store_denied: AtomicU64,
    store_allowed: AtomicU64,
    full: AtomicU64,
}

/// A use is remembered this much longer than the signature is good: clocks are read to the
/// second.
const MARGIN_SECS: i64 = 1;

impl ReplayMemory {
    /// Opens the files that the memory needs; connects to nothing. What `previous` remembers,
    /// its connection and its counts are taken over, so that a reload forgets nothing; only
    /// moving between process and store does.
    ///
    /// # Errors
    /// Every file that is missing, empty, unreadable, or readable by others and must not be.
    pub fn open(
        config: &config::ReplayMemory,
        file: &Path,
        previous: Option<&Self>,
    ) -> Result<Self, Problems> {
        let before = previous.map(|memory| &memory.keeper);
        let keeper = match &config.store {
            None => Keeper::Process {
                own: match before {
                    Some(Keeper::Process { own, .. }) => own.clone(),
                    _ => Arc::default(),
                },
                max_entries: config.max_entries,
            },
            Some(settings) => {
                let store = Store::open(settings, file)?;
                Keeper::Store(match before {
                    Some(Keeper::Store(before)) if before.is_like(&store) => before.clone(),
                    _ => Arc::new(store),
                })
            }
        };
        let tally = previous.map(|memory| memory.tally.clone());
        Ok(Self {
            keeper,
            tally: tally.unwrap_or_default(),
        })
    }

    /// Asks the memory in the process, which answers at once; `None` when a store must be asked, or
    /// another process.
    pub fn remember_at_once(&self, entry: &Entry, now: UtcTime) -> Option<Remembered> {
        let Keeper::Process { own, max_entries } = &self.keeper else {
            return None;
        };
        let (until, now) = (entry.remembered_until(), seconds(now.unix()));
        let answer = own.entries.remember(entry.key, until, now, *max_entries)?;
        Some(self.counted(entry, answer))
    }

    /// Asks the memory, wherever it is. With a store this takes at most `timeout_ms`, with another
    /// process 5 s. When it is
    /// dropped before its end, the entry may have been remembered.
    pub async fn remember(&self, entry: Entry, now: UtcTime) -> Remembered {
        let answer = match &self.keeper {
            Keeper::Process { own, max_entries } => {
                if let Some(known) = self.remember_at_once(&entry, now) {
                    return known;
                }
                let until = entry.remembered_until();
                own.ask(&entry, until, now, *max_entries).await
            }
            Keeper::Store(store) => match store.remember(&entry, now).await {
                Some(true) => Answer::Fresh,
                Some(false) => Answer::Replayed,
                None if store.on_down() == OnStoreDown::Allow => {
                    self.tally.store_allowed.fetch_add(1, Ordering::Relaxed);
                    Answer::Fresh
                }
                None => Answer::StoreDown,
            },
        };
        self.counted(&entry, answer)
    }

    /// Connects to the store, if there is one, and says whether it can be asked: for a process
    /// that is about to take requests.
    pub async fn is_ready(&self) -> bool {
        match &self.keeper {
            Keeper::Process { .. } => true,
            Keeper::Store(store) => store.is_ready().await,
        }
    }

    /// Moves to another process what is remembered in this one: see `moving`. `None` with a store,
    /// which the other asks, too.
    pub fn move_away(&self) -> Option<Moving> {
        match &self.keeper {
            Keeper::Process { own, .. } => Some(Moving::begin(own)),
            Keeper::Store(_) => None,
        }
    }

    /// Remembers what another process remembered, be it more than `max_entries`: nothing that is
    /// still to be remembered is dropped. With a store, nothing.
    pub fn take_in(&self, known: &[Known], now: UtcTime) {
        let Keeper::Process { own, .. } = &self.keeper else {
            return;
        };
        let now = seconds(now.unix());
        for one in known.iter().filter(|one| one.until >= now) {
            own.entries
                .remember_here(one.key, one.until, now, usize::MAX);
        }
    }

    /// For metrics.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            entries: match &self.keeper {
                Keeper::Process { own, .. } => own.entries.count() as u64,
                Keeper::Store(_) => 0,
            },
            replayed: read(&self.tally.replayed),
            store_denied: read(&self.tally.store_denied),
            store_allowed: read(&self.tally.store_allowed),
            full: read(&self.tally.full),
        }
    }

    fn counted(&self, entry: &Entry, answer: Answer) -> Remembered {
        let count = match answer {
            Answer::Fresh => None,
            Answer::Replayed => Some(&self.tally.replayed),
            Answer::StoreDown => Some(&self.tally.store_denied),
            Answer::Full => Some(&self.tally.full),
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Remembered {
            key: entry.key,
            answer,
        }
    }
}

/// Seconds since the epoch, until 2106.
fn seconds(unix: i64) -> u32 {
    u32::try_from(unix.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
