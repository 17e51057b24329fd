//! The load: connections of their own for each request. In: a server and a kind of client. Out: how
//! many were served, how many by a resumed session, how long each took, and what went wrong.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::material::{HOST, Material};

pub const CONNECTIONS: usize = 8;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of client.
#[derive(Clone, Copy)]
pub struct Client {
    /// `None` shows no certificate.
    pub key: Option<&'static str>,
    /// 1.2 or 1.3.
    pub version: &'static str,
    pub resumes: bool,
}

/// What a while of load came to.
#[derive(Default)]
pub struct Outcome {
    pub served: usize,
    pub resumed: usize,
    pub errors: usize,
    pub first_error: Option<String>,
    pub took: Duration,
    /// From the first packet to the answer.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// Handshakes in a second.
    pub fn rate(&self) -> f64 {
        self.served as f64 / self.took.as_secs_f64()
    }
}

/// Keeps `address` busy for so long.
pub fn run(material: &Material, client: Client, address: SocketAddr, time: Duration) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let start = Instant::now();
    let local = tokio::task::LocalSet::new();
    for _ in 0..CONNECTIONS {
        // Each has its own sessions: a ticket of TLS 1.3 is used once.
        let connector = TlsConnector::from(Arc::new(client.config(material)));
        let outcome = outcome.clone();
        local.spawn_local(async move {
            while start.elapsed() < time {
                let began = Instant::now();
                let called = tokio::time::timeout(PATIENCE, call(&connector, address)).await;
                outcome.borrow_mut().count(called, began);
            }
        });
    }
    runtime.block_on(local);
    let mut outcome = outcome.take();
    outcome.took = start.elapsed();
    outcome
}

/// One request of this client; how hands were shaken.
///
/// # Errors
/// It is not served.
pub fn served(
    material: &Material,
    client: Client,
    address: SocketAddr,
) -> std::io::Result<HandshakeKind> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let connector = TlsConnector::from(Arc::new(client.config(material)));
    runtime
        .block_on(call(&connector, address))
        .map(|called| called.0)
}

type Called = Result<std::io::Result<(HandshakeKind, Instant)>, tokio::time::error::Elapsed>;

impl Outcome {
    fn count(&mut self, called: Called, began: Instant) {
        let error = match called {
            Ok(Ok((kind, answered))) => {
                self.served += 1;
                self.resumed += usize::from(kind == HandshakeKind::Resumed);
                return self.latencies.push(answered - began);
            }
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }
}

async fn call(
    connector: &TlsConnector,
    address: SocketAddr,
) -> std::io::Result<(HandshakeKind, Instant)> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let name = ServerName::try_from(HOST).expect("a name");
    let mut stream = connector.connect(name, socket).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).await?;
    let answered = Instant::now();
    if !answer[..length].starts_with(b"HTTP/1.1 200") {
        let said = String::from_utf8_lossy(&answer[..length]);
        let line = said.lines().next().unwrap_or_default();
        return Err(std::io::Error::other(format!("not served: {line}")));
    }
    // Some close without a word of TLS.
    while stream
        .read(&mut answer)
        .await
        .is_ok_and(|length| length > 0)
    {}
    let kind = stream.get_ref().1.handshake_kind();
    Ok((kind.unwrap_or(HandshakeKind::Full), answered))
}

impl Client {
    fn config(self, material: &Material) -> ClientConfig {
        let (versions, suite): (&[_], _) = match self.version {
            "1.2" => (
                &[&rustls::version::TLS12],
                aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            ),
            _ => (
                &[&rustls::version::TLS13],
                aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
            ),
        };
        let provider = CryptoProvider {
            cipher_suites: vec![suite],
            // The second is for OpenSSL, which in TLS 1.2 shows no certificate of another curve.
            kx_groups: vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1],
            ..aws_lc_rs::default_provider()
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("a suite of this version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous));
        let mut config = match self.key {
            None => builder.with_no_client_auth(),
            Some(key) => {
                let file = |end| material.path(&format!("{key}.{end}"));
                let chain = CertificateDer::from_pem_file(file("pem")).expect("a certificate");
                let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
                let config = builder.with_client_auth_cert(vec![chain], key);
                config.expect("a certificate and its key")
            }
        };
        config.resumption = match self.resumes {
            true => Resumption::in_memory_sessions(64),
            false => Resumption::disabled(),
        };
        config
    }
}

/// Believes every server: what is measured is not what the client checks.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
