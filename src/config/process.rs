//! `[gateway]` and `[admin]`: what holds for the process as a whole.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::listener::read_address;
use crate::config::request_limits::MAX_CONNECTIONS;
use crate::document::Table;

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
    /// After an upgrade: the longest that the process before it may take to finish what it has
    /// begun.
    pub upgrade_drain_timeout: Duration,
    /// Connections at once, over all listeners.
    pub max_connections: usize,
    /// Bytes of bodies that are held whole at once, over all connections.
    pub max_held_bytes: u64,
    /// How long before its end a credential counts as expiring.
    pub credential_warning: Duration,
    /// Whether signatures with a lifetime are refused while the kernel does not call its clock
    /// synchronised.
    pub require_synchronized_clock: bool,
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

const MAX_THREADS: usize = 1024;
const DAY_SECS: u64 = 86_400;

/// Reads `[gateway]` and `[admin]`; `base` is what relative paths are relative to.
pub(super) fn read(root: &mut Table<'_>, base: &Path) -> Process {
    let mut process = Process {
        admin: read_admin(root),
        ..Process::default()
    };
    let Some(mut table) = root.table("gateway") else {
        return process;
    };
    if let Some(threads) = table.integer("threads", 1..=MAX_THREADS) {
        process.threads = threads;
    }
    if let Some(max) = table.integer("max_connections", 1..=MAX_CONNECTIONS) {
        process.max_connections = max;
    }
    let line = table.line_of("drain_grace_secs");
    if let Some(secs) = table.integer("drain_grace_secs", 0..=3_600) {
        process.drain_grace = Duration::from_secs(secs);
    }
    if let Some(secs) = table.integer("drain_timeout_secs", 1..=86_400) {
        process.drain_timeout = Duration::from_secs(secs);
    }
    if let Some(secs) = table.integer("upgrade_drain_timeout_secs", 1..=86_400) {
        process.upgrade_drain_timeout = Duration::from_secs(secs);
    }
    if process.drain_grace > process.drain_timeout {
        let text = format!(
            "\"drain_grace_secs\" ({}) is a part of \"drain_timeout_secs\" ({}) and cannot be longer",
            process.drain_grace.as_secs(),
            process.drain_timeout.as_secs()
        );
        table.document().note(line, text);
    }
    if let Some(max) = table.integer("max_held_bytes", 1 << 20..=1 << 40) {
        process.max_held_bytes = max;
    }
    if let Some(days) = table.integer("credential_warning_days", 1..=365) {
        process.credential_warning = Duration::from_secs(days * DAY_SECS);
    }
    if let Some(required) = table.boolean("require_synchronized_clock") {
        process.require_synchronized_clock = required;
    }
    process.credential_store = table.text("credential_store").map(|p| base.join(p.value));
    if let Some(target) = table.text("access_log") {
        process.access_log = match target.value.as_str() {
            "stdout" => AccessLog::Stdout,
            "off" => AccessLog::Off,
            path => AccessLog::File(base.join(path)),
        };
    }
    table.finish();
    process
}

impl Default for Process {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads: processors.min(MAX_THREADS),
            drain_grace: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(30),
            upgrade_drain_timeout: Duration::from_secs(3_600),
            max_connections: 10_000,
            max_held_bytes: 256 * 1024 * 1024,
            credential_warning: Duration::from_secs(14 * DAY_SECS),
            require_synchronized_clock: false,
            credential_store: None,
            admin: None,
            access_log: AccessLog::Stdout,
        }
    }
}

fn read_admin(root: &mut Table<'_>) -> Option<SocketAddr> {
    let mut table = root.table("admin")?;
    let address = read_address(&mut table);
    table.finish();
    address.map(|address| address.value)
}
