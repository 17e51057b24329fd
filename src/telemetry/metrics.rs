//! The counters, in a registry of their own, as Prometheus reads them.

use std::time::Duration;

use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use super::functions::FunctionRecord;
use super::pulled::{CredentialRecord, Pulled, PulledMetrics, SourceRecord};
use super::record::{ConnectionRecord, HandshakeRecord, RequestRecord};
use super::registry::{counters, gauges, histograms, named, opts, register};
use super::revocation::ListRecord;

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeResult {
    /// A new session.
    Full,
    /// A session taken up again.
    Resumed,
    /// TLS could not be agreed, or the caller's certificate was refused.
    Failed,
    /// It did not end in time.
    TimedOut,
}

impl HandshakeResult {
    /// The word for it in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Every metric.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    refusals: IntCounterVec,
    handshakes: IntCounterVec,
    handshake_failures: IntCounterVec,
    gateway_seconds: HistogramVec,
    upstream_seconds: HistogramVec,
    decide_seconds: Histogram,
    /// Connections that are open now, by listener.
    pub connections: IntGaugeVec,
    /// Connections turned away before anything was read of a request, by listener and reason.
    pub connections_refused: IntCounterVec,
    /// Requests that are being served now.
    pub requests_in_flight: IntGauge,
    reloads: IntCounterVec,
    upgrades: IntCounterVec,
    acme_orders: IntCounterVec,
    config_version: Gauge,
    certificate_expiry: GaugeVec,
    upstream_certificate_expiry: GaugeVec,
    trusted_certificate_expiry: GaugeVec,
    pulled: PulledMetrics,
    /// Lines that the access log lost.
    pub log_lines_dropped: IntCounter,
}

