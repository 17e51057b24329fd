//! When and how often each credential has been used. In: an id, at every permit. Out: numbers
//! for metrics. Outlives snapshots: a reload forgets nothing about a credential that stays.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::clock::UtcTime;
use crate::credential::CredentialStore;
use crate::names::CredentialId;

/// The use of every credential of a store.
pub(super) struct Usage(HashMap<CredentialId, Arc<Use>>);

/// The use of one credential.
#[derive(Default)]
struct Use {
    count: AtomicU64,
    /// Seconds since 1970; 0 when it was never used.
    last: AtomicI64,
}

impl Usage {
    /// Of the credentials of `store`, with what `before` knows of them.
    pub(super) fn new(store: &CredentialStore, before: Option<&Self>) -> Self {
        let of = |id: &CredentialId| {
            let known = before.and_then(|before| before.0.get(id)).cloned();
            (id.clone(), known.unwrap_or_default())
        };
        Self(store.iter().map(|credential| of(&credential.id)).collect())
    }

    /// The credential was used.
    pub(super) fn note(&self, id: &CredentialId, now: UtcTime) {
        let Some(used) = self.0.get(id) else {
            return;
        };
        used.count.fetch_add(1, Ordering::Relaxed);
        used.last.fetch_max(now.unix(), Ordering::Relaxed);
    }

    /// How often, and when last.
    pub(super) fn of(&self, id: &CredentialId) -> (u64, Option<UtcTime>) {
        let Some(used) = self.0.get(id) else {
            return (0, None);
        };
        let last = used.last.load(Ordering::Relaxed);
        let last = (last > 0).then(|| UtcTime::from_unix(last));
        (used.count.load(Ordering::Relaxed), last)
    }
}
