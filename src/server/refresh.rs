//! Keeps what was fetched of credential sources fresh, for as long as the gateway runs. In: the
//! snapshot that serves, which says what to fetch and how often. Out: what is new.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::credential_source::{self, Fetched};
use crate::snapshot::Snapshot;

use super::state::State;

const TICK: Duration = Duration::from_secs(1);

/// What was known of a source, and what is new.
pub(super) struct News {
    known: Fetched,
    fresh: Fetched,
}

/// Fetches in the background; what has changed comes out of the channel.
pub(super) fn start(state: Arc<State>) -> mpsc::Receiver<News> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut last: HashMap<String, Instant> = HashMap::new();
        loop {
            tokio::time::sleep(TICK).await;
            let fetched = state.snapshot().fetched().to_vec();
            last.retain(|name, _| fetched.iter().any(|one| one.source().name == *name));
            for known in fetched {
                let at = last.entry(known.source().name.clone());
                let at = at.or_insert_with(Instant::now);
                if at.elapsed() < known.source().refresh {
                    continue;
                }
                *at = Instant::now();
                let (fresh, is_new) = credential_source::refresh(&known).await;
                if is_new && tell.send(News { known, fresh }).await.is_err() {
                    return;
                }
            }
        }
    });
    told
}

/// Puts what is new in the place of what was fetched before, whole or not at all.
pub(super) fn publish(state: &State, News { known, fresh }: &News) {
    let name = fresh.source().name.clone();
    let previous = state.keep_snapshot();
    // A reload may have taken the source away meanwhile, or fetched what is newer still.
    if !previous.fetched().iter().any(|one| one.is_still(known)) {
        return;
    }
    let all = previous.fetched().iter();
    let all: Vec<Fetched> = all
        .map(|one| match one.is_still(known) {
            true => fresh.clone(),
            false => one.clone(),
        })
        .collect();
    match previous.refreshed(all) {
        Ok(snapshot) => tell(state, snapshot, &name),
        Err(problems) => {
            state.telemetry.metrics().reload(None);
            tracing::error!(
                credential_source = name,
                "What was fetched cannot be used; the old credentials serve on.\n{problems}"
            );
        }
    }
}

fn tell(state: &State, snapshot: Snapshot, name: &str) {
    let version = snapshot.version();
    state.publish(Arc::new(snapshot));
    state.telemetry.metrics().reload(Some(version));
    tracing::info!(credential_source = name, version, "New credentials serve.");
}
