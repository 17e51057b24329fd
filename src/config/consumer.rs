//! `[[consumer]]`: a known caller, by certificate, by credential, or by both.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::document::{Document, Placed, Table};
use crate::names::{ConsumerName, CredentialId};

use super::declared::Declared;

/// One consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: ConsumerName,
    /// The certificates by which it is known: any of these.
    pub certificates: Vec<CertificateMatch>,
    /// The credentials by which it is known; none is shared between consumers.
    pub credentials: Vec<CredentialId>,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// What a certificate must have to be a consumer's: everything that is given here.
/// At least one thing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// Reads every `[[consumer]]`.
pub(super) fn read(root: &mut Table<'_>, names: &mut Declared) -> Vec<Consumer> {
    let document = root.document();
    let mut claimed = BTreeMap::new();
    let mut consumers: Vec<Consumer> = Vec::new();
    for mut table in root.tables("consumer") {
        let line = table.line();
        let name = names.name_of(&mut table);
        let certificates = read_matches(&mut table);
        let credentials = table.texts("credentials").unwrap_or_default();
        let known = table.had_any(&["certificate", "credentials"]);
        table.finish();
        let Some(name) = name else { continue };
        if !known {
            document.note(line, format!("consumer \"{name}\" has neither \"certificate\" nor \"credentials\", so nobody can be it"));
        }
        for id in &credentials {
            claim(document, &mut claimed, &name, id);
        }
        let consumer = Consumer {
            name: ConsumerName::new(name),
            certificates,
            credentials: credentials
                .iter()
                .map(|id| CredentialId::new(id.value.as_str()))
                .collect(),
            line,
        };
        note_shared(document, &consumers, &consumer);
        consumers.push(consumer);
    }
    consumers
}

fn claim(
    document: &Document<'_>,
    claimed: &mut BTreeMap<String, (String, usize)>,
    consumer: &str,
    id: &Placed<String>,
) {
    if let Some((other, line)) = claimed.get(&id.value) {
        let text = format!(
            "consumer \"{consumer}\" names credential \"{}\", which consumer \"{other}\" names at line {line}; a credential has one owner",
            id.value
        );
        document.note(id.line, text);
    }
    claimed
        .entry(id.value.clone())
        .or_insert((consumer.to_owned(), id.line));
}

fn note_shared(document: &Document<'_>, others: &[Consumer], consumer: &Consumer) {
    let same = |other: &&Consumer| {
        other
            .certificates
            .iter()
            .any(|form| consumer.certificates.contains(form))
    };
    if let Some(other) = others.iter().find(same) {
        let text = format!(
            "consumer \"{}\" is known by the same certificate as consumer \"{}\" at line {}",
            consumer.name, other.name, other.line
        );
        document.note(consumer.line, text);
    }
}

fn read_matches(table: &mut Table<'_>) -> Vec<CertificateMatch> {
    let tables = table.table_or_tables("certificate");
    tables.into_iter().filter_map(read_match).collect()
}

fn read_match(mut table: Table<'_>) -> Option<CertificateMatch> {
    let document = table.document();
    let line = table.line();
    let any = [
        "san_uri",
        "san_dns",
        "san_email",
        "san_ip",
        "subject",
        "fingerprint",
        "public_key",
    ]
    .iter()
    .any(|key| table.has(key));
    let text = |placed: Option<Placed<String>>| placed.map(|placed| placed.value);
    let form = CertificateMatch {
        san_uri: text(table.text("san_uri")),
        san_dns: text(table.text("san_dns")).map(|name| name.to_ascii_lowercase()),
        san_email: text(table.text("san_email")),
        san_ip: table.text("san_ip").and_then(|ip| read_ip(document, &ip)),
        subject: text(table.text("subject")),
        fingerprint: read_hash(&mut table, "fingerprint"),
        public_key: read_hash(&mut table, "public_key"),
    };
    table.finish();
    if !any {
        document.note(line, "\"certificate\" of a consumer is empty, so any certificate would be it; give for example san_uri or fingerprint");
    }
    (form != CertificateMatch::default()).then_some(form)
}

fn read_ip(document: &Document<'_>, ip: &Placed<String>) -> Option<IpAddr> {
    let parsed = ip.value.parse().ok();
    if parsed.is_none() {
        document.note(ip.line, format!("san_ip \"{}\" is no IP address", ip.value));
    }
    parsed
}

/// SHA-256 as tools print it: 64 hexadecimal digits, perhaps with colons.
fn read_hash(table: &mut Table<'_>, key: &'static str) -> Option<[u8; 32]> {
    let document = table.document();
    let text = table.text(key)?;
    let digits: Vec<u32> = text
        .value
        .chars()
        .filter(|c| *c != ':')
        .map_while(|c| c.to_digit(16))
        .collect();
    let plain = text.value.chars().filter(|c| *c != ':').count();
    if digits.len() != 64 || plain != 64 {
        document.note(
            text.line,
            format!("{key} is no SHA-256: write 64 hexadecimal digits, with or without colons"),
        );
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (pair[0] << 4 | pair[1]) as u8;
    }
    Some(hash)
}
