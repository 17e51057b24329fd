//! A part of the memory in the process. In: keys and the last second of each. Out: whether a
//! key is known. What is over is dropped in the order of its seconds, so that nothing is ever
//! searched for it, and its place is used again.
//!
//! A `HashMap` beside a queue would hold every key twice; here each lies once, in a list of
//! slots that two chains run through: one of the keys with the same hash, one of the keys with
//! the same last second.

use std::collections::BTreeMap;

use super::Known;

/// The first bits of a hash choose the shard, and are no use within one.
pub(super) const SHARD_BITS: u32 = 4;

/// A key, and where its two chains go on. 44 bytes; with the room for growth and the heads of
/// the chains a key costs about 60.
struct Slot {
    key: [u8; 32],
    /// The last second at which it is remembered.
    until: u32,
    next_of_hash: u32,
    next_of_second: u32,
}

/// Keys with their last seconds.
pub(super) struct Shard {
    slots: Vec<Slot>,
    /// The first slot that is out of use; `next_of_hash` chains them.
    free: u32,
    /// By hash, the first slot of its chain. A power of two.
    by_hash: Vec<u32>,
    /// By last second, the first slot of its chain.
    by_second: BTreeMap<u32, u32>,
    spread: u64,
}

/// The end of a chain.
const NONE: u32 = u32::MAX;
const FIRST_HEADS: usize = 16;
const FIRST_SLOTS: usize = 16;

/// The hash of a key. Callers choose what is signed, and so, with patience, some bits of the
/// key, but not the odd factor `spread`: which keys meet in a chain cannot be aimed at.
pub(super) fn hash(key: &[u8; 32], spread: u64) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&key[..8]);
    u64::from_ne_bytes(first).wrapping_mul(spread)
}

