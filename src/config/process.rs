//! `[gateway]` and `[admin]`: what holds for the process as a whole.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the process. Threads, admin address and access log are read once, at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Worker threads; the number of processors unless configured.
    pub threads: usize,
    /// On SIGTERM: how long requests are still taken, and answered with `Connection: close`,
    /// before the listeners close.
    pub drain_grace: Duration,
    /// On SIGTERM: the longest wait for requests in flight, `drain_grace` included.
    pub drain_timeout: Duration,
    /// Connections at once, over all listeners.
    pub max_connections: usize,
    /// The credential store; `None` when no consumer has credentials.
    pub credential_store: Option<PathBuf>,
    /// Where `/metrics`, `/healthz` and `/readyz` are; `None` when they are nowhere.
    pub admin: Option<SocketAddr>,
    /// Where the access log goes.
    pub access_log: AccessLog,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
    /// Nowhere.
    Off,
}
