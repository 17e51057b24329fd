//! The lists of revoked certificates that trust stores name. In: where they come from. Out: what
//! each holds, the last good of it when it cannot be had now. Nothing runs here that was not asked
//! for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Config;
use crate::crl_source::CrlSource;
use crate::problem::Problems;
use crate::revocation::{self, Crl, Loaded};

use super::{Trust, Trusts};

/// What one source held when it was last loaded.
#[derive(Clone)]
pub struct List {
    source: CrlSource,
    loaded: Loaded,
    history: Arc<History>,
}

/// How loading has gone, for metrics. Outlives snapshots.
#[derive(Default)]
struct History {
    good: AtomicU64,
    failed: AtomicU64,
}

/// Every list that a configuration names.
#[derive(Clone, Default)]
pub struct Lists(Vec<List>);

impl Lists {
    /// Loads every list of `config`. A URL that cannot be had now is taken over from `before`; a
    /// file that cannot be read is a mistake of whoever changed it.
    ///
    /// # Errors
    /// A list that cannot be had and never was, or that is none.
    pub async fn load(config: &Config, before: &Self) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut all = Self::default();
        for (source, line) in sources(config) {
            if all.find(source).is_some() {
                continue;
            }
            let known = before.find(source);
            let is_url = matches!(source, CrlSource::Url(_));
            match (List::load(source, known).await, known) {
                (Ok(list), _) => all.0.push(list),
                (Err(text), Some(known)) if is_url => {
                    tracing::error!(
                        "A revocation list was not loaded; the old one serves on.\n{text}"
                    );
                    all.0.push(known.clone());
                }
                (Err(text), _) => problems.add(&config.file, line, text),
            }
        }
        problems.or_ok(all)
    }

    /// The list of a source.
    pub fn find(&self, source: &CrlSource) -> Option<&List> {
        self.0.iter().find(|list| list.source == *source)
    }

    /// The lists, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &List> {
        self.0.iter()
    }

    /// The same with `fresh` in the place of `known`; `None` when that is not here any more.
    pub fn with(&self, known: &List, fresh: &List) -> Option<Self> {
        let mut all = self.clone();
        let mut places = all.0.iter_mut();
        *places.find(|list| list.is_still(known))? = fresh.clone();
        Some(all)
    }
}

/// Every source, with the line that names it.
fn sources(config: &Config) -> impl Iterator<Item = (&CrlSource, usize)> {
    let revocations = config
        .trust_stores()
        .filter_map(|store| store.revocation.as_ref());
    revocations.flat_map(|one| one.crls.iter().map(|source| (source, one.line)))
}

impl List {
    async fn load(source: &CrlSource, known: Option<&Self>) -> Result<Self, String> {
        let history = known.map_or_else(Arc::default, |known| known.history.clone());
        let loaded = revocation::load(source, known.map(|known| &known.loaded)).await;
        let count = match loaded {
            Ok(_) => &history.good,
            Err(_) => &history.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            source: source.clone(),
            loaded: loaded?,
            history,
        })
    }

    /// Loads it again.
    ///
    /// # Errors
    /// It cannot be had now, or is none.
    pub async fn reload(&self) -> Result<Self, String> {
        Self::load(&self.source, Some(self)).await
    }

    /// Counts that what was loaded was not taken.
    pub fn count_refusal(&self) {
        self.history.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Where it comes from.
    pub fn source(&self) -> &CrlSource {
        &self.source
    }

    /// What it holds.
    pub fn crls(&self) -> &[Arc<Crl>] {
        &self.loaded.crls
    }

    /// SHA-256 of what it holds.
    pub fn hash(&self) -> &[u8; 32] {
        &self.loaded.hash
    }

    /// Loads that brought a list, and those that did not.
    pub fn counts(&self) -> (u64, u64) {
        let History { good, failed } = &*self.history;
        (good.load(Ordering::Relaxed), failed.load(Ordering::Relaxed))
    }

    fn is_still(&self, known: &Self) -> bool {
        self.source == known.source && self.loaded.hash == known.loaded.hash
    }
}

impl Trusts {
    /// The first CRL of `list` that bears the name of an authority of a store that reads it, and
    /// that none of them has signed. Anybody on the way can publish one, and it would make every
    /// certificate of that authority one of which nobody knows.
    pub fn disowned<'l>(&self, list: &'l List) -> Option<&'l Crl> {
        let reads = |trust: &&Arc<Trust>| {
            let revocation = trust.settings.revocation.as_ref();
            revocation.is_some_and(|one| one.crls.contains(&list.source))
        };
        let disowns = |crl: &&Arc<Crl>| {
            let mut stores = self.iter().filter(reads);
            stores.any(|trust| trust.authorities.disown(crl))
        };
        list.crls().iter().find(disowns).map(AsRef::as_ref)
    }
}
