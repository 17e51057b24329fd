//! `[[listener]]`: an address, its TLS, and what it bears from strangers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

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
    /// What it bears.
    pub limits: RequestLimits,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// At least one; the first answers names that no other has.
    pub certificates: Vec<CertificateFiles>,
    /// The lowest version spoken.
    pub min_version: TlsVersion,
    /// Whether callers show a certificate.
    pub client_certificate: ClientCertificate,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM, leaf first.
    pub chain: PathBuf,
    /// PEM; PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
    /// The line of the configuration that names them.
    pub line: usize,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Whether callers show a certificate, and whose word is taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whether it is asked for.
    pub mode: ClientCertificateMode,
    /// PEM bundles of certificate authorities; empty only when the mode is `Off`.
    pub trust: Vec<PathBuf>,
    /// The line of the configuration that names the bundles.
    pub line: usize,
}

/// Whether a client certificate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificateMode {
    /// Never asked for.
    Off,
    /// Asked for; connections without one are taken.
    Optional,
    /// Connections without one are refused in the handshake.
    Required,
}

/// What a listener bears from strangers before it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLimits {
    /// Connections of this listener at once.
    pub max_connections: usize,
    /// Connections of one address at once.
    pub max_connections_per_address: usize,
    /// From the accepted connection to the end of the handshake.
    pub handshake_timeout: Duration,
    /// From a request's first byte to the end of its header, all reads together.
    pub header_timeout: Duration,
    /// Bytes of a request's header, request line included.
    pub max_header_bytes: usize,
    /// Fields of a request's header.
    pub max_header_count: usize,
    /// The longest silence within a body, and the longest wait for a reader that is slow.
    pub body_timeout: Duration,
    /// The longest wait for the next request of a connection.
    pub idle_timeout: Duration,
    /// Requests of one connection.
    pub max_requests_per_connection: u32,
    /// Bytes of a request's body, unless its route says otherwise.
    pub max_body_bytes: u64,
}
