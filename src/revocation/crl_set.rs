//! The revocation lists that are there, together. In: a certificate, its issuer, the time.
//! Out: whether it is revoked, as far as the lists say (RFC 5280 §6.3.3). The chain between
//! the two is taken as verified: this knows nothing of trust.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::UtcTime;

use super::certificate::Certificate;
use super::crl::{Crl, Scope};

/// Revocation lists, by the DER of their issuers' names.
#[derive(Debug, Default)]
pub struct CrlSet {
    /// The newest first.
    by_issuer: HashMap<Box<[u8]>, Vec<Arc<Crl>>>,
}

/// What the lists say of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlStatus {
    /// It is not revoked, and this can be believed until then.
    Good {
        /// The end of the list, with its grace.
        until: UtcTime,
    },
    /// It is revoked.
    Revoked,
    /// No list speaks of it.
    Unknown,
    /// A list that speaks of it has ended.
    Stale,
    /// A list of its issuer's name is there and does not count, for this reason.
    Unusable(&'static str),
}

/// How far the clock of an issuer may be ahead of this one.
pub(super) const SLACK: Duration = Duration::from_secs(60);

impl CrlSet {
    /// Takes the lists in any order; of those for the same certificates only the newest counts.
    pub fn new(lists: Vec<Arc<Crl>>) -> Self {
        let mut by_issuer: HashMap<Box<[u8]>, Vec<Arc<Crl>>> = HashMap::new();
        for list in lists {
            by_issuer
                .entry(list.issuer().into())
                .or_default()
                .push(list);
        }
        for lists in by_issuer.values_mut() {
            lists.sort_by_key(|list| std::cmp::Reverse(list.age()));
        }
        Self { by_issuer }
    }

    /// The lists themselves.
    pub fn lists(&self) -> impl Iterator<Item = &Arc<Crl>> {
        self.by_issuer.values().flatten()
    }

    /// The lists that none of `authorities` has signed: nobody's, or of authorities that callers
    /// bring along. Checks all signatures, so that none of these authorities' lists has to be
    /// hashed while a caller waits.
    pub fn not_by(&self, authorities: &[Certificate<'_>]) -> Vec<&Arc<Crl>> {
        self.lists()
            .filter(|list| !authorities.iter().any(|authority| list.is_by(authority)))
            .collect()
    }

    /// What the lists say of `subject`, which `issuer` has signed. A list stays good for
    /// `grace` longer than it says itself; `None` is no longer.
    ///
    /// Revoked wins over everything, in a list that has ended as well: nothing makes a
    /// certificate good again. Of all that counts, one list that has ended makes it stale.
    pub fn check(
        &self,
        subject: &Certificate<'_>,
        issuer: &Certificate<'_>,
        now: UtcTime,
        grace: Option<Duration>,
    ) -> CrlStatus {
        let Some(lists) = self.by_issuer.get(subject.issuer()) else {
            return CrlStatus::Unknown;
        };
        if subject.issuer() != issuer.subject() {
            return CrlStatus::Unusable("the issuer has another name");
        }
        if !issuer.may_sign_crls() {
            return CrlStatus::Unusable("the issuer may not sign CRLs");
        }
        let spki = issuer.spki();
        let signed: Vec<&Crl> = lists
            .iter()
            .map(AsRef::as_ref)
            .filter(|list| list.verify_by(spki))
            .collect();
        if signed.is_empty() {
            return CrlStatus::Unusable("no CRL of the issuer's name is signed by its key");
        }
        judge(&signed, subject, now, grace.unwrap_or_default())
    }
}

/// Judges by lists that the issuer has signed. Whatever else bears its name has been put aside
/// before the newest were chosen: it must not hide one of these.
fn judge(signed: &[&Crl], subject: &Certificate<'_>, now: UtcTime, grace: Duration) -> CrlStatus {
    let (early, begun): (Vec<&Crl>, Vec<&Crl>) = signed
        .iter()
        .partition(|list| list.this_update() > now.plus(SLACK));
    let newest = newest(&begun);
    // An issuer gives each number once, so it matters not for whom the list was meant.
    let mut all = newest.iter().chain(&early);
    if all.any(|list| list.lists(&subject.serial)) {
        return CrlStatus::Revoked;
    }
    let counts = |list: &&&Crl| covers(list.scope(), subject);
    let ends = newest.iter().filter(counts);
    match ends.map(|list| list.next_update().plus(grace)).min() {
        Some(until) if until < now => CrlStatus::Stale,
        Some(until) => CrlStatus::Good { until },
        None if early.iter().any(|list| counts(&list)) => {
            CrlStatus::Unusable("the CRL is not valid yet")
        }
        None => CrlStatus::Unknown,
    }
}

/// The first of each scope.
fn newest<'a>(lists: &[&'a Crl]) -> Vec<&'a Crl> {
    let mut newest: Vec<&Crl> = Vec::new();
    for list in lists {
        if !newest.iter().any(|seen| seen.scope() == list.scope()) {
            newest.push(list);
        }
    }
    newest
}

fn covers(scope: &Scope, subject: &Certificate<'_>) -> bool {
    let of_its_kind = match subject.is_authority() {
        true => !scope.only_users,
        false => !scope.only_authorities,
    };
    let at_its_point = scope.names.as_ref().is_none_or(|names| {
        names
            .iter()
            .any(|name| subject.crl_names.iter().any(|own| *own == name.as_ref()))
    });
    of_its_kind && at_its_point
}
