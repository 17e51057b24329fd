//! What is known of certificates from OCSP, as a table of bounded size. In: what is asked for,
//! answers, the time. Out: what is known, and whether it is time to ask. Asks nobody itself.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::watch;

use crate::clock::UtcTime;

use super::{OcspAnswer, OcspCertificateStatus};

/// A certificate and its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OcspKey([u8; 32]);

impl OcspKey {
    /// The key of the certificate `subject`, which `issuer` has signed; both in DER.
    pub fn of(subject: &[u8], issuer: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&(subject.len() as u64).to_be_bytes());
        hash.update(subject);
        hash.update(issuer);
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        Self(key)
    }
}

/// What is known of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// Nothing, and nobody is being asked.
    Unasked,
    /// Nothing yet: its responder is being asked for the first time.
    Pending,
    /// What its responder said.
    Known {
        /// Whether it is revoked.
        status: OcspCertificateStatus,
        /// How long that is believed. What is revoked stays so until something else is heard.
        until: UtcTime,
    },
    /// Its responder gives no answer that can be believed.
    Failed,
}

/// Whether somebody is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Yes, now; `end` must follow.
    Now,
    /// What is known suffices, or somebody is being asked already, or failed a moment ago.
    NotNow,
    /// There is no place for another certificate.
    Full,
}

#[derive(Default)]
struct Entry {
    known: Option<(OcspCertificateStatus, UtcTime)>,
    /// In a row.
    failures: u32,
    /// When to ask next.
    next: i64,
    /// While somebody is being asked. Dropping it wakes those who wait.
    asked: Option<watch::Sender<()>>,
}

pub(super) struct Entries {
    most: usize,
    swept: i64,
    by_key: HashMap<OcspKey, Entry>,
}

/// The bounds of how long an answer is believed, whatever it says itself.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const FIRST_RETRY_SECS: i64 = 10;
const LAST_RETRY_SECS: i64 = 600;
/// One of so many is forgotten when there is no room.
const PARTS: usize = 16;

impl Entries {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            swept: i64::MIN,
            by_key: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn status(&self, key: &OcspKey, now: UtcTime) -> OcspStatus {
        match self.by_key.get(key) {
            None => OcspStatus::Unasked,
            Some(entry) => entry.status(now),
        }
    }

    pub(super) fn begin(&mut self, key: &OcspKey, now: UtcTime) -> Begin {
        if !self.by_key.contains_key(key) && !self.has_room(now) {
            return Begin::Full;
        }
        let entry = self.by_key.entry(*key).or_default();
        if entry.asked.is_some() || now.unix() < entry.next {
            return Begin::NotNow;
        }
        entry.asked = Some(watch::Sender::new(()));
        Begin::Now
    }

    /// Room is made of what has ended, or else of what ends soonest; looked for once a second,
    /// however many want it.
    fn has_room(&mut self, now: UtcTime) -> bool {
        if self.by_key.len() >= self.most && self.swept != now.unix() {
            self.swept = now.unix();
            self.by_key.retain(|_, entry| !entry.has_ended(now));
            if self.by_key.len() >= self.most {
                self.shed();
            }
        }
        self.by_key.len() < self.most
    }

    /// Forgets a small part. What is revoked stays.
    fn shed(&mut self) {
        let mut ends: Vec<i64> = self.by_key.values().filter_map(Entry::end).collect();
        let mut left = ends.len().div_ceil(PARTS);
        let Some(last) = left.checked_sub(1) else {
            return;
        };
        let (_, bound, _) = ends.select_nth_unstable(last);
        let bound = *bound;
        self.by_key.retain(|_, entry| {
            let goes = left > 0 && entry.end().is_some_and(|end| end <= bound);
            left -= usize::from(goes);
            !goes
        });
    }

    /// Takes the answer, or that there was none.
    pub(super) fn end(&mut self, key: &OcspKey, answer: Option<&OcspAnswer>, now: UtcTime) {
        let Some(entry) = self.by_key.get_mut(key) else {
            return;
        };
        entry.asked = None;
        match answer {
            Some(answer) => entry.learn(answer, now),
            None => entry.fail(now),
        }
    }

    /// As if nobody had been going to ask.
    pub(super) fn give_up(&mut self, key: &OcspKey) {
        if let Some(entry) = self.by_key.get_mut(key) {
            entry.asked = None;
            if entry.known.is_none() && entry.failures == 0 {
                self.by_key.remove(key);
            }
        }
    }

    /// What ends when an answer that is waited for is there; `None` when none is.
    pub(super) fn waiter(&self, key: &OcspKey, now: UtcTime) -> Option<watch::Receiver<()>> {
        let entry = self.by_key.get(key)?;
        let pending = entry.status(now) == OcspStatus::Pending;
        let asked = entry.asked.as_ref().filter(|_| pending)?;
        Some(asked.subscribe())
    }
}

impl Entry {
    fn status(&self, now: UtcTime) -> OcspStatus {
        if let Some((status, until)) = self.known
            && (now <= until || status == OcspCertificateStatus::Revoked)
        {
            let until = until.max(now);
            return OcspStatus::Known { status, until };
        }
        match (self.failures, &self.asked) {
            (0, Some(_)) => OcspStatus::Pending,
            (0, None) => OcspStatus::Unasked,
            _ => OcspStatus::Failed,
        }
    }

    fn learn(&mut self, answer: &OcspAnswer, now: UtcTime) {
        let until = answer.until().clamp(now.plus(SHORTEST), now.plus(LONGEST));
        self.known = Some((answer.status, until));
        self.failures = 0;
        // Halfway leaves time for a responder that is down for a while.
        self.next = now.unix() + (until.unix() - now.unix()) / 2;
    }

    fn fail(&mut self, now: UtcTime) {
        let wait = FIRST_RETRY_SECS << self.failures.min(6);
        self.failures += 1;
        self.next = now.unix() + wait.min(LAST_RETRY_SECS);
    }

    /// When it ends, if it may be forgotten before.
    fn end(&self) -> Option<i64> {
        match self.known {
            _ if self.asked.is_some() => None,
            Some((OcspCertificateStatus::Revoked, _)) => None,
            Some((_, until)) => Some(until.unix()),
            None => Some(self.next),
        }
    }

    fn has_ended(&self, now: UtcTime) -> bool {
        let known = self.known.is_some_and(|(_, until)| now <= until);
        self.asked.is_none() && !known && self.next <= now.unix()
    }
}

#[cfg(test)]
mod tests;
