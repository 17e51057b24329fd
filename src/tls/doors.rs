//! The doors of a listener: one for each different answer to the question for a client
//! certificate, and the names by which callers come to them. Hosts with the same answer share a
//! door; the exact name goes before a wildcard of one label, and that before the listener's own.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{NoServerSessionStorage, ProducesTickets};

use crate::config::{ClientCertificate, ClientCertificateMode, ListenerTls, TlsVersion};
use crate::trust::{Trust, TrustId, Trusts};

use super::certificates::Certificates;
use super::verifier::Verifier;

/// One answer to the question for a client certificate.
pub struct Door {
    pub(super) mode: ClientCertificateMode,
    pub(super) trust: Option<Arc<Trust>>,
    pub(super) server: Arc<ServerConfig>,
    ticketer: Arc<dyn ProducesTickets>,
}

/// What makes two doors one. Trust alone does not: who is told the names of its authorities may
/// show nothing where others show a certificate.
type Key = (ClientCertificateMode, Option<(TrustId, bool)>);

fn key(mode: ClientCertificateMode, trust: Option<&Arc<Trust>>) -> Key {
    let trust = trust.map(|trust| (trust.id(), trust.advertises()));
    (mode, trust)
}

impl Door {
    fn key(&self) -> Key {
        key(self.mode, self.trust.as_ref())
    }
}

/// The doors of a listener, by name.
pub(super) struct Doors {
    own: Arc<Door>,
    exact: HashMap<String, Arc<Door>>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, Arc<Door>>,
}

/// What doors are made of.
pub(super) struct Maker<'a> {
    pub(super) certificates: &'a Arc<Certificates>,
    pub(super) trusts: &'a Trusts,
    pub(super) http2: bool,
    pub(super) min_version: TlsVersion,
    pub(super) previous: Option<&'a Doors>,
}

impl Doors {
    pub(super) fn open(tls: &ListenerTls, maker: &Maker<'_>) -> Result<Self, String> {
        let mut doors = Self {
            own: Arc::new(maker.make(&tls.client_certificate)?),
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        };
        for host in &tls.hosts {
            let door = Arc::new(maker.make(&host.client_certificate)?);
            let same = doors.all().find(|other| other.key() == door.key());
            let door = same.cloned().unwrap_or(door);
            for name in &host.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut doors.wildcard, parent),
                    None => (&mut doors.exact, name.as_str()),
                };
                names.insert(name.to_owned(), door.clone());
            }
        }
        Ok(doors)
    }

    pub(super) fn find(&self, name: Option<&str>) -> &Arc<Door> {
        let Some(name) = name.filter(|_| self.has_names()) else {
            return &self.own;
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let parent = name.split_once('.').map(|(_, parent)| parent);
        let wildcard = || self.wildcard.get(parent?);
        let found = self.exact.get(&name).or_else(wildcard);
        found.unwrap_or(&self.own)
    }

    fn has_names(&self) -> bool {
        !self.exact.is_empty() || !self.wildcard.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Door>> {
        let named = self.exact.values().chain(self.wildcard.values());
        std::iter::once(&self.own).chain(named)
    }
}

impl Maker<'_> {
    fn make(&self, client: &ClientCertificate) -> Result<Door, String> {
        let store = client.trust_store.as_deref();
        let trust = store.and_then(|store| self.trusts.find(store)).cloned();
        if trust.is_none() && client.proves() {
            return Err("a trust store was not opened".to_owned());
        }
        let key = key(client.mode, trust.as_ref());
        let mut before = self.previous.iter().flat_map(|doors| doors.all());
        let ticketer = match before.find(|door| door.key() == key) {
            Some(door) => door.ticketer.clone(),
            None => Ticketer::new().map_err(|e| format!("no key for session tickets: {e}"))?,
        };
        Ok(Door {
            server: Arc::new(self.server(client.mode, trust.clone(), &ticketer)),
            mode: client.mode,
            trust,
            ticketer,
        })
    }

    fn server(
        &self,
        mode: ClientCertificateMode,
        trust: Option<Arc<Trust>>,
        ticketer: &Arc<dyn ProducesTickets>,
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: &[_] = match self.min_version {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("the provider has cipher suites for TLS 1.2 and 1.3");
        let builder = match mode {
            ClientCertificateMode::Off => builder.with_no_client_auth(),
            _ => builder.with_client_cert_verifier(Arc::new(Verifier::new(mode, trust))),
        };
        let mut config = builder.with_cert_resolver(self.certificates.clone());
        config.ticketer = ticketer.clone();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols = match self.http2 {
            true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            false => vec![b"http/1.1".to_vec()],
        };
        config
    }
}
