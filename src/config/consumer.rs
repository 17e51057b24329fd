//! `[[consumer]]`: a known caller, by certificate, by credential, or by both.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::config::declared::Declared;
use crate::config::hash::read_hash;
use crate::document::{Document, Placed, Table};
use crate::names::{ConsumerName, CredentialId};

/// One consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: ConsumerName,
    /// The certificates by which it is known: any of these.
    pub certificates: Vec<CertificateMatch>,
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

/// What a certificate must have to be a consumer's: everything that is given here.
/// At least one thing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CertificateMatch {
    /// A URI among the subject's alternative names, compared exactly.
    pub san_uri: Option<String>,
    /// A DNS name among them, lower case.
    pub san_dns: Option<String>,
    /// An e-mail address among them, compared exactly.
    pub san_email: Option<String>,
    /// An IP address among them.
    pub san_ip: Option<IpAddr>,
    /// The subject as RFC 4514 writes it, compared exactly.
    pub subject: Option<String>,
    /// SHA-256 of the certificate (DER).
    pub fingerprint: Option<[u8; 32]>,
    /// SHA-256 of the public key (DER of SubjectPublicKeyInfo).
    pub public_key: Option<[u8; 32]>,
}

/// Reads every `[[consumer]]`; `has_store` tells whether there is a credential store.
pub(super) fn read(root: &mut Table<'_>, has_store: bool) -> (Vec<Consumer>, Declared) {
    let mut names = Declared::new("consumer");
    let mut claims = Claims::default();
    let mut consumers = Vec::new();
    for mut table in root.tables("consumer") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        let proofs = ["certificate", "credentials", "principals"];
        let nothing = !proofs.iter().any(|key| table.has(key));
        let certificates = read_certificates(&mut table, &mut claims, &name);
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
    certificates: HashMap<CertificateMatch, (String, usize)>,
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
    claims: &mut Claims,
    name: &str,
) -> Vec<CertificateMatch> {
    let document = table.document();
    let tables = table.table_or_tables("certificate");
    let mut matches = Vec::new();
    for table in tables {
        let line = table.line();
        let Some(found) = read_match(table) else {
            continue;
        };
        let mine = (name.to_owned(), line);
        match claims.certificates.insert(found.clone(), mine) {
            Some((other, at)) if other != name => {
                let text = format!(
                    "the certificate of consumer \"{name}\" is already the one of consumer \"{other}\", at line {at}; add what tells them apart"
                );
                document.note(line, text);
            }
            _ => {}
        }
        matches.push(found);
    }
    matches
}

/// `None` when something in it is wrong, and has been noted.
fn read_match(mut table: Table<'_>) -> Option<CertificateMatch> {
    const KEYS: [&str; 7] = [
        "san_uri",
        "san_dns",
        "san_email",
        "san_ip",
        "subject",
        "fingerprint",
        "public_key",
    ];
    let document = table.document();
    let line = table.line();
    let given = KEYS.iter().filter(|key| table.has(key)).count();
    let text = |found: Option<Placed<String>>| found.map(|text| text.value);
    let found = CertificateMatch {
        san_uri: text(table.text("san_uri")),
        san_dns: text(table.text("san_dns")).map(|name| name.to_ascii_lowercase()),
        san_email: text(table.text("san_email")),
        san_ip: table.text("san_ip").and_then(|t| read_ip(document, &t)),
        subject: text(table.text("subject")),
        fingerprint: read_hash(&mut table, "fingerprint"),
        public_key: read_hash(&mut table, "public_key"),
    };
    if given == 0 {
        let text = format!(
            "{} matches every certificate; give at least one of {}",
            table.label(),
            KEYS.join(", ")
        );
        document.note(line, text);
    }
    table.finish();
    (given > 0 && given == found.given()).then_some(found)
}

impl CertificateMatch {
    fn given(&self) -> usize {
        [
            self.san_uri.is_some(),
            self.san_dns.is_some(),
            self.san_email.is_some(),
            self.san_ip.is_some(),
            self.subject.is_some(),
            self.fingerprint.is_some(),
            self.public_key.is_some(),
        ]
        .into_iter()
        .filter(|given| *given)
        .count()
    }
}

fn read_ip(document: &Document<'_>, text: &Placed<String>) -> Option<IpAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        let problem = format!("san_ip \"{}\" is no IP address", text.value);
        document.note(text.line, problem);
    }
    address
}
