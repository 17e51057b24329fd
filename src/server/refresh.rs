//! Keeps what was fetched for a configuration fresh, for as long as the gateway runs. In: the
//! snapshot that serves, which says what to fetch and how often. Out: what is new.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::credential_source;
use crate::crl_source::CrlSource;
use crate::snapshot::{Fetched, Snapshot};
use crate::trust::List;

use super::state::State;

const TICK: Duration = Duration::from_secs(1);

/// What was known, and what is new.
pub(super) enum News {
    /// Of a credential source.
    Credentials {
        known: credential_source::Fetched,
        fresh: credential_source::Fetched,
    },
    /// Of a list of revoked certificates.
    List { known: List, fresh: List },
}

/// Fetches in the background; what has changed comes out of the channel.
pub(super) fn start(state: Arc<State>) -> mpsc::Receiver<News> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(watch_sources(state.clone(), tell.clone()));
    tokio::spawn(watch_lists(state, tell));
    told
}

async fn watch_sources(state: Arc<State>, tell: mpsc::Sender<News>) {
    let mut last = Last::default();
    loop {
        tokio::time::sleep(TICK).await;
        let fetched = state.snapshot().fetched().credentials.clone();
        for known in fetched {
            if !last.is_due(&known.source().name, known.source().refresh) {
                continue;
            }
            let (fresh, is_new) = credential_source::refresh(&known).await;
            if is_new && tell.send(News::Credentials { known, fresh }).await.is_err() {
                return;
            }
        }
    }
}

async fn watch_lists(state: Arc<State>, tell: mpsc::Sender<News>) {
    let mut last = Last::default();
    loop {
        tokio::time::sleep(TICK).await;
        let snapshot = state.keep_snapshot();
        for (source, refresh) in wanted(&snapshot) {
            let Some(known) = snapshot.fetched().lists.find(&source) else {
                continue;
            };
            if !last.is_due(&source, refresh) {
                continue;
            }
            let known = known.clone();
            match load_anew(&snapshot, &known).await {
                Ok(None) => {}
                Ok(Some(fresh)) => {
                    if tell.send(News::List { known, fresh }).await.is_err() {
                        return;
                    }
                }
                Err(why) => {
                    tracing::error!(
                        "A revocation list was not loaded; the old one serves on.\n{why}"
                    );
                }
            }
        }
    }
}

/// What is new of a list, if anything is; an authority of whoever reads it must have signed it.
async fn load_anew(snapshot: &Arc<Snapshot>, known: &List) -> Result<Option<List>, String> {
    let fresh = known.reload().await?;
    if fresh.hash() == known.hash() {
        return Ok(None);
    }
    let snapshot = snapshot.clone();
    // It is hashed whole.
    let checked = tokio::task::spawn_blocking(move || {
        let disowned = snapshot.trusts().disowned(&fresh);
        match disowned.map(|crl| crl.issuer_name()) {
            None => Ok(Some(fresh)),
            Some(name) => {
                fresh.count_refusal();
                let source = fresh.source();
                Err(format!(
                    "{source}: bears the name of \"{name}\", which has not signed it"
                ))
            }
        }
    });
    checked.await.map_err(|e| e.to_string())?
}

/// Every list, and how often it is read again: as often as the most eager store wants.
fn wanted(snapshot: &Snapshot) -> HashMap<CrlSource, Duration> {
    let mut wanted: HashMap<CrlSource, Duration> = HashMap::new();
    let stores = snapshot.config().trust_stores();
    for revocation in stores.filter_map(|store| store.revocation.as_ref()) {
        for source in &revocation.crls {
            let refresh = wanted.entry(source.clone()).or_insert(revocation.refresh);
            *refresh = (*refresh).min(revocation.refresh);
        }
    }
    wanted
}

/// When each was fetched last; all of them were when the snapshot was built.
struct Last<K>(HashMap<K, Instant>);

impl<K> Default for Last<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Last<K> {
    /// Whether it is time to fetch; if so, it is taken as fetched.
    fn is_due(&mut self, key: &K, refresh: Duration) -> bool {
        let last = self.0.entry(key.clone()).or_insert_with(Instant::now);
        let due = last.elapsed() >= refresh;
        if due {
            *last = Instant::now();
        }
        due
    }
}

impl News {
    /// What is fetched by now, and the name of what is new. `None` when a reload has taken it away
    /// meanwhile, or fetched what is newer still.
    fn among(&self, before: &Fetched) -> Option<(Fetched, String)> {
        let mut after = before.clone();
        match self {
            Self::Credentials { known, fresh } => {
                let mut places = after.credentials.iter_mut();
                *places.find(|one| one.is_still(known))? = fresh.clone();
                Some((after, format!("credential source {}", fresh.source().name)))
            }
            Self::List { known, fresh } => {
                after.lists = before.lists.with(known, fresh)?;
                Some((after, format!("revocation list {}", fresh.source())))
            }
        }
    }
}

/// Puts what is new in the place of what was fetched before, whole or not at all.
pub(super) async fn publish(state: &Arc<State>, news: News) {
    let previous = state.keep_snapshot();
    let Some((fetched, what)) = news.among(previous.fetched()) else {
        return;
    };
    // A list of revoked certificates is hashed whole.
    let built = tokio::task::spawn_blocking(move || previous.refreshed(fetched)).await;
    let built = match built {
        Ok(built) => built.map_err(|problems| problems.to_string()),
        Err(e) => Err(e.to_string()),
    };
    match built {
        Ok(snapshot) => {
            let version = snapshot.version();
            state.publish(Arc::new(snapshot));
            state.telemetry.metrics().reload(Some(version));
            tracing::info!(what, version, "What is new serves.");
        }
        Err(problems) => {
            state.telemetry.metrics().reload(None);
            tracing::error!(
                what,
                "What was fetched cannot be used; the old serves on.\n{problems}"
            );
        }
    }
}
