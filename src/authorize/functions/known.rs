//! What a function said, kept as long as it holds: asked once for all who ask the same at once,
//! to all of whom the same comes of it. Of a failure nothing is kept.
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
    answer: Arc<Answer>,
}

type Answer = OnceCell<Result<Arc<Verdict>, Refusal>>;

const MAX_KNOWN: usize = 4096;

impl Entry {
    fn is_worth_keeping(&self) -> bool {
        match self.answer.get() {
            Some(Ok(verdict)) => verdict.allows_anything(),
            Some(Err(_)) => false,
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
        entry.answer.get()?.clone().ok()
    }

    /// What is known, or what `ask` comes to, which then holds `until`.
    ///
    /// # Errors
    /// Those of `ask`, which are those of all who have waited for it: one after the other would
    /// wait for a function that does not answer as long as it is let.
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
        let asked = answer.get_or_init(|| async { ask().await.map(Arc::new) });
        let asked = asked.await.clone();
        if asked.is_err() {
            self.forget(&key, &answer);
        }
        asked
    }

    fn slot(&self, key: [u8; 32], now: UtcTime, until: UtcTime) -> Option<Arc<Answer>> {
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
        let has_failed = matches!(entry.answer.get(), Some(Err(_)));
        if now >= entry.until || has_failed {
            *entry = fresh();
        }
        Some(entry.answer.clone())
    }

    fn forget(&self, key: &[u8; 32], answer: &Arc<Answer>) {
        let mut known = self.lock();
        let mut same = known.get(key).into_iter();
        if same.any(|entry| Arc::ptr_eq(&entry.answer, answer)) {
            known.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FAILED: Refusal = Refusal::AuthorizerFailed("on purpose");

    #[tokio::test]
    async fn when_the_one_who_asks_leaves_another_asks() {
        let (known, now) = (Known::default(), UtcTime::now());
        let until = now.plus(Duration::from_secs(3600));
        let pending = || std::future::pending::<Result<Verdict, Refusal>>();
        let mut first = Box::pin(known.find_or_ask([0; 32], now, until, pending));
        let second = known.find_or_ask([0; 32], now, until, || async { Err(FAILED) });
        let mut second = Box::pin(second);
        tokio::select! {
            biased;
            _ = &mut first => unreachable!("it is pending"),
            _ = &mut second => unreachable!("it waits"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        assert_eq!(second.await.err(), Some(FAILED));
        assert!(known.lock().is_empty());
    }
}
