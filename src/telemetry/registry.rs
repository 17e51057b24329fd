//! How metrics are made and registered, under the gateway's one prefix.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

pub(super) fn named(name: &str) -> String {
    format!("countersign_{name}")
}

pub(super) fn opts(name: &str, help: &str) -> Opts {
    Opts::new(named(name), help)
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> IntCounterVec {
    register(registry, IntCounterVec::new(opts(name, help), labels))
}

pub(super) fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(opts(name, help), labels))
}

pub(super) fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    labels: &[&str],
) -> HistogramVec {
    let opts = HistogramOpts::new(named(name), help).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(opts, labels))
}

pub(super) fn register<M>(registry: &Registry, metric: prometheus::Result<M>) -> M
where
    M: prometheus::core::Collector + Clone + 'static,
{
    let metric = metric.expect("the names above are valid");
    registry
        .register(Box::new(metric.clone()))
        .expect("the names above are used once");
    metric
}
