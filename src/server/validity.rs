//! What ends by itself: certificates and credentials. In: a snapshot that serves from now on. Out:
//! metrics that tell when, and a warning of what ends soon, while there is time to replace it.

use crate::clock::UtcTime;
use crate::snapshot::Snapshot;

use super::state::State;

/// Tells when everything in `snapshot` ends.
pub(super) fn tell(state: &State, snapshot: &Snapshot) {
    let now = UtcTime::now();
    let soon = now.plus(snapshot.process().credential_warning);
    tell_served(state, snapshot, soon);
    tell_trusted(state, snapshot, soon);
    tell_shown(state, snapshot, soon);
    warn_of_credentials(snapshot, now, soon);
}

/// The certificates that listeners show. Those that are had by ACME are renewed before that.
fn tell_served(state: &State, snapshot: &Snapshot, soon: UtcTime) {
    let listeners = snapshot.listeners();
    let all: Vec<_> = listeners
        .flat_map(|listener| {
            let served = listener.tls.iter().flat_map(|tls| tls.certificates());
            let name = listener.settings.name.clone();
            let renewed = listener.settings.tls.iter().flat_map(|tls| &tls.acme);
            let renewed: Vec<_> = renewed.map(|one| &one.files.chain).collect();
            served.map(move |one| {
                if one.not_after < soon && !renewed.contains(&&one.chain) {
                    let file = one.chain.display();
                    tracing::warn!(listener = %name, %file, not_after = %one.not_after, "The certificate of a listener ends soon, or has ended.");
                }
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

/// Whose word is taken: with an authority that has ended nobody comes in.
fn tell_trusted(state: &State, snapshot: &Snapshot, soon: UtcTime) {
    let trusts = snapshot.trusts().iter();
    let ends = trusts.flat_map(|trust| {
        let name = trust.name().as_str();
        trust.ends().map(move |(subject, end)| (name, subject, end))
    });
    let ends = ends.map(|(trust_store, subject, end)| {
        if end < soon {
            tracing::warn!(trust_store, subject, not_after = %end, "A certificate that a trust store believes ends soon, or has ended.");
        }
        (trust_store, subject.to_owned(), end.unix())
    });
    state.telemetry.metrics().trusted_certificates(ends);
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
