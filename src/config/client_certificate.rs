//! `client_certificate` of a listener and of its `[[listener.host]]`s: whether callers show a
//! certificate, and which trust store judges it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::trust_store::{TrustStore, TrustStores};
use crate::document::{Document, Placed, Table};

/// Whether callers show a certificate, and whose word is taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whether it is asked for.
    pub mode: ClientCertificateMode,
    /// Who judges it; there exactly when the mode is `Optional` or `Required`.
    pub trust_store: Option<Arc<TrustStore>>,
}

/// Whether a client certificate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientCertificateMode {
    /// Never asked for.
    Off,
    /// Asked for; connections without one are taken.
    Optional,
    /// Connections without one are refused in the handshake.
    Required,
    /// Asked for and passed on, but not judged: it says nothing of the caller.
    Unverified,
}

impl ClientCertificateMode {
    /// The word for it in the configuration.
    pub fn as_str(self) -> &'static str {
        let mut modes = MODES.iter();
        let found = modes.find(|(_, mode)| *mode == self);
        found.map_or("", |(word, _)| word)
    }
}

/// A part of a listener's callers, by the name that they ask for in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsHost {
    /// At least one: lower case, without a dot at the end; `*.` in front stands for one label.
    pub names: Vec<String>,
    /// Whether these callers show a certificate.
    pub client_certificate: ClientCertificate,
}

impl ClientCertificate {
    pub(super) const OFF: Self = Self {
        mode: ClientCertificateMode::Off,
        trust_store: None,
    };

    /// Whether it can prove who a caller is.
    pub fn proves(&self) -> bool {
        use ClientCertificateMode as Mode;
        matches!(self.mode, Mode::Optional | Mode::Required)
    }
}

const MODES: [(&str, ClientCertificateMode); 4] = [
    ("off", ClientCertificateMode::Off),
    ("optional", ClientCertificateMode::Optional),
    ("required", ClientCertificateMode::Required),
    ("unverified", ClientCertificateMode::Unverified),
];

/// What is read against: where files are, and the stores that have names.
pub(super) struct Around<'a> {
    pub(super) base: &'a Path,
    pub(super) stores: &'a TrustStores,
    /// What a store that is written into the listener is called.
    pub(super) listener: &'a str,
}

/// Reads `client_certificate`, if it is there.
pub(super) fn read(table: &mut Table<'_>, around: &Around<'_>) -> Option<ClientCertificate> {
    let user = table.label().to_owned();
    let mut table = table.table("client_certificate")?;
    let mode = table
        .need(
            "mode",
            "write \"off\", \"optional\", \"required\" or \"unverified\"",
        )
        .word("mode", &MODES);
    let trust_store = read_store(&mut table, &user, mode, around);
    table.finish();
    Some(ClientCertificate {
        // A mode that cannot be read was meant to ask for something.
        mode: mode.unwrap_or(ClientCertificateMode::Optional),
        trust_store,
    })
}

/// The store that is named, or the one that is written here as `trust`.
fn read_store(
    table: &mut Table<'_>,
    user: &str,
    mode: Option<ClientCertificateMode>,
    around: &Around<'_>,
) -> Option<Arc<TrustStore>> {
    let document = table.document();
    let (has_name, has_bundles) = (table.has("trust_store"), table.has("trust"));
    let line = table.line_of(if has_name { "trust_store" } else { "trust" });
    let name = table.text("trust_store");
    let bundles = table.texts("trust");
    let empty = bundles.as_ref().is_some_and(Vec::is_empty);
    let problem = match mode {
        Some(ClientCertificateMode::Unverified) if has_name || has_bundles => {
            "\"client_certificate\" is \"unverified\" and so trusts nobody; leave \"trust\" and \"trust_store\" out, or write mode = \"optional\""
        }
        Some(ClientCertificateMode::Optional | ClientCertificateMode::Required)
            if !has_name && (!has_bundles || empty) =>
        {
            "\"client_certificate\" trusts nobody; name the authorities' PEM files: trust = [\"tls/clients-ca.pem\"], or a [[trust_store]]: trust_store = \"clients\""
        }
        _ if has_name && has_bundles => {
            "\"client_certificate\" has both \"trust\" and \"trust_store\"; keep one"
        }
        _ => "",
    };
    if !problem.is_empty() {
        document.note(line, problem);
    }
    let found = match (name, bundles) {
        (Some(name), _) => around.stores.find(document, user, &name),
        (None, bundles) => {
            let files = bundles.unwrap_or_default().into_iter();
            let files = files.map(|path| around.base.join(path.value)).collect();
            let store = TrustStore::of_authorities(around.listener, files, line);
            Some(Arc::new(store))
        }
    };
    let judges = mode != Some(ClientCertificateMode::Off);
    found.filter(|_| judges && mode != Some(ClientCertificateMode::Unverified))
}

/// Reads every `[[listener.host]]`.
pub(super) fn read_hosts(table: &mut Table<'_>, around: &Around<'_>) -> Vec<TlsHost> {
    let document = table.document();
    let mut taken = BTreeMap::new();
    let mut hosts = Vec::new();
    for mut table in table.tables("host") {
        table.need("name", "write the name that callers ask for");
        let names = table.text_or_texts("name").unwrap_or_default();
        if let Some(first) = names.first() {
            table.call(format!("host \"{}\"", first.value));
        }
        let names = names.iter();
        let names = names.filter_map(|name| read_name(document, name, &mut taken));
        let names: Vec<String> = names.collect();
        table.need("client_certificate", "write client_certificate = { … }");
        let client_certificate = read(&mut table, around).unwrap_or(ClientCertificate::OFF);
        table.finish();
        hosts.push(TlsHost {
            names,
            client_certificate,
        });
    }
    hosts
}

fn read_name(
    document: &Document<'_>,
    name: &Placed<String>,
    taken: &mut BTreeMap<String, usize>,
) -> Option<String> {
    let value = name.value.to_ascii_lowercase();
    let plain = value.strip_prefix("*.").unwrap_or(&value);
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    if !plain.split('.').all(label) || plain.parse::<std::net::IpAddr>().is_ok() {
        let text = format!(
            "host \"{}\" is no name that a caller could ask for in the handshake; write \"api.example.com\" or \"*.example.com\"",
            name.value
        );
        document.note(name.line, text);
        return None;
    }
    if let Some(first) = taken.insert(value.clone(), name.line) {
        let text = format!(
            "host \"{}\" is there already, at line {first}; a name has one \"client_certificate\"",
            name.value
        );
        document.note(name.line, text);
    }
    Some(value)
}
