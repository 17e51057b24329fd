//! What ends by itself, the most urgent first: certificates, credentials and lists of revoked
//! certificates. In: the snapshot that serves. Out: names and times, never a key.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::clock::UtcTime;
use crate::credential::Credential;
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
    /// Whether it is to be replaced: `credential_warning_days` are left, or fewer, and nothing
    /// has taken its place.
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

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Clone)]
struct Found {
    /// Whether another has taken its place; then it can wait.
    is_replaced: bool,
    not_after: UtcTime,
    kind: &'static str,
    of: String,
    name: String,
}

impl Found {
    fn new(kind: &'static str, of: &str, name: String, not_after: UtcTime) -> Self {
        Self {
            is_replaced: false,
            not_after,
            kind,
            of: of.to_owned(),
            name,
        }
    }
}

fn order(mut all: Vec<Found>, now: UtcTime, soon: UtcTime) -> Vec<End> {
    all.sort();
    // An upstream that answers several routes is there as often.
    all.dedup();
    let end = |found: Found| {
        let Found { not_after, .. } = found;
        // A list is published anew long before it ends, and may live for hours only.
        let from = if found.kind == LIST { now } else { soon };
        End {
            is_urgent: !found.is_replaced && not_after < from,
            days_left: (not_after.unix() - now.unix()).div_euclid(DAY_SECS),
            not_after: not_after.to_string(),
            kind: found.kind,
            of: found.of,
            name: found.name,
        }
    };
    all.into_iter().map(end).collect()
}

const LIST: &str = "revocation list";

fn served(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.listeners().flat_map(|listener| {
        let served = listener.tls.iter().flat_map(|tls| tls.certificates());
        let name = listener.settings.name.as_str();
        served.map(move |one| {
            Found::new(
                "listener's certificate",
                name,
                file(&one.chain),
                one.not_after,
            )
        })
    })
}

fn shown(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    let shown = snapshot.integrations().shown();
    shown.map(|(name, one)| {
        let file = file(&one.chain);
        Found::new(
            "certificate towards upstream",
            name.as_str(),
            file,
            one.not_after,
        )
    })
}

fn trusted(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.trusts().iter().flat_map(|trust| {
        let name = trust.name().as_str();
        trust.ends().map(move |(subject, end)| {
            Found::new("trusted certificate", name, subject.to_owned(), end)
        })
    })
}

/// One that is nobody's, or whose consumer has another that lasts longer, has been replaced.
fn credentials(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    let mut lasting: HashMap<&str, UtcTime> = HashMap::new();
    let end = |one: &Credential| one.not_after.unwrap_or(UtcTime::from_unix(i64::MAX));
    for state in snapshot.authorizer().credentials() {
        if let Some(consumer) = state.consumer {
            let last = lasting
                .entry(consumer.as_str())
                .or_insert(UtcTime::from_unix(0));
            *last = (*last).max(end(state.credential));
        }
    }
    snapshot
        .authorizer()
        .credentials()
        .filter_map(move |state| {
            let not_after = state.credential.not_after?;
            let consumer = state.consumer.map(|name| name.as_str());
            let last = consumer.and_then(|name| lasting.get(name));
            let id = state.credential.id.to_string();
            Some(Found {
                is_replaced: last.is_none_or(|last| *last > not_after),
                ..Found::new("credential", consumer.unwrap_or("nobody"), id, not_after)
            })
        })
}

fn lists(snapshot: &Snapshot) -> impl Iterator<Item = Found> {
    snapshot.fetched().lists.iter().filter_map(|list| {
        let end = list.crls().iter().map(|crl| crl.next_update()).min()?;
        Some(Found::new(
            LIST,
            "trust stores",
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
        let found = |kind, name: &str, days| Found::new(kind, "one", name.to_owned(), at(days));
        let replaced = Found {
            is_replaced: true,
            ..found("credential", "replaced", 2)
        };
        let all = vec![
            replaced,
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
            ("replaced", -8, false),
        ];
        assert_eq!(told, expected);
    }
}
