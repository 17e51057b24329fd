//! What the gateway tells of itself: one access-log line and a few counters for each event.
//! In: a `Record`, told once when a request or a handshake has ended. Out: a line, of JSON or as the
//! configuration has it, and Prometheus metrics. Labels come from configured names, never from what a caller sent.

mod access_log;
mod format;
mod functions;
mod metrics;
mod process;
mod pulled;
mod record;
mod registry;
mod revocation;
mod tally;

use crate::config::Process;

pub use access_log::AccessLogWriter;
pub use format::RequestDetails;
pub use functions::{FunctionRecord, Served};
pub use metrics::{HandshakeResult, Metrics};
pub use process::ProcessRecord;
pub use pulled::{CredentialRecord, Pulled, ReplayRecord, SourceRecord};
pub use record::{ConnectionRecord, HandshakeRecord, LogTime, ProxyRecord, Record, RequestRecord};
pub use revocation::{ListRecord, OcspRecord};
pub use tally::{Latency, Tally};

/// The log and the counters, shared by all that happens.
pub struct Telemetry {
    log: AccessLogWriter,
    metrics: Metrics,
}

impl Telemetry {
    /// Opens the access log.
    ///
    /// # Errors
    /// The log's file cannot be opened.
    pub fn open(process: &Process) -> std::io::Result<Self> {
        Ok(Self {
            log: AccessLogWriter::open(process)?,
            metrics: Metrics::new(),
        })
    }

    /// Tells an event, once.
    pub fn tell(&self, record: &Record<'_>) {
        match record {
            Record::Request(request) => self.metrics.request(request),
            Record::Refused(refused) => self.metrics.refused_unrouted(refused),
            Record::Handshake(handshake) => self.metrics.handshake_failed(handshake),
            Record::ProxyHeader(_) => {}
        }
        if !self.log.write(record) {
            self.metrics.log_lines_dropped.inc();
        }
    }

    /// Whether a request's record is to come with its details.
    pub fn wants_details(&self) -> bool {
        self.log.has_template()
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Waits until every line is written. Called once, when nothing more will be told.
    pub fn close(&self) {
        self.log.close();
    }
}
