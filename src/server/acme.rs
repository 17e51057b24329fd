//! Has certificates issued before they are needed, for as long as the gateway runs. In: the
//! snapshot that serves, which says what is wanted and how long it lasts. Out: the names for which
//! something new is there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::acme;
use crate::clock::UtcTime;
use crate::config::AcmeCertificate;
use crate::snapshot::Snapshot;
use crate::tls::{Pair, ServedCertificate};

use super::state::State;

const TICK: Duration = Duration::from_secs(1);
/// The pause after a try, doubled with each further one: authorities count what they issue, and
/// failures too.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The longest that one order may take: others wait behind it.
const LONGEST_ORDER: Duration = Duration::from_secs(300);

/// When a certificate that is still wanted is tried again.
#[derive(Default)]
struct Pauses(HashMap<PathBuf, Pause>);

struct Pause {
    until: Instant,
    length: Duration,
}

/// Orders in the background, one after the other; what was had comes out of the channel.
pub(super) fn start(state: Arc<State>) -> mpsc::Receiver<Vec<String>> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut pauses = Pauses::default();
        loop {
            tokio::time::sleep(TICK).await;
            // Whoever serves next orders for itself, and two orders would be counted as two.
            if state.is_leaving() {
                return;
            }
            let snapshot = state.keep_snapshot();
            let wanted = due(&snapshot, UtcTime::now());
            pauses.forget_all_but(&wanted);
            for certificate in wanted {
                if !pauses.try_now(&certificate.files.chain, Instant::now()) {
                    continue;
                }
                if (is_had(&snapshot, &certificate)
                    || obtain(&state, &snapshot, &certificate).await)
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
            mine.is_none_or(|it| is_due(one, it, now))
        }));
    }
    due.into_iter().cloned().collect()
}

fn is_due(wanted: &AcmeCertificate, served: &ServedCertificate, now: UtcTime) -> bool {
    let lifetime = served.not_after.unix() - served.not_before.unix();
    let ends = served.not_after.unix() - now.unix() < lifetime / 3 || lifetime == 0;
    ends || wanted.names.iter().any(|name| !served.names.contains(name))
}

/// Whether a good one is there already and only does not serve yet: something else was wrong when
/// it should have, or another listener has had it.
fn is_had(snapshot: &Snapshot, certificate: &AcmeCertificate) -> bool {
    let there = Pair::open(&snapshot.config().file, &certificate.files);
    there.is_ok_and(|pair| !is_due(certificate, &pair.served, UtcTime::now()))
}

impl Pauses {
    /// Of those that are not wanted any more nothing is remembered.
    fn forget_all_but(&mut self, wanted: &[AcmeCertificate]) {
        let is_wanted = |file: &PathBuf| wanted.iter().any(|one| one.files.chain == *file);
        self.0.retain(|file, _| is_wanted(file));
    }

    /// Whether it is time to try; if so, it is taken as tried.
    fn try_now(&mut self, file: &Path, now: Instant) -> bool {
        let before = self.0.get(file);
        if before.is_some_and(|pause| now < pause.until) {
            return false;
        }
        let length = before.map_or(FIRST_PAUSE, |pause| pause.length * 2);
        let length = length.min(LONGEST_PAUSE);
        let until = now + length;
        self.0.insert(file.to_owned(), Pause { until, length });
        true
    }
}

async fn obtain(state: &State, snapshot: &Snapshot, certificate: &AcmeCertificate) -> bool {
    let Some(acme) = &snapshot.config().acme else {
        return false;
    };
    let names = certificate.names.join(", ");
    let obtained = acme::obtain(acme, certificate, &state.challenges, LONGEST_ORDER).await;
    state.telemetry.metrics().acme_order(obtained.is_ok());
    if let Err(error) = &obtained {
        tracing::error!(names, %error, "A certificate was not issued.");
    }
    obtained.is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CertificateFiles, StapleFrom};

    #[test]
    fn what_is_still_wanted_after_a_try_is_tried_ever_more_seldom() {
        let (mut pauses, file) = (Pauses::default(), Path::new("a.pem"));
        let mut now = Instant::now();
        let mut tries = 0;
        for _ in 0..24 * 3600 {
            tries += usize::from(pauses.try_now(file, now));
            now += Duration::from_secs(1);
        }
        assert!((9..=40).contains(&tries), "{tries} orders in a day");
        pauses.forget_all_but(&[]);
        assert!(pauses.try_now(file, now));
        assert!(!pauses.try_now(file, now + TICK));
    }

    #[test]
    fn a_name_that_the_certificate_does_not_have_makes_it_due() {
        let now = UtcTime::now();
        let named = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let served = ServedCertificate {
            chain: "a.pem".into(),
            names: named(&["a.example"]),
            not_before: now,
            not_after: now.plus(Duration::from_secs(90)),
        };
        let due = |names: &[&str], after: u64| {
            let wanted = AcmeCertificate {
                names: named(names),
                files: CertificateFiles {
                    chain: "a.pem".into(),
                    private_key: "a.pem".into(),
                    staple: StapleFrom::Nowhere,
                    line: 1,
                    may_be_missing: true,
                },
            };
            is_due(&wanted, &served, now.plus(Duration::from_secs(after)))
        };
        assert!(!due(&["a.example"], 59));
        assert!(due(&["a.example"], 61));
        assert!(due(&["a.example", "b.example"], 0));
    }
}
