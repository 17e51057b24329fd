//! Fetches the OCSP responses that listeners staple, for as long as the gateway runs. In: the
//! snapshot that serves, which says for which certificates. Out: nothing; each staple keeps
//! what is fetched for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::UtcTime;
use crate::tls::Staple;

use super::state::State;

const TICK: Duration = Duration::from_secs(1);
const MAX_AT_ONCE: usize = 8;

/// Fetches in the background.
pub(super) fn start(state: Arc<State>) {
    let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
    tokio::spawn(async move {
        loop {
            let snapshot = state.keep_snapshot();
            let listeners = snapshot.listeners().filter_map(|one| one.tls.as_ref());
            for staple in listeners.flat_map(|tls| tls.staples()) {
                fetch_if_due(staple, &places);
            }
            drop(snapshot);
            tokio::time::sleep(TICK).await;
        }
    });
}

/// Those for whom there is no place are due at the next tick as well.
fn fetch_if_due(staple: &Arc<Staple>, places: &Arc<Semaphore>) {
    let Ok(place) = places.clone().try_acquire_owned() else {
        return;
    };
    if staple.is_due(UtcTime::now()) {
        let staple = staple.clone();
        tokio::spawn(async move {
            staple.fetch().await;
            drop(place);
        });
    }
}
