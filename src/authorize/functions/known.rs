//! What a function said, kept as long as it holds: asked once for all who ask the same at once.
//! Bounded, since strangers choose what it is asked about; those whom it denies everything make
//! room first. Outlives snapshots.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::clock::UtcTime;
use crate::lambda::Verdict;
use crate::refusal::Refusal;

/// What one function said.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<[u8; 32], Entry>>);

struct Entry {
    until: UtcTime,
    answer: Arc<OnceCell<Arc<Verdict>>>,
}

const MAX_KNOWN: usize = 4096;

impl Entry {
    fn is_worth_keeping(&self) -> bool {
        match self.answer.get() {
            Some(verdict) => verdict.allows_anything(),
            // Somebody asks, or all who did have left.
            None => Arc::strong_count(&self.answer) > 1,
        }
    }
}

impl Known {
    /// What the function said of an identity, if that still holds.
    pub(super) fn find(&self, key: &[u8; 32], now: UtcTime) -> Option<Arc<Verdict>> {
        let known = self.lock();
        let entry = known.get(key).filter(|entry| now < entry.until)?;
        entry.answer.get().cloned()
    }

    /// What is known, or what `ask` comes to, which then holds `until`.
    ///
    /// # Errors
    /// Those of `ask`, of which nothing is kept.
    pub(super) async fn find_or_ask<F>(
        &self,
        key: [u8; 32],
        now: UtcTime,
        until: UtcTime,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<Verdict>, Refusal>
    where
        F: Future<Output = Result<Verdict, Refusal>>,
    {
        let Some(answer) = self.slot(key, now, until) else {
            // There is no room to keep it.
            return Ok(Arc::new(ask().await?));
        };
        let asked = answer.get_or_try_init(|| async { Ok(Arc::new(ask().await?)) });
        let asked = asked.await.cloned();
        if asked.is_err() {
            self.forget(&key, &answer);
        }
        asked
    }

    fn slot(
        &self,
        key: [u8; 32],
        now: UtcTime,
        until: UtcTime,
    ) -> Option<Arc<OnceCell<Arc<Verdict>>>> {
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN && !known.contains_key(&key) {
            known.retain(|_, entry| now < entry.until && entry.is_worth_keeping());
            if known.len() >= MAX_KNOWN {
                return None;
            }
        }
        let fresh = || Entry {
            until,
            answer: Arc::default(),
        };
        let entry = known.entry(key).or_insert_with(fresh);
        if now >= entry.until {
            *entry = fresh();
        }
        Some(entry.answer.clone())
    }

    fn forget(&self, key: &[u8; 32], answer: &Arc<OnceCell<Arc<Verdict>>>) {
        let mut known = self.lock();
        let same = known
            .get(key)
            .is_some_and(|entry| Arc::ptr_eq(&entry.answer, answer));
        if same && !answer.initialized() {
            known.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
