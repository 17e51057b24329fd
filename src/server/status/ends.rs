//! What ends by itself, the most urgent first: certificates, credentials and lists of revoked
//! certificates. In: the snapshot that serves. Out: names and times, never a key.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use crate::clock::UtcTime;
use crate::snapshot::Snapshot;

/// Something that ends.
#[derive(Serialize, PartialEq, Eq, Hash, Clone, Debug)]
pub(super) struct End {
    /// What it is.
    pub(super) kind: &'static str,
    /// The listener, integration, trust store or consumer that has it.
    pub(super) of: String,
    /// Its file, subject, id or source.
    pub(super) name: String,
    pub(super) not_after: String,
    /// Whole days; below 0 when it has ended.
    pub(super) days_left: i64,
    /// Whether it is to be replaced: `credential_warning_days` are left, or fewer.
    pub(super) is_urgent: bool,
}

const DAY_SECS: i64 = 24 * 3600;

/// Everything in `snapshot` that ends.
pub(super) fn of(snapshot: &Snapshot, now: UtcTime) -> Vec<End> {
    let all = served(snapshot)
        .chain(shown(snapshot))
        .chain(trusted(snapshot))
        .chain(credentials(snapshot))
        .chain(lists(snapshot));
    let soon = now.plus(snapshot.process().credential_warning);
    order(all.collect(), now, soon)
}

type Found = (&'static str, String, String, UtcTime);

fn order(mut all: Vec<Found>, now: UtcTime, soon: UtcTime) -> Vec<End> {
    all.sort_by(|one, other| (one.3, &one.1, &one.2).cmp(&(other.3, &other.1, &other.2)));
    // An upstream that answers several routes is there as often.
    let mut known = HashSet::new();
    all.retain(|one| known.insert(one.clone()));
    let end = |(kind, of, name, not_after): Found| End {
        // A list is published anew long before it ends, and may live for hours only.
        is_urgent: if kind == LIST {
            not_after < now
        } else {
            not_after < soon
        },
        days_left: (not_after.unix() - now.unix()).div_euclid(DAY_SECS),
        not_after: not_after.to_string(),
        kind,
        of,
        name,
    };
    all.into_iter().map(end).collect()
}

const LIST: &str = "revocation list";

fn served(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.listeners().flat_map(|listener| {
        let served = listener.tls.iter().flat_map(|tls| tls.certificates());
        let name = listener.settings.name.to_string();
        served.map(move |one| {
            let file = file(&one.chain);
            ("listener's certificate", name.clone(), file, one.not_after)
        })
    })
}

fn shown(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    let shown = snapshot.integrations().shown();
    shown.map(|(name, one)| {
        let (name, file) = (name.to_string(), file(&one.chain));
        ("certificate towards upstream", name, file, one.not_after)
    })
}

fn trusted(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.trusts().iter().flat_map(|trust| {
        let name = trust.name().as_str();
        trust.ends().map(move |(subject, end)| {
            (
                "trusted certificate",
                name.to_owned(),
                subject.to_owned(),
                end,
            )
        })
    })
}

fn credentials(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.authorizer().credentials().filter_map(|state| {
        let consumer = state.consumer.map_or("nobody", |name| name.as_str());
        let id = state.credential.id.to_string();
        let end = state.credential.not_after?;
        Some(("credential", consumer.to_owned(), id, end))
    })
}

fn lists(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.fetched().lists.iter().filter_map(|list| {
        let end = list.crls().iter().map(|crl| crl.next_update()).min()?;
        Some((
            LIST,
            "trust stores".to_owned(),
            list.source().to_string(),
            end,
        ))
    })
}

fn file(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_first_comes_first_and_once() {
        let at = |days: i64| UtcTime::from_unix(days * DAY_SECS);
        let found = |kind, name: &str, days| (kind, "one".to_owned(), name.to_owned(), at(days));
        let all = vec![
            found("credential", "later", 40),
            found("credential", "sooner", 12),
            found("credential", "sooner", 12),
            found("credential", "over", 9),
            found(LIST, "fresh", 11),
        ];
        let ends = order(all, at(10), at(24));
        let told: Vec<_> = ends
            .iter()
            .map(|end| (end.name.as_str(), end.days_left, end.is_urgent))
            .collect();
        let expected = [
            ("over", -1, true),
            ("fresh", 1, false),
            ("sooner", 2, true),
            ("later", 30, false),
        ];
        assert_eq!(told, expected);
    }
}
