//! What a listener bears from strangers: the keys of `[[listener]]` that bound time, bytes and counts.

use std::time::Duration;

use crate::document::Table;

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

/// More connections than any machine holds: what a bound on connections may be at most.
pub(super) const MAX_CONNECTIONS: usize = 10_000_000;
const DAY_MS: u64 = 86_400_000;
const MAX_BODY_BYTES: u64 = 1 << 40;

/// Reads the limits of a `[[listener]]`.
pub(super) fn read(table: &mut Table<'_>) -> RequestLimits {
    let default = RequestLimits::default();
    RequestLimits {
        max_connections: table
            .integer("max_connections", 1..=MAX_CONNECTIONS)
            .unwrap_or(default.max_connections),
        max_connections_per_address: table
            .integer("max_connections_per_address", 1..=MAX_CONNECTIONS)
            .unwrap_or(default.max_connections_per_address),
        handshake_timeout: read_millis(table, "handshake_timeout_ms", default.handshake_timeout),
        header_timeout: read_millis(table, "header_timeout_ms", default.header_timeout),
        max_header_bytes: table
            .integer("max_header_bytes", 1_024..=262_144)
            .unwrap_or(default.max_header_bytes),
        max_header_count: table
            .integer("max_header_count", 1..=200)
            .unwrap_or(default.max_header_count),
        body_timeout: read_millis(table, "body_timeout_ms", default.body_timeout),
        idle_timeout: read_idle_timeout(table).unwrap_or(default.idle_timeout),
        max_requests_per_connection: table
            .integer("max_requests_per_connection", 1..=u32::MAX)
            .unwrap_or(default.max_requests_per_connection),
        max_body_bytes: read_max_body_bytes(table).unwrap_or(default.max_body_bytes),
    }
}

/// The key `max_body_bytes` of a listener or a route.
pub(super) fn read_max_body_bytes(table: &mut Table<'_>) -> Option<u64> {
    table.integer("max_body_bytes", 0..=MAX_BODY_BYTES)
}

/// A duration of at least a millisecond and at most a day.
pub(super) fn read_millis(table: &mut Table<'_>, key: &'static str, default: Duration) -> Duration {
    table
        .integer(key, 1..=DAY_MS)
        .map_or(default, Duration::from_millis)
}

// Pingora counts the time between requests in whole seconds.
fn read_idle_timeout(table: &mut Table<'_>) -> Option<Duration> {
    let line = table.line_of("idle_timeout_ms");
    let millis: u64 = table.integer("idle_timeout_ms", 1_000..=DAY_MS)?;
    if !millis.is_multiple_of(1_000) {
        let text = format!(
            "\"idle_timeout_ms\" counts whole seconds; write {} or {}",
            millis - millis % 1_000,
            millis - millis % 1_000 + 1_000
        );
        table.document().note(line, text);
    }
    Some(Duration::from_millis(millis))
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            handshake_timeout: Duration::from_millis(5_000),
            header_timeout: Duration::from_millis(10_000),
            max_header_bytes: 32_768,
            max_header_count: 100,
            body_timeout: Duration::from_millis(30_000),
            idle_timeout: Duration::from_millis(60_000),
            max_requests_per_connection: 10_000,
            max_body_bytes: 10 * 1024 * 1024,
        }
    }
}
