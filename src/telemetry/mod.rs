//! What the gateway tells of itself: one access-log line and a few counters for each event.
//! In: a `Record`, told once when a request or a handshake has ended. Out: a line, of JSON or as the
//! configuration has it, Prometheus metrics and, for some requests, spans. Labels come from
//! configured names, never from what a caller sent.

mod access_log;
mod details;
mod format;
mod functions;
mod metrics;
mod process;
mod pulled;
mod record;
mod registry;
mod revocation;
mod tally;
mod traces;

use crate::config::Config;

pub use access_log::AccessLogWriter;
pub use details::RequestDetails;
pub use functions::{FunctionRecord, Served};
pub use metrics::{HandshakeResult, Metrics};
pub use process::ProcessRecord;
pub use pulled::{CredentialRecord, Pulled, ReplayRecord, SourceRecord};
pub use record::{ConnectionRecord, HandshakeRecord, LogTime, ProxyRecord, Record, RequestRecord};
pub use revocation::{ListRecord, OcspRecord};
pub use tally::{Latency, Tally};
pub use traces::{Attempt, Attributes, Described, Trace, Tracer};

/// The log and the counters, shared by all that happens.
pub struct Telemetry {
    log: AccessLogWriter,
    metrics: Metrics,
    tracer: Option<Tracer>,
}

impl Telemetry {
    /// Opens the access log, and the way to where spans go.
    ///
    /// # Errors
    /// The log's file cannot be opened, or the system refuses a thread.
    pub fn open(config: &Config) -> std::io::Result<Self> {
        let metrics = Metrics::new();
        let open = |traces| Tracer::open(traces, metrics.spans_dropped.clone());
        Ok(Self {
            log: AccessLogWriter::open(&config.process)?,
            tracer: config.traces.as_ref().map(open).transpose()?,
            metrics,
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

    /// What makes spans; `None` when none are wanted.
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.as_ref()
    }

    /// Waits until every line is written, and a little for the spans. Called once, when nothing
    /// more will be told.
    pub fn close(&self) {
        if let Some(tracer) = &self.tracer {
            tracer.close();
        }
        self.log.close();
    }
}