impl Shard {
    /// Remembers nothing yet.
    pub(super) fn new(spread: u64) -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            by_hash: vec![NONE; FIRST_HEADS],
            by_second: BTreeMap::new(),
            spread,
        }
    }

    /// The last second of `key`, if it is there.
    pub(super) fn find(&self, key: &[u8; 32]) -> Option<u32> {
        let mut at = self.by_hash[self.chain_of(key)];
        while at != NONE {
            let slot = &self.slots[at as usize];
            if slot.key == *key {
                return Some(slot.until);
            }
            at = slot.next_of_hash;
        }
        None
    }

    /// Adds a key that is not there.
    pub(super) fn add(&mut self, key: [u8; 32], until: u32) {
        let slot = Slot {
            key,
            until,
            next_of_hash: NONE,
            next_of_second: self.by_second.get(&until).copied().unwrap_or(NONE),
        };
        let at = self.place(slot);
        self.by_second.insert(until, at);
        self.chain(at);
    }

    /// Every key.
    pub(super) fn known(&self) -> Vec<Known> {
        let mut known = Vec::with_capacity(self.slots.len());
        for (&until, &first) in &self.by_second {
            let mut at = first;
            while at != NONE {
                let slot = &self.slots[at as usize];
                known.push(Known {
                    key: slot.key,
                    until,
                });
                at = slot.next_of_second;
            }
        }
        known
    }

    /// Drops keys whose last second is before `now`, at most so many, and says how many.
    pub(super) fn drop_over(&mut self, now: u32, at_most: usize) -> usize {
        for dropped in 0..at_most {
            let Some(mut second) = self.by_second.first_entry() else {
                return dropped;
            };
            if *second.key() >= now {
                return dropped;
            }
            let at = *second.get();
            match self.slots[at as usize].next_of_second {
                NONE => drop(second.remove()),
                next => drop(second.insert(next)),
            }
            self.unchain(at);
        }
        at_most
    }

    /// Puts `slot` where there is room, and says where.
    fn place(&mut self, slot: Slot) -> u32 {
        if self.free != NONE {
            let at = self.free;
            self.free = std::mem::replace(&mut self.slots[at as usize], slot).next_of_hash;
            return at;
        }
        // By a quarter, not by doubling: at a million keys the difference is 20 MB.
        if self.slots.len() == self.slots.capacity() {
            self.slots
                .reserve_exact(FIRST_SLOTS.max(self.slots.len() / 4));
        }
        self.slots.push(slot);
        let at = self.slots.len() - 1;
        if self.slots.len() > self.by_hash.len() {
            self.by_hash = vec![NONE; 2 * self.by_hash.len()];
            // No slot is free, so all but the new one are chained anew.
            (0..at).for_each(|at| self.chain(number(at)));
        }
        number(at)
    }

    /// Puts a slot at the head of its hash's chain.
    fn chain(&mut self, at: u32) {
        let chain = self.chain_of(&self.slots[at as usize].key);
        self.slots[at as usize].next_of_hash = std::mem::replace(&mut self.by_hash[chain], at);
    }

    /// Takes a slot out of its hash's chain and out of use.
    fn unchain(&mut self, at: u32) {
        let chain = self.chain_of(&self.slots[at as usize].key);
        let next = self.slots[at as usize].next_of_hash;
        let mut before = self.by_hash[chain];
        if before == at {
            self.by_hash[chain] = next;
        } else {
            while self.slots[before as usize].next_of_hash != at {
                before = self.slots[before as usize].next_of_hash;
            }
            self.slots[before as usize].next_of_hash = next;
        }
        self.slots[at as usize].next_of_hash = std::mem::replace(&mut self.free, at);
    }

    fn chain_of(&self, key: &[u8; 32]) -> usize {
        // The highest bits are the best mixed; the first four chose the shard.
        let bits = self.by_hash.len().trailing_zeros();
        ((hash(key, self.spread) << SHARD_BITS) >> (u64::BITS - bits)) as usize
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).expect("the configuration bounds the entries far below")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few different keys, so that they return; the first bytes alike, so that they meet.
    fn key(n: u8) -> [u8; 32] {
        let mut key = [7; 32];
        key[0] = n % 3;
        key[31] = n;
        key
    }

    #[test]
    fn a_slot_is_as_small_as_it_can_be() {
        assert_eq!(size_of::<Slot>(), 44);
    }

    #[test]
    fn a_key_costs_no_more_than_64_bytes() {
        let mut shard = Shard::new(0x9E37_79B9_7F4A_7C15);
        for n in 0..100_000u32 {
            shard.add(crate::digest::sha256(&n.to_be_bytes()), 1);
            let bytes = shard.slots.capacity() * size_of::<Slot>() + shard.by_hash.len() * 4;
            assert!(n < 100 || bytes <= 64 * shard.slots.len(), "{n}: {bytes}");
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut shard = Shard::new(0x9E37_79B9_7F4A_7C15);
        for second in 0..100 {
            for n in 0..50 {
                shard.add(key(n), second);
            }
            assert_eq!(shard.drop_over(second + 1, 7), 7);
            assert_eq!(shard.drop_over(second + 1, usize::MAX), 43);
        }
        assert_eq!(shard.slots.len(), 50);
        assert!(shard.by_second.is_empty());
        assert!(shard.by_hash.iter().all(|head| *head == NONE));
    }

    proptest! {
        #[test]
        fn it_knows_what_a_map_knows(
            steps in prop::collection::vec((0u8..60, 0u32..20, 0u32..2, 0usize..6), 1..400),
            spread in any::<u64>(),
        ) {
            let mut shard = Shard::new(spread | 1);
            let mut map: HashMap<[u8; 32], u32> = HashMap::new();
            let mut now = 0;
            for (n, ahead, pass, at_most) in steps {
                now += pass;
                let key = key(n);
                prop_assert_eq!(shard.find(&key), map.get(&key).copied());
                map.entry(key).or_insert_with(|| {
                    shard.add(key, now + ahead);
                    now + ahead
                });
                let over = map.values().filter(|until| **until < now).count();
                prop_assert_eq!(shard.drop_over(now, at_most), over.min(at_most));
                // Which of those that are over are gone is the shard's affair.
                map.retain(|key, until| *until >= now || shard.find(key).is_some());
                prop_assert_eq!(
                    map.values().filter(|until| **until < now).count(),
                    over - over.min(at_most)
                );
            }
            for (key, until) in &map {
                prop_assert_eq!(shard.find(key), Some(*until));
            }
        }
    }
}
