//! TLS towards an upstream, made once and shared by all of its connections: whom it believes, how
//! the gateway proves itself, and the sessions that may be resumed. In: a valid configuration.
//! Out: a `ClientTls`, or every `Problem` with its files. The handshake is the server's.
//! Trust is never guessed: no system roots, and no connection without a name to verify.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::{CertificateFiles, TlsVersion, UpstreamTls};
use crate::credential::read_private;
use crate::digest::sha256;
use crate::problem::Problems;
use crate::tls::ServedCertificate;

/// The TLS of one upstream.
pub struct ClientTls {
    config: Arc<ClientConfig>,
    server_name: String,
    shown: Option<ServedCertificate>,
    id: [u8; 32],
}

impl ClientTls {
    /// Opens bundles, certificate and key. When they are what `previous` has, that one serves on,
    /// and its sessions may be resumed: they never outlive the trust under which they were made.
    ///
    /// # Errors
    /// Every file that is missing, empty, unreadable or does not fit, and a key that others than
    /// its owner can read.
    pub fn open(
        file: &Path,
        tls: &UpstreamTls,
        previous: Option<&Arc<ClientTls>>,
    ) -> Result<Arc<Self>, Problems> {
        let mut problems = Problems::default();
        let authorities = open_authorities(file, tls).map_err(|found| problems.extend(found));
        let shown = tls
            .certificate
            .as_ref()
            .map(|files| open_shown(file, files));
        let shown = shown.transpose().map_err(|found| problems.extend(found));
        let (Ok(authorities), Ok(shown)) = (authorities, shown) else {
            return Err(problems);
        };
        let id = id_of(tls, &authorities, shown.as_ref().map(|shown| &shown.key));
        if let Some(same) = previous.filter(|before| before.id == id) {
            return Ok(same.clone());
        }
        let (key, served) = shown.map(|shown| (shown.key, shown.served)).unzip();
        Ok(Arc::new(Self {
            config: Arc::new(client_config(file, tls, authorities, key)?),
            server_name: tls.server_name.clone(),
            shown: served,
            id,
        }))
    }

    /// What rustls needs to shake hands.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The name that the target's certificate must have.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// The certificate that targets are shown; `None` when there is none.
    pub fn shown(&self) -> Option<&ServedCertificate> {
        self.shown.as_ref()
    }

    /// What all of this consists of, as a hash: connections of one are not those of another.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }
}

/// Without what is secret in it.
impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTls({})", self.server_name)
    }
}

fn client_config(
    file: &Path,
    tls: &UpstreamTls,
    authorities: Vec<CertificateDer<'static>>,
    key: Option<CertifiedKey>,
) -> Result<ClientConfig, Problems> {
    let mut problems = Problems::default();
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        if let Err(e) = roots.add(authority) {
            problems.add(file, tls.line, format!("an authority cannot be used: {e}"));
        }
    }
    problems.or_ok(())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[_] = match tls.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let mut config = match key {
        None => builder.with_no_client_auth(),
        // Shown to whichever target asks, whatever authorities it names: a target that pins a
        // certificate need not name its issuer.
        Some(key) => builder.with_client_cert_resolver(resolver(key)),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn resolver(key: CertifiedKey) -> Arc<dyn ResolvesClientCert> {
    Arc::new(SingleCertAndKey::from(key))
}

fn open_authorities(
    file: &Path,
    tls: &UpstreamTls,
) -> Result<Vec<CertificateDer<'static>>, Problems> {
    let mut problems = Problems::default();
    let mut authorities = Vec::new();
    for bundle in &tls.ca {
        match read_bundle(bundle) {
            Ok(found) => authorities.extend(found),
            Err(text) => problems.add(file, tls.line, text),
        }
    }
    problems.or_ok(authorities)
}

/// A certificate that is shown, its key, and when it ends.
struct Shown {
    key: CertifiedKey,
    served: ServedCertificate,
}

/// Opens what is shown; the key must be private.
fn open_shown(file: &Path, files: &CertificateFiles) -> Result<Shown, Problems> {
    let pem = read_private(&files.private_key)?;
    pair(files, pem.as_bytes()).map_err(|text| {
        let mut problems = Problems::default();
        problems.add(file, files.line, text);
        problems
    })
}

fn pair(files: &CertificateFiles, pem: &[u8]) -> Result<Shown, String> {
    let chain = read_bundle(&files.chain)?;
    let (name, certificate) = (files.private_key.display(), files.chain.display());
    let (_, leaf) = X509Certificate::from_der(&chain[0])
        .map_err(|_| format!("{certificate}: its first certificate cannot be parsed"))?;
    let served = ServedCertificate {
        chain: files.chain.clone(),
        not_before: UtcTime::from_unix(leaf.validity().not_before.timestamp()),
        not_after: UtcTime::from_unix(leaf.validity().not_after.timestamp()),
    };
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|e| format!("{name}: holds no private key that can be read: {e}"))?;
    let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
        .map_err(|e| format!("{name}: the private key is of no supported kind: {e}"))?;
    let key = CertifiedKey::new(chain, signer);
    match key.keys_match() {
        Ok(()) => Ok(Shown { key, served }),
        Err(e) => Err(format!("{name}: is not the key of {certificate}: {e}")),
    }
}

fn id_of(
    tls: &UpstreamTls,
    authorities: &[CertificateDer<'_>],
    key: Option<&CertifiedKey>,
) -> [u8; 32] {
    let mut all = vec![u8::from(tls.min_version == TlsVersion::Tls13)];
    let mut add = |bytes: &[u8]| {
        all.extend_from_slice(&bytes.len().to_be_bytes());
        all.extend_from_slice(bytes);
    };
    add(tls.server_name.as_bytes());
    authorities.iter().for_each(|one| add(one));
    // Nothing else is empty: what was believed never reads like what is shown.
    add(b"");
    let chain = key.iter().flat_map(|key| &key.cert);
    chain.for_each(|one| add(one));
    sha256(&all)
}
