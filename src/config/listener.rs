//! `[[listener]]`: an address, its TLS, and what it bears from strangers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::config::acme::{self, Acme, AcmeCertificate};
use crate::config::client_certificate::{self, Around, ClientCertificate, TlsHost};
use crate::config::declared::Declared;
use crate::config::nets;
use crate::config::proxy_protocol::{self, ProxyProtocol};
use crate::config::request_limits::{self, RequestLimits};
use crate::config::trust_store::TrustStores;
use crate::document::{Document, Placed, Table};
use crate::names::ListenerName;

/// One listener.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Its name.
    pub name: ListenerName,
    /// Where it listens.
    pub address: SocketAddr,
    /// `None` for plaintext.
    pub tls: Option<ListenerTls>,
    /// Whether HTTP/2 is offered (by ALPN; never on plaintext).
    pub http2: bool,
    /// Peers whose `X-Forwarded-For` is believed and carried on.
    pub trusted_peers: Vec<IpNet>,
    /// Who passes connections on with a PROXY header; `None` where clients connect themselves.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// What it bears.
    pub limits: RequestLimits,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// At least one; the first answers names that no other has.
    pub certificates: Vec<CertificateFiles>,
    /// Those among them that are had from an authority.
    pub acme: Vec<AcmeCertificate>,
    /// The lowest version spoken.
    pub min_version: TlsVersion,
    /// Whether callers show a certificate.
    pub client_certificate: ClientCertificate,
    /// Names for which that is otherwise.
    pub hosts: Vec<TlsHost>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM, leaf first.
    pub chain: PathBuf,
    /// PEM; PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
    /// Where the OCSP response comes from that is shown with it.
    pub staple: StapleFrom,
    /// The line of the configuration that names them.
    pub line: usize,
    /// Whether something else stands in while there is none: it is still to be had.
    pub may_be_missing: bool,
}

/// Where an OCSP response comes from that is shown with a certificate (RFC 6066 §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StapleFrom {
    /// None is shown.
    Nowhere,
    /// From a file, in DER.
    File(PathBuf),
    /// From the responder that the certificate names, time and again.
    Responder,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What listeners take their trust and certificates from.
pub(super) struct Sources<'a> {
    pub(super) stores: &'a TrustStores,
    pub(super) acme: Option<&'a Acme>,
}

/// Reads every `[[listener]]`; `base` is what relative paths are relative to.
pub(super) fn read(
    root: &mut Table<'_>,
    base: &Path,
    sources: &Sources<'_>,
    admin: Option<SocketAddr>,
) -> Vec<Listener> {
    let document = root.document();
    let mut names = Declared::new("listener");
    let mut addresses = BTreeMap::new();
    let mut listeners = Vec::new();
    for mut table in root.tables("listener") {
        let name = names.name_of(&mut table);
        let address = read_address(&mut table);
        if let Some(address) = &address {
            check_address(document, &mut addresses, admin, address);
        }
        let around = Around {
            base,
            stores: sources.stores,
            listener: name.as_deref().unwrap_or_default(),
        };
        let tls = read_tls(&mut table, &around, sources.acme);
        let http2 = read_http2(&mut table, tls.is_some());
        let peers = table.texts("trusted_peers").unwrap_or_default();
        let trusted_peers = nets::read(document, peers, "trusted peer");
        let proxy_protocol = proxy_protocol::read(&mut table);
        let limits = request_limits::read(&mut table);
        table.finish();
        // What is missing has been noted: the stand-ins never leave `Config::load`.
        listeners.push(Listener {
            name: ListenerName::new(name.unwrap_or_default()),
            address: address.map_or(UNREAD_ADDRESS, |address| address.value),
            tls,
            http2,
            trusted_peers,
            proxy_protocol,
            limits,
        });
    }
    if listeners.is_empty() {
        document.note(
            0,
            "there is no [[listener]]; the gateway needs one with a name and an address",
        );
    }
    listeners
}

const UNREAD_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The key `address` of a listener or of `[admin]`.
pub(super) fn read_address(table: &mut Table<'_>) -> Option<Placed<SocketAddr>> {
    let text = table
        .need("address", "write for example address = \"127.0.0.1:8080\"")
        .text("address")?;
    match text.value.parse() {
        Ok(value) => Some(Placed {
            value,
            line: text.line,
        }),
        Err(_) => {
            let problem = format!(
                "address \"{}\" is no IP address with a port; write for example \"127.0.0.1:8080\" or \"[::]:8080\"",
                text.value
            );
            table.document().note(text.line, problem);
            None
        }
    }
}

