//! A listener's TLS, opened: what it shows, by SNI, and whose word it takes for callers.
//! In: a listener's configuration. Out: a `TlsGeneration` that lives until the next reload,
//! or every `Problem` with its files.
//! Trust is never guessed: no bundle, no system roots, no listener.

mod certificates;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::{ClientCertificate, ClientCertificateMode, Listener, ListenerTls, TlsVersion};
use crate::distrust::Distrust;
use crate::problem::Problems;

use certificates::Certificates;
pub use certificates::ServedCertificate;

/// The TLS of one listener between two reloads.
pub struct TlsGeneration {
    server: Arc<ServerConfig>,
    trust: Option<Arc<Trust>>,
    ticketer: Arc<dyn ProducesTickets>,
    certificates: Arc<Certificates>,
}

/// Whom a listener trusts to vouch for callers.
#[derive(Debug)]
pub struct Trust {
    id: TrustId,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// What a trust consists of, as a hash: equal exactly when the trust is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustId([u8; 32]);

impl TlsGeneration {
    /// Opens the certificates, keys and bundles of a TLS listener. Tickets of `previous` stay
    /// good exactly when the trust has not changed: a resumed session is never verified
    /// again by rustls, so a ticket must not outlive the trust under which it was given.
    ///
    /// # Errors
    /// Every file that is missing, empty, unreadable or does not fit.
    pub fn open(
        file: &Path,
        listener: &Listener,
        tls: &ListenerTls,
        previous: Option<&TlsGeneration>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let certificates = take(Certificates::open(file, &tls.certificates), &mut problems);
        let trust = take(Trust::open(file, &tls.client_certificate), &mut problems);
        let (Some(certificates), Some(trust)) = (certificates, trust) else {
            return Err(problems);
        };
        let trust = trust.map(Arc::new);
        let same = |before: &&TlsGeneration| before.trust_id() == trust.as_ref().map(|t| t.id);
        let ticketer = match previous.filter(same) {
            Some(before) => before.ticketer.clone(),
            None => rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|e| {
                Problems::with_file(file, format!("no key for session tickets: {e}"))
            })?,
        };
        let certificates = Arc::new(certificates);
        let server = server_config(listener, tls, &certificates, trust.as_deref(), &ticketer);
        Ok(Self {
            server: Arc::new(server),
            trust,
            ticketer,
            certificates,
        })
    }

    /// What rustls needs to shake hands.
    pub fn server(&self) -> &Arc<ServerConfig> {
        &self.server
    }

    /// Whom it trusts; `None` when it asks no caller for a certificate.
    pub fn trust(&self) -> Option<&Arc<Trust>> {
        self.trust.as_ref()
    }

    /// The certificates it shows.
    pub fn certificates(&self) -> &[ServedCertificate] {
        self.certificates.all()
    }

    fn trust_id(&self) -> Option<TrustId> {
        self.trust.as_ref().map(|trust| trust.id)
    }
}

impl Trust {
    /// `None` when callers are asked for nothing.
    fn open(file: &Path, client: &ClientCertificate) -> Result<Option<Self>, Problems> {
        if client.mode == ClientCertificateMode::Off {
            return Ok(None);
        }
        let mut problems = Problems::default();
        let mut roots = RootCertStore::empty();
        let mut hash = Context::new(&SHA256);
        hash.update(&[u8::from(client.mode == ClientCertificateMode::Required)]);
        for bundle in &client.trust {
            match read_bundle(bundle) {
                Ok(authorities) => {
                    for authority in authorities {
                        hash.update(&authority);
                        if let Err(e) = roots.add(authority) {
                            let text =
                                format!("{}: an authority cannot be used: {e}", bundle.display());
                            problems.add(file, client.line, text);
                        }
                    }
                }
                Err(text) => problems.add(file, client.line, text),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let builder = WebPkiClientVerifier::builder(Arc::new(roots));
        let builder = match client.mode {
            ClientCertificateMode::Optional => builder.allow_unauthenticated(),
            _ => builder,
        };
        let verifier = builder.build().map_err(|e| {
            let mut problems = Problems::default();
            problems.add(
                file,
                client.line,
                format!("the trust bundle cannot be used: {e}"),
            );
            problems
        })?;
        let mut id = [0; 32];
        id.copy_from_slice(hash.finish().as_ref());
        Ok(Some(Self {
            id: TrustId(id),
            verifier,
        }))
    }

    /// What this trust consists of.
    pub fn id(&self) -> TrustId {
        self.id
    }

    /// Judges a chain, leaf first, as the handshake does: for connections that were resumed
    /// or are older than this trust.
    ///
    /// # Errors
    /// Why the chain is not trusted.
    pub fn judge(&self, chain: &[CertificateDer<'_>], now: UtcTime) -> Result<(), Distrust> {
        let (leaf, intermediates) = chain.split_first().ok_or(Distrust::Missing)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unix().unsigned_abs()));
        match self.verifier.verify_client_cert(leaf, intermediates, now) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(why)) => Err(reason(&why)),
            Err(_) => Err(Distrust::Invalid),
        }
    }
}

fn server_config(
    listener: &Listener,
    tls: &ListenerTls,
    certificates: &Arc<Certificates>,
    trust: Option<&Trust>,
    ticketer: &Arc<dyn ProducesTickets>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[_] = match tls.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider has cipher suites for TLS 1.2 and 1.3");
    let builder = match trust {
        Some(trust) => builder.with_client_cert_verifier(trust.verifier.clone()),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(certificates.clone());
    config.ticketer = ticketer.clone();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = match listener.http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    config
}

/// Makes aws-lc-rs the process's crypto library. Both it and ring are linked (Pingora brings
/// ring), so rustls cannot choose by itself.
pub fn install_crypto() {
    if CryptoProvider::get_default().is_none() {
        // An error says that another thread was faster, with the same provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

fn reason(why: &rustls::CertificateError) -> Distrust {
    use rustls::CertificateError as E;
    match why {
        E::Expired | E::ExpiredContext { .. } => Distrust::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Distrust::NotYetValid,
        E::UnknownIssuer => Distrust::UnknownIssuer,
        E::Revoked => Distrust::Revoked,
        E::BadSignature => Distrust::BadSignature,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Distrust::BadPurpose,
        _ => Distrust::Invalid,
    }
}

fn take<T>(result: Result<T, Problems>, problems: &mut Problems) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}
