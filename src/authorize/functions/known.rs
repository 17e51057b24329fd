//! What a function said, kept as long as it holds: asked once for all who ask the same at once,
//! to all of whom the same comes of it. Of a failure nothing is kept.
//! Bounded, since strangers choose what it is asked about; those whom it denies everything make
//! room first, then those of whom it was asked first. Outlives snapshots.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::clock::UtcTime;
use crate::refusal::Refusal;

use super::Said;

/// What one function said.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<[u8; 32], Entry>>);

struct Entry {
    until: UtcTime,
    answer: Arc<Answer>,
}

type Answer = OnceCell<Result<Arc<Said>, Refusal>>;

const MAX_KNOWN: usize = 4096;

impl Entry {
    fn is_worth_keeping(&self) -> bool {
        match self.answer.get() {
            Some(Ok(said)) => said.verdict.allows_anything(),
            Some(Err(_)) => false,
            // Somebody asks, or all who did have left.
            None => Arc::strong_count(&self.answer) > 1,
        }
    }
}

impl Known {
    /// What the function said of an identity, if that still holds.
    pub(super) fn find(&self, key: &[u8; 32], now: UtcTime) -> Option<Arc<Said>> {
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
    ) -> Result<Arc<Said>, Refusal>
    where
        F: Future<Output = Result<Said, Refusal>>,
    {
        let answer = self.slot(key, now, until);
        let asked = answer.get_or_init(|| async { ask().await.map(Arc::new) });
        let asked = asked.await.clone();
        if asked.is_err() {
            self.forget(&key, &answer);
        }
        asked
    }

    fn slot(&self, key: [u8; 32], now: UtcTime, until: UtcTime) -> Arc<Answer> {
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN && !known.contains_key(&key) {
            make_room(&mut known, now);
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
        entry.answer.clone()
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

/// Leaves room for many at once, since all of them must be looked at.
fn make_room(known: &mut HashMap<[u8; 32], Entry>, now: UtcTime) {
    const KEPT: usize = MAX_KNOWN / 8 * 7;
    known.retain(|_, entry| now < entry.until && entry.is_worth_keeping());
    let too_many = known.len().saturating_sub(KEPT);
    if too_many == 0 {
        return;
    }
    let mut ends: Vec<UtcTime> = known.values().map(|entry| entry.until).collect();
    let (before, last, _) = ends.select_nth_unstable(too_many - 1);
    // Of those that end in the same second, as many as must.
    let mut at_last = 1 + before.iter().filter(|end| *end == last).count();
    known.retain(|_, entry| {
        let goes_at_last = entry.until == *last && at_last > 0;
        at_last -= usize::from(goes_at_last);
        entry.until >= *last && !goes_at_last
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::names::AuthorizerName;
    use crate::{config, lambda};

    /// An answer that allows or denies everything.
    fn saying(is_authorized: bool) -> Said {
        let authorizer = config::Authorizer {
            name: AuthorizerName::new("a"),
            function: config::Function {
                name: "f".to_owned(),
                qualifier: None,
                region: "us-east-1".to_owned(),
                endpoint: None,
                connect_timeout: Duration::from_secs(1),
                timeout: None,
                max_concurrency: 1,
                max_payload_bytes: 1024,
            },
            form: config::AuthorizerForm::Request,
            payload_format: config::PayloadFormat::V2,
            simple_responses: true,
            identity_sources: Vec::new(),
            cache_ttl: Duration::from_secs(1),
            context_headers: Vec::new(),
            line: 0,
        };
        let answer = format!("{{\"isAuthorized\": {is_authorized}}}");
        let verdict = lambda::read_verdict(&authorizer, answer.as_bytes());
        Said::new(verdict.expect("an answer"), &[]).expect("nothing is told")
    }

    fn key(number: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    #[tokio::test]
    async fn the_denied_make_room_first_and_then_those_of_whom_it_was_asked_first() {
        let (known, now) = (Known::default(), UtcTime::now());
        let learn = async |number: usize, is_authorized: bool| {
            let until = now.plus(Duration::from_secs(1000 + number as u64 / 100));
            let said = known.find_or_ask(key(number), now, until, || async {
                Ok(saying(is_authorized))
            });
            said.await.expect("an answer");
        };
        let is_known = |number: usize| known.find(&key(number), now).is_some();
        for number in 0..MAX_KNOWN {
            learn(number, number % 4 != 0).await;
        }
        assert!((0..MAX_KNOWN).all(is_known));
        learn(MAX_KNOWN, true).await;
        assert!(
            (0..=MAX_KNOWN)
                .all(|number| is_known(number) == (number % 4 != 0 || number == MAX_KNOWN))
        );
        for number in MAX_KNOWN..2 * MAX_KNOWN {
            learn(number, true).await;
            assert!(is_known(number));
        }
        let count = known.lock().len();
        assert!((MAX_KNOWN / 8 * 7..=MAX_KNOWN).contains(&count), "{count}");
        assert!(!(0..MAX_KNOWN / 2).any(is_known));
        assert!((MAX_KNOWN + MAX_KNOWN / 2..2 * MAX_KNOWN).all(is_known));
    }

    const FAILED: Refusal = Refusal::AuthorizerFailed("on purpose");

    #[tokio::test]
    async fn when_the_one_who_asks_leaves_another_asks() {
        let (known, now) = (Known::default(), UtcTime::now());
        let until = now.plus(Duration::from_secs(3600));
        let pending = || std::future::pending::<Result<Said, Refusal>>();
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