fn check_address(
    document: &Document<'_>,
    seen: &mut BTreeMap<SocketAddr, usize>,
    admin: Option<SocketAddr>,
    address: &Placed<SocketAddr>,
) {
    let Placed { value, line } = *address;
    if value.port() == 0 {
        return;
    }
    if admin == Some(value) {
        let text = format!("address {value} is also the one of [admin]; give each its own");
        document.note(line, text);
    }
    if let Some(first) = seen.get(&value) {
        let text = format!("address {value} is also the one of the listener at line {first}");
        document.note(line, text);
    }
    seen.entry(value).or_insert(line);
}

fn read_tls(
    table: &mut Table<'_>,
    around: &Around<'_>,
    acme: Option<&Acme>,
) -> Option<ListenerTls> {
    let document = table.document();
    let plaintext = !table.has("certificate") && !table.has("acme");
    let mut certificates = read_certificates(table, around.base);
    let acme = acme::read_certificates(table, acme);
    certificates.extend(acme.iter().map(|one| one.files.clone()));
    let version_line = table
        .has("tls_min_version")
        .then(|| table.line_of("tls_min_version"));
    let min_version = table.word("tls_min_version", &TLS_VERSIONS);
    let lines =
        ["client_certificate", "host"].map(|key| table.has(key).then(|| table.line_of(key)));
    let client_certificate = client_certificate::read(table, around);
    let hosts = client_certificate::read_hosts(table, around);
    if plaintext {
        let [client_line, host_line] = lines;
        let given = [
            ("client_certificate", client_line),
            ("host", host_line),
            ("tls_min_version", version_line),
        ];
        for (key, line) in given
            .into_iter()
            .filter_map(|(key, line)| Some((key, line?)))
        {
            let text = format!(
                "\"{key}\" needs TLS, and this listener is plaintext; give it certificate = [{{ chain = \"…\", private_key = \"…\" }}] or leave the key out"
            );
            document.note(line, text);
        }
        return None;
    }
    Some(ListenerTls {
        certificates,
        acme,
        min_version: min_version.unwrap_or(TlsVersion::Tls12),
        client_certificate: client_certificate.unwrap_or(ClientCertificate::OFF),
        hosts,
    })
}

/// The words for versions of TLS.
pub(super) const TLS_VERSIONS: [(&str, TlsVersion); 2] =
    [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];

fn read_certificates(table: &mut Table<'_>, base: &Path) -> Vec<CertificateFiles> {
    let tables = table.tables("certificate").into_iter();
    tables
        .filter_map(|one| read_certificate(one, base))
        .collect()
}

fn read_certificate(mut table: Table<'_>, base: &Path) -> Option<CertificateFiles> {
    let files = read_files(&mut table, base);
    let staple = read_staple(&mut table, base);
    table.finish();
    Some(CertificateFiles { staple, ..files? })
}

/// A table with `chain` and `private_key` and nothing else; `None` when one of them is missing,
/// which is noted.
pub(super) fn read_pair(mut table: Table<'_>, base: &Path) -> Option<CertificateFiles> {
    let files = read_files(&mut table, base);
    table.finish();
    files
}

fn read_files(table: &mut Table<'_>, base: &Path) -> Option<CertificateFiles> {
    let line = table.line();
    let chain = table
        .need("chain", "name the PEM file of the certificate, leaf first")
        .text("chain");
    let private_key = table
        .need("private_key", "name the PEM file of the certificate's key")
        .text("private_key");
    Some(CertificateFiles {
        chain: base.join(chain?.value),
        private_key: base.join(private_key?.value),
        staple: StapleFrom::Nowhere,
        line,
        may_be_missing: false,
    })
}

fn read_staple(table: &mut Table<'_>, base: &Path) -> StapleFrom {
    let file = table.text("ocsp");
    let fetched = table.boolean("stapling") == Some(true);
    match (file, fetched) {
        (Some(file), true) => {
            table.document().note(
                file.line,
                "\"ocsp\" names a response, and \"stapling\" fetches one; leave one of them out",
            );
            StapleFrom::Nowhere
        }
        (Some(file), false) => StapleFrom::File(base.join(file.value)),
        (None, true) => StapleFrom::Responder,
        (None, false) => StapleFrom::Nowhere,
    }
}

fn read_http2(table: &mut Table<'_>, tls: bool) -> bool {
    let line = table.line_of("http2");
    let http2 = table.boolean("http2");
    if !tls && http2 == Some(true) {
        table.document().note(
            line,
            "\"http2\" is negotiated by TLS, and this listener is plaintext; leave the key out or give it a \"certificate\"",
        );
    }
    http2.unwrap_or(tls)
}
