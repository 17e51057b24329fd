//! TLS towards an upstream, made once and shared by all of its connections: whom it believes, how
//! the gateway proves itself, and the sessions that may be resumed. In: a valid configuration.
//! Out: a `ClientTls`, or every `Problem` with its files. The handshake is the server's.
//! Trust is never guessed: no system roots, and no connection without a name to verify.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::{TlsVersion, UpstreamTls};
use crate::digest::sha256;
use crate::problem::Problems;
use crate::tls::{Pair, ServedCertificate};

/// The TLS of one upstream.
pub struct ClientTls {
    config: Arc<ClientConfig>,
    /// The same for handshakes in which no session is resumed.
    anew: Arc<ClientConfig>,
    /// No session is resumed before this second.
    anew_until: AtomicI64,
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
            .map(|files| Pair::open(file, files));
        let shown = shown.transpose().map_err(|found| problems.extend(found));
        let (Ok(authorities), Ok(shown)) = (authorities, shown) else {
            return Err(problems);
        };
        let id = id_of(tls, &authorities, shown.as_ref().map(|shown| &shown.key));
        if let Some(same) = previous.filter(|before| before.id == id) {
            return Ok(same.clone());
        }
        let (key, served) = shown.map(|shown| (shown.key, shown.served)).unzip();
        let config = client_config(file, tls, authorities, key)?;
        let mut anew = config.clone();
        anew.resumption = Resumption::disabled();
        Ok(Arc::new(Self {
            config: Arc::new(config),
            anew: Arc::new(anew),
            anew_until: AtomicI64::new(0),
            server_name: tls.server_name.clone(),
            shown: served,
            id,
        }))
    }

    /// What rustls needs to shake hands.
    pub fn config(&self, now: UtcTime) -> &Arc<ClientConfig> {
        match now.unix() < self.anew_until.load(Ordering::Relaxed) {
            true => &self.anew,
            false => &self.config,
        }
    }

    /// Resumes no session for a while. There are targets that break a handshake off when a session
    /// is resumed, and nothing tells that this was why: OpenSSL does it where a client certificate
    /// is asked for and no session id context is set. Their sessions would be offered again and
    /// again.
    pub fn handshake_failed(&self, now: UtcTime) {
        let until = now.plus(ANEW).unix();
        self.anew_until.store(until, Ordering::Relaxed);
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

const ANEW: Duration = Duration::from_secs(60);

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
