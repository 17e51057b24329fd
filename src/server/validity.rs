//! What ends by itself: certificates and credentials. In: a snapshot that serves from now on. Out:
//! metrics that tell when, and a warning of what ends soon, while there is time to replace it.

use crate::clock::UtcTime;
use crate::snapshot::Snapshot;

use super::state::State;

/// Tells when everything in `snapshot` ends.
pub(super) fn tell(state: &State, snapshot: &Snapshot) {
    let now = UtcTime::now();
    let soon = now.plus(snapshot.process().credential_warning);
    tell_served(state, snapshot);
    tell_shown(state, snapshot, soon);
    warn_of_credentials(snapshot, now, soon);
}

/// The certificates that listeners show.
fn tell_served(state: &State, snapshot: &Snapshot) {
    let listeners = snapshot.listeners();
    let all: Vec<_> = listeners
        .flat_map(|listener| {
            let served = listener.tls.iter().flat_map(|tls| tls.certificates());
            let name = listener.settings.name.clone();
            served.map(move |one| {
                (
                    name.clone(),
                    one.chain.display().to_string(),
                    one.not_after.unix(),
                )
            })
        })
        .collect();
    let all = all
        .iter()
        .map(|(name, file, expiry)| (name.as_str(), file.clone(), *expiry));
    state.telemetry.metrics().certificates(all);
}

/// The certificates by which upstreams know the gateway: nothing renews them.
fn tell_shown(state: &State, snapshot: &Snapshot, soon: UtcTime) {
    let shown = snapshot.integrations().shown();
    let all = shown.map(|(name, one)| {
        let file = one.chain.display().to_string();
        if one.not_after < soon {
            tracing::warn!(integration = %name, file, not_after = %one.not_after, "The certificate that upstreams are shown ends soon, or has ended.");
        }
        (name.as_str(), file, one.not_after.unix())
    });
    state.telemetry.metrics().upstream_certificates(all);
}

/// Their consumers need new ones before that.
fn warn_of_credentials(snapshot: &Snapshot, now: UtcTime, soon: UtcTime) {
    for state in snapshot.authorizer().credentials() {
        let credential = state.credential;
        if let (Some(end), Some(consumer)) = (credential.not_after, state.consumer)
            && credential.is_live(now)
            && !credential.is_live(soon)
        {
            tracing::warn!(credential = %credential.id, %consumer, not_after = %end, "A credential ends soon.");
        }
    }
}