/// From a tenth of a millisecond to a minute.
const SECONDS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0,
    60.0,
];
/// From half a microsecond to ten milliseconds.
const SHORT_SECONDS: [f64; 10] = [5e-7, 1e-6, 2e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 1e-3, 1e-2];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        Self {
            requests: counters(
                &registry,
                "requests_total",
                "Requests, by route and status; route is empty when none was found.",
                &["route", "status"],
            ),
            refusals: counters(
                &registry,
                "refusals_total",
                "Refusals by code and route; route is empty when none was found.",
                &["code", "route"],
            ),
            handshakes: counters(
                &registry,
                "handshakes_total",
                "TLS handshakes by listener and result.",
                &["listener", "result"],
            ),
            handshake_failures: counters(
                &registry,
                "handshake_failures_total",
                "TLS handshakes that failed, by listener and reason.",
                &["listener", "reason"],
            ),
            gateway_seconds: histograms(
                &registry,
                "gateway_seconds",
                "Time of a request without the time of its upstream.",
                &SECONDS,
                &["route"],
            ),
            upstream_seconds: histograms(
                &registry,
                "upstream_seconds",
                "Time from the connection to a target to the head of its answer.",
                &SECONDS,
                &["integration"],
            ),
            decide_seconds: decide_histogram(&registry),
            connections: gauges(
                &registry,
                "connections",
                "Open connections by listener.",
                &["listener"],
            ),
            connections_refused: counters(
                &registry,
                "connections_refused_total",
                "Connections turned away by listener and reason.",
                &["listener", "reason"],
            ),
            requests_in_flight: register(
                &registry,
                IntGauge::new(named("requests_in_flight"), "Requests being served."),
            ),
            reloads: at_zero(
                counters(
                    &registry,
                    "reloads_total",
                    "Reloads by result.",
                    &["result"],
                ),
                ["published", "failed"],
            ),
            upgrades: at_zero(
                counters(
                    &registry,
                    "upgrades_total",
                    "Upgrades by result: the one that this process came of, and those that nothing came of.",
                    &["result"],
                ),
                ["succeeded", "failed"],
            ),
            acme_orders: at_zero(
                counters(
                    &registry,
                    "acme_orders_total",
                    "Certificates that were ordered by ACME, by result.",
                    &["result"],
                ),
                ["issued", "failed"],
            ),
            config_version: register(
                &registry,
                Gauge::new(
                    named("config_version"),
                    "The version of the configuration that serves; counts up with every reload.",
                ),
            ),
            certificate_expiry: expiry(
                &registry,
                "certificate_expiry_timestamp_seconds",
                "When a listener's certificate expires, in seconds since 1970.",
                "listener",
            ),
            trusted_certificate_expiry: register(
                &registry,
                GaugeVec::new(
                    opts(
                        "trusted_certificate_expiry_timestamp_seconds",
                        "When an authority or a pinned certificate of a trust store expires, in seconds since 1970.",
                    ),
                    &["trust_store", "subject"],
                ),
            ),
            upstream_certificate_expiry: expiry(
                &registry,
                "upstream_certificate_expiry_timestamp_seconds",
                "When the certificate that an upstream is shown expires, in seconds since 1970.",
                "integration",
            ),
            log_lines_dropped: register(
                &registry,
                IntCounter::new(
                    named("access_log_lines_dropped_total"),
                    "Lines that the access log lost.",
                ),
            ),
            pulled: PulledMetrics::new(&registry),
            registry,
        }
    }

    /// Counts a request that has ended.
    pub fn request(&self, record: &RequestRecord<'_>) {
        let route = record.route.unwrap_or_default();
        let status = Status::new(record.status);
        self.requests
            .with_label_values(&[route, status.as_str()])
            .inc();
        if let Some(code) = record.refusal {
            self.refusals.with_label_values(&[code, route]).inc();
        }
        let own = record.duration_ms - record.upstream_ms.unwrap_or_default();
        self.gateway_seconds
            .with_label_values(&[route])
            .observe(own.max(0.0) / 1e3);
        self.decide_seconds.observe(record.decide_us / 1e6);
    }

    /// Counts bytes that never became a request.
    pub fn refused_unrouted(&self, record: &ConnectionRecord<'_>) {
        let status = Status::new(record.status);
        self.requests
            .with_label_values(&["", status.as_str()])
            .inc();
        self.refusals.with_label_values(&[record.refusal, ""]).inc();
    }

    /// Counts a handshake.
    pub fn handshake(&self, listener: &str, result: HandshakeResult) {
        self.handshakes
            .with_label_values(&[listener, result.as_str()])
            .inc();
    }

    /// Counts why a handshake failed.
    pub fn handshake_failed(&self, record: &HandshakeRecord<'_>) {
        self.handshake_failures
            .with_label_values(&[record.listener, record.reason])
            .inc();
    }

    /// Notes how long an integration's target took to answer.
    pub fn upstream(&self, integration: &str, took: Duration) {
        self.upstream_seconds
            .with_label_values(&[integration])
            .observe(took.as_secs_f64());
    }

    /// Counts a reload that was published as `version`, or one that failed.
    pub fn reload(&self, version: Option<u64>) {
        let result = if version.is_some() {
            "published"
        } else {
            "failed"
        };
        self.reloads.with_label_values(&[result]).inc();
        if let Some(version) = version {
            self.config_version.set(version as f64);
        }
    }

    /// Counts an upgrade: this process has taken over from another, or another has not from it.
    pub fn upgrade(&self, succeeded: bool) {
        let result = if succeeded { "succeeded" } else { "failed" };
        self.upgrades.with_label_values(&[result]).inc();
    }

    /// Counts a certificate that was had by ACME, or was not.
    pub fn acme_order(&self, issued: bool) {
        let result = if issued { "issued" } else { "failed" };
        self.acme_orders.with_label_values(&[result]).inc();
    }

    /// Tells the version that serves from the start.
    pub fn started(&self, version: u64) {
        self.config_version.set(version as f64);
    }

    /// Tells when the certificates of listeners expire: every (listener, file, seconds since
    /// 1970).
    pub fn certificates<'a>(&self, all: impl Iterator<Item = (&'a str, String, i64)>) {
        set(&self.certificate_expiry, all);
    }

    /// Tells when the certificates expire that upstreams are shown: every (integration, file,
    /// seconds since 1970).
    pub fn upstream_certificates<'a>(&self, all: impl Iterator<Item = (&'a str, String, i64)>) {
        set(&self.upstream_certificate_expiry, all);
    }

    /// Tells when what trust stores believe expires: every (trust store, subject, seconds since
    /// 1970).
    pub fn trusted_certificates<'a>(&self, all: impl Iterator<Item = (&'a str, String, i64)>) {
        set(&self.trusted_certificate_expiry, all);
    }

    /// The counters of requests, refusals, failed handshakes and refused connections.
    pub(super) fn counted(&self) -> [&IntCounterVec; 4] {
        let (failures, refused) = (&self.handshake_failures, &self.connections_refused);
        [&self.requests, &self.refusals, failures, refused]
    }

    /// How long integrations took.
    pub(super) fn upstream_histograms(&self) -> &HistogramVec {
        &self.upstream_seconds
    }

    /// Everything in Prometheus's text format, with what is so `now`.
    pub fn text<'a>(
        &self,
        now: Pulled<
            impl Iterator<Item = CredentialRecord<'a>>,
            impl Iterator<Item = SourceRecord<'a>>,
            impl Iterator<Item = ListRecord>,
            impl Iterator<Item = FunctionRecord<'a>>,
        >,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let families = self.pulled.read(now, || self.registry.gather());
        // Writing to memory does not fail, and half a page is better than none.
        let _ = TextEncoder::new().encode(&families, &mut out);
        out
    }
}

/// A status as text, without an allocation.
struct Status([u8; 3]);

impl Status {
    fn new(status: u16) -> Self {
        let digit = |place: u16| b'0' + (status / place % 10) as u8;
        Self([digit(100), digit(10), digit(1)])
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("000")
    }
}

fn expiry(registry: &Registry, name: &str, help: &str, whose: &str) -> GaugeVec {
    let gauges = GaugeVec::new(opts(name, help), &[whose, "file"]);
    register(registry, gauges)
}

/// What is rare is there before it happens: a counter that begins with its first event has, for
/// Prometheus, not risen by it.
fn at_zero<const N: usize>(counters: IntCounterVec, results: [&str; N]) -> IntCounterVec {
    for result in results {
        counters.with_label_values(&[result]);
    }
    counters
}

fn set<'a>(gauges: &GaugeVec, all: impl Iterator<Item = (&'a str, String, i64)>) {
    gauges.reset();
    for (whose, file, seconds) in all {
        let labels = [whose, file.as_str()];
        gauges.with_label_values(&labels).set(seconds as f64);
    }
}

fn decide_histogram(registry: &Registry) -> Histogram {
    let help = "Time of deciding about a request: route, certificate, signature, limits.";
    let opts = HistogramOpts::new(named("decide_seconds"), help).buckets(SHORT_SECONDS.to_vec());
    register(registry, Histogram::with_opts(opts))
}
