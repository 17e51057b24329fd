//! Which consumer a certificate or a credential belongs to.
//! In: the configured consumers. Out: a name, or none; two that fit are none as well.

mod certificates;

use std::collections::{HashMap, HashSet};

use crate::clock::UtcTime;
use crate::config::Consumer;
use crate::identity::Vouched;
use crate::names::{ConsumerName, CredentialId};

use certificates::Certificates;

/// The consumers, by what they are known by.
pub(super) struct Consumers {
    certificates: Certificates,
    credentials: HashMap<CredentialId, ConsumerName>,
    principals: Vec<(String, ConsumerName)>,
    /// Those whose refused signatures are explained in the log.
    explained: HashSet<ConsumerName>,
}

impl Consumers {
    pub(super) fn new(consumers: &[Consumer]) -> Self {
        let credentials = consumers.iter().flat_map(|consumer| {
            let one = |id: &CredentialId| (id.clone(), consumer.name.clone());
            consumer.credentials.iter().map(one).collect::<Vec<_>>()
        });
        let principals = consumers.iter().flat_map(|consumer| {
            let one = |arn: &String| (arn.clone(), consumer.name.clone());
            consumer.principals.iter().map(one).collect::<Vec<_>>()
        });
        Self {
            certificates: Certificates::new(consumers),
            credentials: credentials.collect(),
            principals: principals.collect(),
            explained: consumers
                .iter()
                .filter(|consumer| consumer.explain_refusals)
                .map(|consumer| consumer.name.clone())
                .collect(),
        }
    }

    /// The consumer that claims the credential, if its refusals are to be explained.
    pub(super) fn explained(&self, id: &str) -> Option<&ConsumerName> {
        if self.explained.is_empty() {
            return None;
        }
        let consumer = self.by_credential(id)?;
        self.explained.contains(consumer).then_some(consumer)
    }

    pub(super) fn by_credential(&self, id: &str) -> Option<&ConsumerName> {
        self.credentials.get(id)
    }

    /// A principal that fits two consumers is nobody's, as with certificates.
    pub(super) fn by_principal(&self, arn: &str) -> Option<&ConsumerName> {
        let fitting = self
            .principals
            .iter()
            .filter(|(form, _)| is_like(form, arn));
        let mut fitting = fitting.map(|(_, name)| name);
        let first = fitting.next()?;
        fitting.all(|other| other == first).then_some(first)
    }

    /// A certificate that fits two consumers is nobody's: which one was meant is a guess.
    pub(super) fn by_certificate(
        &self,
        vouched: &Vouched<'_>,
        now: UtcTime,
    ) -> Option<&ConsumerName> {
        self.certificates.find(vouched, now)
    }
}

/// Whether `text` is like `form`, in which `*` is any run of characters but `:`.
fn is_like(form: &str, text: &str) -> bool {
    let Some((before, rest)) = form.split_once('*') else {
        return form == text;
    };
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    let reach = text.find(':').unwrap_or(text.len());
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.take_while(|at| *at <= reach)
        .any(|at| is_like(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_is_any_run_of_characters_within_one_part_of_an_arn() {
        let role = "arn:aws:sts::123456789012:assumed-role/app/session";
        for form in [
            role,
            "arn:aws:sts::123456789012:assumed-role/app/*",
            "arn:aws:sts::123456789012:assumed-role/*/session",
            "arn:aws:sts::123456789012:*",
            "arn:aws:sts::123456789012:*/app/*",
        ] {
            assert!(is_like(form, role), "{form}");
        }
        for form in [
            "arn:aws:sts::123456789012:assumed-role/app",
            "arn:aws:sts::123456789012:assumed-role/ap/*",
            "arn:aws:sts::*",
            "arn:*:assumed-role/app/session",
            "*",
            "",
        ] {
            assert!(!is_like(form, role), "{form}");
        }
    }
}
