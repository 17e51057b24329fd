//! `[acme]`: where certificates of listeners are had from by themselves (RFC 8555), and `acme` of
//! a listener: for which names.

use std::path::{Path, PathBuf};

use http::Uri;

use crate::config::{CertificateFiles, Listener, StapleFrom};
use crate::document::{Document, Placed, Table};

/// The authority that issues, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The URL of its directory.
    pub directory: String,
    /// Where the account and what was issued are kept.
    pub state: PathBuf,
    /// Whom it may write to: `mailto:` URLs.
    pub contacts: Vec<String>,
    /// The authority of its own TLS, PEM; the machine's when `None`.
    pub ca: Option<PathBuf>,
    /// How it sees that a name is ours.
    pub challenge: AcmeChallenge,
}

/// How an authority sees that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By a handshake with the listener itself, at port 443 (RFC 8737).
    TlsAlpn01,
    /// By a request to a plaintext listener, at port 80 (RFC 8555 §8.3).
    Http01,
}

/// A certificate that is had from the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeCertificate {
    /// At least one; no wildcards.
    pub names: Vec<String>,
    /// Where it is kept.
    pub files: CertificateFiles,
}

const CHALLENGES: [(&str, AcmeChallenge); 2] = [
    ("tls-alpn-01", AcmeChallenge::TlsAlpn01),
    ("http-01", AcmeChallenge::Http01),
];

/// Reads `[acme]`, if it is there.
pub(super) fn read(root: &mut Table<'_>, base: &Path) -> Option<Acme> {
    let mut table = root.table("acme")?;
    let document = table.document();
    let directory = table
        .need("directory", "write the URL of the authority's directory, for example \"https://acme-v02.api.letsencrypt.org/directory\"")
        .text("directory");
    if let Some(directory) = &directory {
        check_directory(document, directory);
    }
    let state = table
        .need(
            "state",
            "name a directory that only the gateway's user can read",
        )
        .text("state");
    let contacts = table.texts("contacts").unwrap_or_default();
    for contact in &contacts {
        if !contact.value.starts_with("mailto:") {
            let text = format!(
                "contact \"{}\" is none; write \"mailto:ops@example.org\"",
                contact.value
            );
            document.note(contact.line, text);
        }
    }
    read_terms(&mut table);
    let acme = Acme {
        directory: directory.map(|one| one.value).unwrap_or_default(),
        state: base.join(state.map(|one| one.value).unwrap_or_default()),
        contacts: contacts.into_iter().map(|one| one.value).collect(),
        ca: table.text("ca").map(|file| base.join(file.value)),
        challenge: table
            .word("challenge", &CHALLENGES)
            .unwrap_or(AcmeChallenge::TlsAlpn01),
    };
    table.finish();
    Some(acme)
}

fn check_directory(document: &Document<'_>, directory: &Placed<String>) {
    let uri = directory.value.parse::<Uri>().ok();
    if uri.is_none_or(|uri| uri.scheme_str() != Some("https") || uri.host().is_none()) {
        let text = format!("directory \"{}\" is no https URL", directory.value);
        document.note(directory.line, text);
    }
}

/// The authority wants it said; nobody but the operator can say it.
fn read_terms(table: &mut Table<'_>) {
    let line = table.line_of("accept_terms");
    if table.boolean("accept_terms") != Some(true) {
        let text = "the authority issues to those who accept its terms only; read them, and write accept_terms = true";
        table.document().note(line, text);
    }
}

/// Reads `acme` of a listener: a list of tables with `names`.
pub(super) fn read_certificates(
    table: &mut Table<'_>,
    acme: Option<&Acme>,
) -> Vec<AcmeCertificate> {
    let document = table.document();
    let line = table.line_of("acme");
    let tables = table.tables("acme");
    if let (None, false) = (acme, tables.is_empty()) {
        let text = format!(
            "{} has certificates by \"acme\", but there is no [acme] that says from whom",
            table.label()
        );
        document.note(line, text);
    }
    let mut certificates = Vec::new();
    for mut table in tables {
        let line = table.line();
        table.need("names", "write names = [\"api.example.org\"]");
        let names = table.texts("names");
        if names.as_ref().is_some_and(Vec::is_empty) {
            document.note(line, "\"names\" must not be empty");
        }
        let names = names.unwrap_or_default().into_iter();
        let names = names.filter_map(|name| read_name(document, name));
        let names: Vec<String> = names.collect();
        table.finish();
        let state = acme.map(|acme| acme.state.clone()).unwrap_or_default();
        if let Some(first) = names.first() {
            // One file for both: they are replaced together.
            let file = state.join(format!("{first}.pem"));
            let files = CertificateFiles {
                chain: file.clone(),
                private_key: file,
                staple: StapleFrom::Nowhere,
                line,
                may_be_missing: true,
            };
            certificates.push(AcmeCertificate { names, files });
        }
    }
    certificates
}

fn read_name(document: &Document<'_>, name: Placed<String>) -> Option<String> {
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    if name.value.split('.').all(label) && name.value.parse::<std::net::IpAddr>().is_err() {
        return Some(name.value.to_ascii_lowercase());
    }
    let text = format!(
        "\"{}\" is no name that can be had by \"tls-alpn-01\" or \"http-01\": no wildcard, no address",
        name.value
    );
    document.note(name.line, text);
    None
}

/// Notes it when the authority would ask where nobody answers, when nobody wants anything of it,
/// and when two certificates would be kept in one place.
pub(super) fn check(
    document: &Document<'_>,
    acme: Option<&Acme>,
    line: usize,
    listeners: &[Listener],
) {
    let Some(acme) = acme else {
        return;
    };
    let has_plaintext = listeners.iter().any(|one| one.tls.is_none());
    let all_tls = listeners.iter().filter_map(|one| one.tls.as_ref());
    let all: Vec<&AcmeCertificate> = all_tls.flat_map(|tls| &tls.acme).collect();
    if all.is_empty() {
        let text = "[acme] is used by no listener; write acme = [{ names = [\"api.example.org\"] }] in a [[listener]]";
        document.note(line, text);
    } else if acme.challenge == AcmeChallenge::Http01 && !has_plaintext {
        let text = "\"http-01\" needs a plaintext [[listener]], which the authority must reach at port 80; add one, or write challenge = \"tls-alpn-01\"";
        document.note(line, text);
    }
    for (index, one) in all.iter().enumerate() {
        let in_its_place = |other: &&&AcmeCertificate| {
            other.files.chain == one.files.chain && other.names != one.names
        };
        if let Some(other) = all[..index].iter().find(in_its_place) {
            let text = format!(
                "the names begin with \"{}\", as others do at line {}, and it is by the first that a certificate is kept; give one of the two another first name, or both the same names",
                one.names[0], other.files.line
            );
            document.note(one.files.line, text);
        }
    }
}
