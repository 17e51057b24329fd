//! Whether a certificate is as a rule wants it. In: a rule, a trusted certificate, the time. Out:
//! the condition that fails first, or none.
//! Judged for every request, without a lock or an allocation: what a reload, a revocation or the
//! clock has changed holds at once, for connections that are open as well.

#[cfg(test)]
mod tests;

use crate::clock::UtcTime;
use crate::config::{CertificateCondition as Condition, CertificateRule, SpiffePath};
use crate::identity::{KeyStrength, Vouched};

/// The condition of `rule` that fails first; `None` when all hold. Of rules that must all hold
/// it is the one within; of those of which one is enough, and of one that must not hold, the
/// whole.
pub fn failing<'r>(
    rule: &'r CertificateRule,
    vouched: &Vouched<'_>,
    now: UtcTime,
) -> Option<&'r Condition> {
    let mut conditions = rule.conditions().iter();
    conditions.find_map(|condition| match condition {
        Condition::AllOf(rules) => rules.iter().find_map(|rule| failing(rule, vouched, now)),
        _ => (!holds(condition, vouched, now)).then_some(condition),
    })
}

fn holds(condition: &Condition, vouched: &Vouched<'_>, now: UtcTime) -> bool {
    let identity = vouched.identity;
    let names = identity.names();
    match condition {
        Condition::TrustStore(name) => vouched.trust_store == Some(name),
        Condition::Subject(subject) => subject == identity.subject(),
        Condition::Issuer(issuer) => issuer == identity.issuer(),
        Condition::Serial(serial) => serial == identity.serial().trim_start_matches('0'),
        Condition::SanUri(uri) => names.uri.contains(uri),
        Condition::SanDns(name) => names.dns.contains(name),
        Condition::SanDnsSuffix(suffix) => names.dns.iter().any(|name| is_below(name, suffix)),
        Condition::SanEmail(address) => names.email.contains(address),
        Condition::SanEmailDomain(domain) => names.email.iter().any(|one| is_at(one, domain)),
        Condition::SanIp(address) => names.ip.contains(address),
        Condition::SpiffeTrustDomain(domain) => {
            let id = vouched.spiffe();
            id.is_some_and(|id| id.trust_domain() == domain)
        }
        Condition::SpiffePath(path) => vouched.spiffe().is_some_and(|id| fits(path, id.path())),
        Condition::Fingerprint(hash) => hash == identity.fingerprint(),
        Condition::PublicKey(hash) => hash == identity.public_key(),
        Condition::MinRsaBits(least) => match identity.key() {
            KeyStrength::Rsa(bits) => bits >= *least,
            KeyStrength::Ec(_) | KeyStrength::Other => true,
        },
        Condition::MinEcBits(least) => match identity.key() {
            KeyStrength::Ec(bits) => bits >= *least,
            KeyStrength::Rsa(_) | KeyStrength::Other => true,
        },
        Condition::ExtendedKeyUsage(all) => has_all(identity.extended_key_usages(), all),
        Condition::Policies(all) => has_all(identity.policies(), all),
        Condition::MaxAge(most) => now <= identity.not_before().plus(*most),
        Condition::MaxLifetime(most) => identity.not_after() <= identity.not_before().plus(*most),
        Condition::AllOf(rules) => rules.iter().all(|one| failing(one, vouched, now).is_none()),
        Condition::AnyOf(rules) => rules.iter().any(|one| failing(one, vouched, now).is_none()),
        Condition::Not(rule) => failing(rule, vouched, now).is_some(),
    }
}

/// Whether `name` has labels in front of `suffix`, which starts with a dot.
fn is_below(name: &str, suffix: &str) -> bool {
    let labels = name.strip_suffix(suffix);
    labels.is_some_and(|labels| labels.split('.').all(|label| !label.is_empty()))
}

/// The domain is what stands behind the last `@`: a quoted mailbox may hold others
/// (RFC 5321 §4.1.2).
fn is_at(address: &str, domain: &str) -> bool {
    let parts = address.rsplit_once('@');
    parts.is_some_and(|(mailbox, at)| !mailbox.is_empty() && at.eq_ignore_ascii_case(domain))
}

fn fits(wanted: &SpiffePath, path: &str) -> bool {
    match wanted {
        SpiffePath::Exact(exact) => path == exact,
        SpiffePath::Below(above) => path.starts_with(above),
    }
}

fn has_all(named: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|oid| named.contains(oid))
}
