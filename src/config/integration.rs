//! `[[integration]]`: what answers a route.

use std::path::PathBuf;
use std::time::Duration;

use crate::names::IntegrationName;

/// One integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its name.
    pub name: IntegrationName,
    /// What it does.
    pub kind: IntegrationKind,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// What an integration does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegrationKind {
    /// Passes the request on.
    HttpProxy(HttpProxy),
    /// Answers by itself.
    Mock(Mock),
}

/// An `http_proxy`: one upstream, a pool of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProxy {
    /// At least one; taken in turn.
    pub targets: Vec<TargetAddress>,
    /// `None` for plaintext.
    pub tls: Option<UpstreamTls>,
    /// The `Host` sent to the target; the caller's own when `None`.
    pub host: Option<String>,
    /// From the first packet to the connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest silence of the target.
    pub read_timeout: Duration,
    /// The longest wait for the target to take bytes.
    pub write_timeout: Duration,
    /// How long an unused connection is kept; below the target's own keep-alive time.
    pub idle_timeout: Duration,
    /// Further targets that an idempotent request tries when one cannot be reached.
    pub connect_retries: usize,
}

/// A target: `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAddress {
    /// A name or an IP address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The line of the configuration that names it.
    pub line: usize,
}

/// TLS towards the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// PEM bundles of certificate authorities; at least one.
    pub ca: Vec<PathBuf>,
    /// The name that the target's certificate must have; never empty.
    pub server_name: String,
    /// The line of the configuration that names them.
    pub line: usize,
}

/// A `mock`: a fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// 200 to 599.
    pub status: u16,
    /// Fields, in order; `Content-Length` is added.
    pub headers: Vec<(String, String)>,
    /// The body, as it is.
    pub body: String,
}
