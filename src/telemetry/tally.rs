//! What has been counted so far, for one who looks at the gateway without a Prometheus. In: the
//! counters since the process started. Out: sums by configured names, and how fast upstreams are.

use prometheus::core::Collector;
use prometheus::proto::{Histogram, Metric};

use super::metrics::Metrics;

/// What has been counted since the process started.
#[derive(Default)]
pub struct Tally {
    /// Requests of each route and status; the route is empty when none was found.
    pub requests: Vec<(String, String, u64)>,
    /// Refusals of each route and code.
    pub refusals: Vec<(String, String, u64)>,
    /// Handshakes that failed, of each listener and reason.
    pub handshake_failures: Vec<(String, String, u64)>,
    /// Connections turned away, of each listener and reason.
    pub connections_refused: Vec<(String, String, u64)>,
    /// Connections that are open, of each listener.
    pub connections: Vec<(String, u64)>,
    /// How long each integration took.
    pub upstreams: Vec<(String, Latency)>,
}

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// How often.
    pub count: u64,
    /// Half of the times are below so many seconds, as far as the buckets tell.
    pub p50: f64,
    /// So are 99 of 100.
    pub p99: f64,
}

impl Metrics {
    /// What has been counted so far.
    pub fn tally(&self) -> Tally {
        let [requests, refusals, handshakes, refused] = self.counted();
        let connections = each(&self.connections, |one| one.get_gauge().get_value() as u64);
        let upstreams = each(self.upstream_histograms(), |one| {
            Latency::of(one.get_histogram())
        });
        Tally {
            requests: pairs(requests, ["route", "status"]),
            refusals: pairs(refusals, ["route", "code"]),
            handshake_failures: pairs(handshakes, ["listener", "reason"]),
            connections_refused: pairs(refused, ["listener", "reason"]),
            connections: connections
                .iter()
                .map(|(one, count)| (label(one, "listener"), *count))
                .collect(),
            upstreams: upstreams
                .iter()
                .map(|(one, latency)| (label(one, "integration"), *latency))
                .collect(),
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram) -> Self {
        let buckets = histogram.get_bucket().iter();
        let buckets: Vec<_> = buckets
            .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
            .collect();
        let count = histogram.get_sample_count();
        Self {
            count,
            p50: quantile(&buckets, count, 0.5),
            p99: quantile(&buckets, count, 0.99),
        }
    }
}

/// The value below which this share of `count` lies, between the bounds of its bucket in
/// proportion, as Prometheus's `histogram_quantile` has it; the last bound for what lies beyond.
fn quantile(buckets: &[(f64, u64)], count: u64, share: f64) -> f64 {
    let rank = share * count as f64;
    let (mut low, mut below) = (0.0, 0);
    for (high, up_to) in buckets {
        let here = up_to.saturating_sub(below);
        if here > 0 && *up_to as f64 >= rank {
            return low + (high - low) * (rank - below as f64) / here as f64;
        }
        (low, below) = (*high, *up_to);
    }
    low * f64::from(u8::from(count > 0))
}

fn pairs(counters: &impl Collector, names: [&str; 2]) -> Vec<(String, String, u64)> {
    let counted = each(counters, |one| one.get_counter().get_value() as u64);
    let [first, second] = names;
    let named = counted.iter();
    named
        .map(|(one, count)| (label(one, first), label(one, second), *count))
        .collect()
}

fn each<T>(collector: &impl Collector, value: impl Fn(&Metric) -> T) -> Vec<(Metric, T)> {
    let families = collector.collect().into_iter();
    let metrics = families.flat_map(|mut family| family.take_metric());
    metrics
        .map(|one| {
            let value = value(&one);
            (one, value)
        })
        .collect()
}

fn label(metric: &Metric, name: &str) -> String {
    let mut labels = metric.get_label().iter();
    let found = labels.find(|label| label.name() == name);
    found.map_or_else(String::new, |label| label.value().to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_bucket() {
        let buckets = [(1.0, 10), (2.0, 10), (4.0, 20)];
        for (share, expected) in [(0.25, 0.5), (0.5, 1.0), (0.75, 3.0), (1.0, 4.0)] {
            assert_eq!(quantile(&buckets, 20, share), expected, "{share}");
        }
        // What lies beyond every bound is at least the last.
        assert_eq!(quantile(&buckets, 40, 0.99), 4.0);
        assert_eq!(quantile(&buckets, 0, 0.99), 0.0);
        assert_eq!(quantile(&[], 0, 0.5), 0.0);
    }

    #[test]
    fn what_was_counted_is_told_by_name() {
        let metrics = Metrics::new();
        metrics.upstream("nginx", Duration::from_millis(2));
        metrics
            .connections_refused
            .with_label_values(&["public", "address"])
            .inc();
        metrics.connections.with_label_values(&["public"]).set(3);
        let tally = metrics.tally();
        let refused = ("public".to_owned(), "address".to_owned(), 1);
        assert_eq!(tally.connections_refused, [refused]);
        assert_eq!(tally.connections, [("public".to_owned(), 3)]);
        let [(name, latency)] = &tally.upstreams[..] else {
            panic!("one upstream");
        };
        assert_eq!((name.as_str(), latency.count), ("nginx", 1));
        assert!(latency.p50 > 0.001 && latency.p99 <= 0.0025, "{latency:?}");
    }
}
