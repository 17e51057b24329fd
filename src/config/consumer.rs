//! `[[consumer]]`: a known caller, by certificate, by credential, or by both.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::certificate_rule::{CertificateRule, CertificateRules};
use crate::config::declared::Declared;
use crate::document::Table;
use crate::names::{ConsumerName, CredentialId};

/// One consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: ConsumerName,
    /// The certificates by which it is known: any that is as one of these says. One that is as
    /// two consumers say is nobody's.
    pub certificates: Vec<Arc<CertificateRule>>,
    /// The credentials by which it is known; none is shared between consumers.
    pub credentials: Vec<CredentialId>,
    /// The principals of AWS IAM by which it is known: ARNs, in which `*` is any run of
    /// characters but `:`.
    pub principals: Vec<String>,
    /// Whether the log shows what its refused signatures were checked against.
    pub explain_refusals: bool,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// Reads every `[[consumer]]`; `has_store` tells whether there is a credential store.
pub(super) fn read(
    root: &mut Table<'_>,
    has_store: bool,
    rules: &mut CertificateRules,
) -> (Vec<Consumer>, Declared) {
    let mut names = Declared::new("consumer");
    let mut claims = Claims::default();
    let mut consumers = Vec::new();
    for mut table in root.tables("consumer") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        let proofs = ["certificate", "credentials", "principals"];
        let nothing = !proofs.iter().any(|key| table.has(key));
        let certificates = read_certificates(&mut table, rules, &mut claims, &name);
        let credentials = read_credentials(&mut table, &mut claims, &name, has_store);
        let principals = read_principals(&mut table);
        let explain_refusals = table.boolean("explain_refusals").unwrap_or(false);
        if nothing {
            let text = format!(
                "{} has no \"certificate\", \"credentials\" or \"principals\"; write credentials = [] until it has a credential",
                table.label()
            );
            table.document().note(line, text);
        }
        table.finish();
        consumers.push(Consumer {
            name: ConsumerName::new(name),
            certificates,
            credentials,
            principals,
            explain_refusals,
            line,
        });
    }
    (consumers, names)
}

/// Who has claimed what: a certificate or a credential that two consumers claim would be
/// nobody's proof.
#[derive(Default)]
struct Claims {
    certificates: HashMap<Arc<CertificateRule>, (String, usize)>,
    credentials: HashMap<String, (String, usize)>,
}

fn read_credentials(
    table: &mut Table<'_>,
    claims: &mut Claims,
    name: &str,
    has_store: bool,
) -> Vec<CredentialId> {
    let document = table.document();
    let line = table.line_of("credentials");
    let Some(ids) = table.texts("credentials") else {
        return Vec::new();
    };
    // An empty list is a consumer in waiting: `credentials new` asks for one that exists.
    if !ids.is_empty() && !has_store {
        let text = format!(
            "{} has \"credentials\", but there is no credential store; write credential_store = \"credentials.toml\" in [gateway]",
            table.label()
        );
        document.note(line, text);
    }
    for id in &ids {
        let mine = (name.to_owned(), id.line);
        if let Some((other, at)) = claims.credentials.insert(id.value.clone(), mine) {
            let text = format!(
                "credential \"{}\" of consumer \"{name}\" is already the one of consumer \"{other}\", at line {at}; a credential belongs to one consumer, once",
                id.value
            );
            document.note(id.line, text);
        }
    }
    ids.into_iter()
        .map(|id| CredentialId::new(id.value))
        .collect()
}

/// ARNs, each of one account of AWS at least.
fn read_principals(table: &mut Table<'_>) -> Vec<String> {
    let document = table.document();
    let texts = table.texts("principals").unwrap_or_default();
    for text in &texts {
        let parts: Vec<&str> = text.value.split(':').collect();
        let is_arn = matches!(&parts[..], ["arn", partition, "iam" | "sts", "", account, name]
            if !partition.contains('*')
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && !name.is_empty());
        if !is_arn {
            let problem = format!(
                "principal \"{}\" of {} is no ARN with an account; write for example \"arn:aws:sts::123456789012:assumed-role/app/*\"",
                text.value,
                table.label()
            );
            document.note(text.line, problem);
        }
    }
    texts.into_iter().map(|text| text.value).collect()
}

fn read_certificates(
    table: &mut Table<'_>,
    rules: &mut CertificateRules,
    claims: &mut Claims,
    name: &str,
) -> Vec<Arc<CertificateRule>> {
    let document = table.document();
    let mut found = Vec::new();
    for (rule, line) in rules.rules(table, "certificate") {
        let mine = (name.to_owned(), line);
        match claims.certificates.insert(rule.clone(), mine) {
            Some((other, at)) if other != name => {
                let text = format!(
                    "the certificate of consumer \"{name}\" is already the one of consumer \"{other}\", at line {at}; add what tells them apart"
                );
                document.note(line, text);
            }
            _ => {}
        }
        found.push(rule);
    }
    found
}
