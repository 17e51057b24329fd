//! The memory in the process: shards under locks of their own, bounded together.
//! In: a key, its last second and the time. Out: whether it is fresh, known, or without room.
//! What is still to be remembered is never dropped for something newer.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::shard::{SHARD_BITS, Shard, hash};
use super::{Answer, Known};

const SHARDS: usize = 1 << SHARD_BITS;
/// What one question drops at most of what is over, so that none pays for all.
const DROPPED_AT_ONCE: usize = 256;

/// Every key that is remembered in the process.
pub(super) struct Entries {
    shards: [Mutex<Shard>; SHARDS],
    count: AtomicUsize,
    /// The second at which nothing was found that is over.
    searched: AtomicU32,
    /// Whether another process answers in this one's place. Read under a shard's lock, which whoever
    /// sets it takes after: what was added to a shard before, they find there.
    moved: AtomicBool,
    spread: u64,
}

impl Default for Entries {
    fn default() -> Self {
        // Every factor of a multiplicative hash is odd.
        let spread = RandomState::new().hash_one(0) | 1;
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::new(spread))),
            count: AtomicUsize::new(0),
            searched: AtomicU32::new(0),
            moved: AtomicBool::new(false),
            spread,
        }
    }
}

impl Entries {
    /// Remembers `key` until the end of the second `until`, unless it is known or `max` are. `None`
    /// when another process is to be asked.
    pub(super) fn remember(
        &self,
        key: [u8; 32],
        until: u32,
        now: u32,
        max: usize,
    ) -> Option<Answer> {
        loop {
            let shard = self.shard(&key);
            if self.moved.load(Ordering::Acquire) {
                return None;
            }
            if let Some(answer) = self.decide(shard, key, until, now, max) {
                return Some(answer);
            }
        }
    }

    /// The same, whoever else is to be asked.
    pub(super) fn remember_here(&self, key: [u8; 32], until: u32, now: u32, max: usize) -> Answer {
        loop {
            if let Some(answer) = self.decide(self.shard(&key), key, until, now, max) {
                return answer;
            }
        }
    }

    /// `None` when room was made elsewhere, and it is to be tried again.
    fn decide(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        key: [u8; 32],
        until: u32,
        now: u32,
        max: usize,
    ) -> Option<Answer> {
        self.drop_over(&mut shard, now, DROPPED_AT_ONCE);
        match shard.find(&key) {
            Some(last) if last >= now => return Some(Answer::Replayed),
            // It is over but was not its turn yet.
            Some(_) => self.drop_over(&mut shard, now, usize::MAX),
            None => 0,
        };
        if self.take_room(max) {
            shard.add(key, until);
            return Some(Answer::Fresh);
        }
        drop(shard);
        (!self.make_room(now)).then_some(Answer::Full)
    }

    /// Whether another process answers from here on.
    pub(super) fn set_moved(&self, moved: bool) {
        self.moved.store(moved, Ordering::Release);
    }

    /// What is remembered, a shard at a time.
    pub(super) fn known(&self) -> impl Iterator<Item = Vec<Known>> {
        self.shards.iter().map(|shard| lock(shard).known())
    }

    /// How many keys there are, with some that are over.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn take_room(&self, max: usize) -> bool {
        let one_more = |count| (count < max).then_some(count + 1);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    /// Drops what is over in some shard, and says whether there was anything. When there is
    /// not, it is not looked for again in that second.
    fn make_room(&self, now: u32) -> bool {
        if self.searched.load(Ordering::Relaxed) == now {
            return false;
        }
        for shard in &self.shards {
            if self.drop_over(&mut lock(shard), now, DROPPED_AT_ONCE) > 0 {
                return true;
            }
        }
        self.searched.store(now, Ordering::Relaxed);
        false
    }

    fn drop_over(&self, shard: &mut Shard, now: u32, at_most: usize) -> usize {
        let dropped = shard.drop_over(now, at_most);
        self.count.fetch_sub(dropped, Ordering::Relaxed);
        dropped
    }

    fn shard(&self, key: &[u8; 32]) -> MutexGuard<'_, Shard> {
        let at = hash(key, self.spread) >> (u64::BITS - SHARD_BITS);
        lock(&self.shards[at as usize])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic in here would be a fault of this room; what was remembered still counts.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::digest::sha256;

    fn key(n: u32) -> [u8; 32] {
        sha256(&n.to_be_bytes())
    }

    #[test]
    fn a_flood_stays_within_its_bound_and_drops_nothing_that_lives() {
        let entries = Entries::default();
        for n in 0..200_000 {
            let answer = entries.remember_here(key(n), 100, 10, 1_000);
            let want = match n < 1_000 {
                true => Answer::Fresh,
                false => Answer::Full,
            };
            assert_eq!(answer, want, "{n}");
        }
        assert_eq!(entries.count(), 1_000);
        for n in 0..1_000 {
            assert_eq!(
                entries.remember_here(key(n), 100, 100, 1_000),
                Answer::Replayed,
                "{n}"
            );
        }
    }

    #[test]
    fn room_is_made_of_what_is_over() {
        let entries = Entries::default();
        for n in 0..10_000 {
            // Ten are remembered, each for ten seconds, and one comes every second.
            let answer = entries.remember_here(key(n), n + 9, n, 10);
            assert_eq!(answer, Answer::Fresh, "{n}");
            assert!(entries.count() <= 10, "{n}");
        }
        for n in 0..10_000 {
            assert_eq!(
                entries.remember_here(key(n), 90_000, 50_000, 10_000),
                Answer::Fresh
            );
        }
        assert_eq!(
            entries.remember_here(key(10_000), 90_000, 50_000, 10_000),
            Answer::Full
        );
    }

    #[test]
    fn of_many_who_bring_the_same_key_one_is_first() {
        let entries = Entries::default();
        let fresh = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..2_000 {
                        if entries.remember_here(key(n), 20, 10, 10_000) == Answer::Fresh {
                            fresh.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(fresh.into_inner(), 2_000);
        assert_eq!(entries.count(), 2_000);
    }

    proptest! {
        #[test]
        fn a_key_is_known_until_its_last_second_and_no_longer(
            steps in prop::collection::vec((0u32..40, 0u32..6, 0u32..3), 1..300),
            max in 1usize..30,
        ) {
            let entries = Entries::default();
            let mut map: HashMap<u32, u32> = HashMap::new();
            let mut now = 1_000;
            for (n, ahead, pass) in steps {
                now += pass;
                map.retain(|_, until| *until >= now);
                let want = match map.len() {
                    _ if map.contains_key(&n) => Answer::Replayed,
                    full if full >= max => Answer::Full,
                    _ => Answer::Fresh,
                };
                prop_assert_eq!(entries.remember_here(key(n), now + ahead, now, max), want);
                if want == Answer::Fresh {
                    map.insert(n, now + ahead);
                }
                prop_assert!(entries.count() <= max);
            }
        }
    }
}
