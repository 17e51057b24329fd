//! The metrics of the process itself: what it is, whether it wants callers, what serves, and what
//! it takes of the machine.

use std::time::Duration;

use prometheus::{Gauge, GaugeVec, IntGauge, Registry};

use super::registry::{named, opts, register};

/// What is told of the process.
#[derive(Clone, Copy, Default)]
pub struct ProcessRecord {
    /// Whether it wants callers; not while it drains.
    pub ready: bool,
    /// The most that its clock may be wrong; `None` when the kernel does not say.
    pub clock_error: Option<Duration>,
    /// Whether somebody keeps the clock right.
    pub clock_synchronized: bool,
    /// Its clock, in seconds since 1970.
    pub now: i64,
    /// Since when the configuration serves, in seconds since 1970.
    pub config_loaded: i64,
    /// Whether the last reload that was asked for, if any was, was published.
    pub reload_succeeded: bool,
    /// Bytes of bodies, events and answers that are held whole.
    pub held_bytes: u64,
    /// The most that may be.
    pub max_held_bytes: u64,
}

pub(super) struct ProcessMetrics {
    ready: IntGauge,
    clock: Gauge,
    clock_error: Gauge,
    clock_synchronized: IntGauge,
    config_loaded: Gauge,
    reload_succeeded: IntGauge,
    held_bytes: IntGauge,
    max_held_bytes: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let whole = |name: &str, help: &str| register(registry, IntGauge::new(named(name), help));
        let real = |name: &str, help: &str| register(registry, Gauge::new(named(name), help));
        tell_build(registry);
        // Those that every program is expected to have, without the gateway's prefix.
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .expect("nothing else has their names");
        Self {
            ready: whole(
                "ready",
                "1 while callers are wanted, 0 while the gateway drains or waits for the right time.",
            ),
            clock: real(
                "clock_timestamp_seconds",
                "The gateway's clock, by which signatures and certificates are judged, in seconds since 1970.",
            ),
            clock_error: real(
                "clock_error_seconds",
                "The most that the clock may be wrong, as the kernel says; NaN when it does not say.",
            ),
            clock_synchronized: whole(
                "clock_synchronized",
                "1 while the kernel says that somebody keeps its clock right, otherwise 0.",
            ),
            config_loaded: real(
                "config_loaded_timestamp_seconds",
                "Since when the configuration serves, in seconds since 1970.",
            ),
            reload_succeeded: whole(
                "config_last_reload_successful",
                "0 when the last reload that was asked for failed, otherwise 1.",
            ),
            held_bytes: whole(
                "held_bytes",
                "Bytes of bodies, events and functions' answers that are held whole.",
            ),
            max_held_bytes: whole("max_held_bytes", "The most that may be: max_held_bytes."),
        }
    }

    /// Puts what is so now in place.
    pub(super) fn put(&self, process: ProcessRecord) {
        self.ready.set(i64::from(process.ready));
        self.clock.set(process.now as f64);
        let error = process.clock_error.map(|error| error.as_secs_f64());
        self.clock_error.set(error.unwrap_or(f64::NAN));
        self.clock_synchronized
            .set(i64::from(process.clock_synchronized));
        self.config_loaded.set(process.config_loaded as f64);
        self.reload_succeeded
            .set(i64::from(process.reload_succeeded));
        self.held_bytes.set(process.held_bytes.cast_signed());
        self.max_held_bytes
            .set(process.max_held_bytes.cast_signed());
    }
}

fn tell_build(registry: &Registry) {
    let help = "1; the label tells the gateway's version.";
    let build = register(
        registry,
        GaugeVec::new(opts("build_info", help), &["version"]),
    );
    build
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1.0);
}
