//! Has certificates issued before they are needed, for as long as the gateway runs. In: the
//! snapshot that serves, which says what is wanted and how long it lasts. Out: the names for which
//! something new is there.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::acme;
use crate::clock::UtcTime;
use crate::config::AcmeCertificate;
use crate::snapshot::Snapshot;
use crate::tls::ServedCertificate;

use super::state::State;

const TICK: Duration = Duration::from_secs(1);
/// The pause after a failure, doubled with each further one: authorities count failures too.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// When a certificate that was not had is tried again.
struct Pause {
    until: Instant,
    length: Duration,
}

/// Orders in the background, one after the other; what was had comes out of the channel.
pub(super) fn start(state: Arc<State>) -> mpsc::Receiver<Vec<String>> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut pauses: HashMap<PathBuf, Pause> = HashMap::new();
        loop {
            tokio::time::sleep(TICK).await;
            let snapshot = state.keep_snapshot();
            let wanted = due(&snapshot, UtcTime::now());
            pauses.retain(|file, _| wanted.iter().any(|one| one.files.chain == *file));
            for certificate in wanted {
                let pause = pauses.get(&certificate.files.chain);
                if pause.is_some_and(|pause| Instant::now() < pause.until) {
                    continue;
                }
                if obtain(&state, &snapshot, &certificate, &mut pauses).await
                    && tell.send(certificate.names).await.is_err()
                {
                    return;
                }
            }
        }
    });
    told
}

/// What is to be had now: what is missing, and what has less than a third of its time left.
fn due(snapshot: &Snapshot, now: UtcTime) -> Vec<AcmeCertificate> {
    let mut due = Vec::new();
    for listener in snapshot.listeners() {
        let wanted = listener.settings.tls.iter().flat_map(|tls| &tls.acme);
        let served = listener.tls.iter().flat_map(|tls| tls.certificates());
        let served: Vec<&ServedCertificate> = served.collect();
        due.extend(wanted.filter(|one| {
            let mine = served.iter().find(|it| it.chain == one.files.chain);
            mine.is_none_or(|it| is_due(it, now))
        }));
    }
    due.into_iter().cloned().collect()
}

fn is_due(served: &ServedCertificate, now: UtcTime) -> bool {
    let lifetime = served.not_after.unix() - served.not_before.unix();
    served.not_after.unix() - now.unix() < lifetime / 3 || lifetime == 0
}

async fn obtain(
    state: &State,
    snapshot: &Snapshot,
    certificate: &AcmeCertificate,
    pauses: &mut HashMap<PathBuf, Pause>,
) -> bool {
    let Some(acme) = &snapshot.config().acme else {
        return false;
    };
    let names = certificate.names.join(", ");
    let metrics = state.telemetry.metrics();
    match acme::obtain(acme, certificate, &state.challenges).await {
        Ok(()) => {
            metrics.acme_order(true);
            true
        }
        Err(error) => {
            metrics.acme_order(false);
            let file = certificate.files.chain.clone();
            let before = pauses.get(&file).map(|pause| pause.length * 2);
            let length = before.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
            let until = Instant::now() + length;
            pauses.insert(file, Pause { until, length });
            tracing::error!(names, %error, "A certificate was not issued.");
            false
        }
    }
}

/// Serves what was had, and everything else as before.
pub(super) fn publish(state: &State, names: &[String]) {
    let names = names.join(", ");
    match state.keep_snapshot().reopened() {
        Ok(snapshot) => {
            let version = snapshot.version();
            super::validity::tell(state, &snapshot);
            state.publish(Arc::new(snapshot));
            state.telemetry.metrics().reload(Some(version));
            tracing::info!(names, version, "A new certificate serves.");
        }
        Err(problems) => {
            state.telemetry.metrics().reload(None);
            tracing::error!(
                names,
                "A new certificate cannot be used; the old one serves on.\n{problems}"
            );
        }
    }
}
