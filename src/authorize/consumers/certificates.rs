//! Whose a certificate is. In: the rules of all consumers; then a trusted certificate and the
//! time. Out: the consumer, or none; two that fit are none as well.
//! Most consumers are known by one name or one hash. They are found by it, so that a request
//! costs the same among a thousand consumers as among one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::authorize::certificate_rule::failing;
use crate::clock::UtcTime;
use crate::config::{CertificateCondition as Condition, CertificateRule, Consumer, SpiffePath};
use crate::identity::{Identity, Vouched};
use crate::names::ConsumerName;

/// The rules of all consumers, each under what a certificate must have to fit it.
#[derive(Default)]
pub(super) struct Certificates {
    by_fingerprint: HashMap<[u8; 32], Rules>,
    by_public_key: HashMap<[u8; 32], Rules>,
    by_uri: HashMap<String, Rules>,
    by_dns: HashMap<String, Rules>,
    by_subject: HashMap<String, Rules>,
    /// Those that ask for nothing of the kind, which every certificate is held to.
    others: Rules,
}

type Rules = Vec<(Arc<CertificateRule>, ConsumerName)>;

/// What a certificate must have to fit a rule, the most telling first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Mark<'r> {
    Fingerprint(&'r [u8; 32]),
    PublicKey(&'r [u8; 32]),
    Uri(Cow<'r, str>),
    Dns(&'r str),
    Subject(&'r str),
}

impl Certificates {
    pub(super) fn new(consumers: &[Consumer]) -> Self {
        let mut all = Self::default();
        for consumer in consumers {
            for rule in &consumer.certificates {
                let rules = all.place(mark(rule));
                rules.push((rule.clone(), consumer.name.clone()));
            }
        }
        all
    }

    fn place(&mut self, mark: Option<Mark<'_>>) -> &mut Rules {
        match mark {
            Some(Mark::Fingerprint(hash)) => self.by_fingerprint.entry(*hash).or_default(),
            Some(Mark::PublicKey(hash)) => self.by_public_key.entry(*hash).or_default(),
            Some(Mark::Uri(uri)) => self.by_uri.entry(uri.into_owned()).or_default(),
            Some(Mark::Dns(name)) => self.by_dns.entry(name.to_owned()).or_default(),
            Some(Mark::Subject(name)) => self.by_subject.entry(name.to_owned()).or_default(),
            None => &mut self.others,
        }
    }

    /// A certificate that fits two consumers is nobody's: which one was meant is a guess.
    pub(super) fn find(&self, vouched: &Vouched<'_>, now: UtcTime) -> Option<&ConsumerName> {
        let mut fitting = self
            .may_fit(vouched.identity)
            .filter(|(rule, _)| failing(rule, vouched, now).is_none())
            .map(|(_, name)| name);
        let first = fitting.next()?;
        fitting.all(|other| other == first).then_some(first)
    }

    /// Every rule that the certificate can fit, some of them twice when it has a name twice.
    fn may_fit(
        &self,
        identity: &Identity,
    ) -> impl Iterator<Item = &(Arc<CertificateRule>, ConsumerName)> {
        let names = identity.names();
        let fingerprint = self.by_fingerprint.get(identity.fingerprint());
        let public_key = self.by_public_key.get(identity.public_key());
        let uris = names.uri.iter().filter_map(|uri| self.by_uri.get(uri));
        let dns = names.dns.iter().filter_map(|name| self.by_dns.get(name));
        let subject = self.by_subject.get(identity.subject());
        let found = fingerprint.into_iter().chain(public_key);
        let found = found.chain(uris).chain(dns).chain(subject);
        found.chain([&self.others]).flatten()
    }
}

/// The most telling one of what a certificate must have to fit the rule.
fn mark(rule: &CertificateRule) -> Option<Mark<'_>> {
    let alone = rule.conditions().iter().filter_map(|condition| {
        Some(match condition {
            Condition::Fingerprint(hash) => Mark::Fingerprint(hash),
            Condition::PublicKey(hash) => Mark::PublicKey(hash),
            Condition::SanUri(uri) => Mark::Uri(Cow::Borrowed(uri)),
            Condition::SanDns(name) => Mark::Dns(name),
            Condition::Subject(name) => Mark::Subject(name),
            Condition::AllOf(rules) => return rules.iter().filter_map(|rule| mark(rule)).min(),
            _ => return None,
        })
    });
    alone.chain(spiffe_id(rule)).min()
}

/// The SPIFFE ID that the rule asks for, which is a URI of each certificate that has it.
fn spiffe_id(rule: &CertificateRule) -> Option<Mark<'_>> {
    let mut conditions = rule.conditions().iter();
    let domain = conditions.clone().find_map(|condition| match condition {
        Condition::SpiffeTrustDomain(domain) => Some(domain),
        _ => None,
    })?;
    let path = conditions.find_map(|condition| match condition {
        Condition::SpiffePath(SpiffePath::Exact(path)) => Some(path),
        _ => None,
    })?;
    Some(Mark::Uri(Cow::Owned(format!("spiffe://{domain}{path}"))))
}

#[cfg(test)]
mod tests;
