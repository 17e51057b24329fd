//! What a run has measured, as it is kept in `results.json` and told by the reports. Knows nothing
//! of how it came about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// When it began, as `20261126T030405Z`.
    pub began: String,
    /// How it was called.
    pub command: String,
    /// What it ran on.
    pub machine: Machine,
    /// Seconds, connections and rounds of every measurement.
    pub settings: Settings,
    /// How many cores what callers speak to has; one, if nothing is said.
    #[serde(default)]
    pub gateway_cores: Option<f64>,
    /// Programs and their versions, by name.
    pub versions: BTreeMap<String, String>,
    /// The paths, in the order in which they are drawn.
    pub paths: Vec<PathResult>,
    /// The load's own agreement with other generators.
    pub checks: Vec<Check>,
    /// What else was measured of the servers that end TLS.
    pub extras: Vec<Extra>,
    /// What could not be run, and how to have it.
    pub missing: Vec<Missing>,
    /// Every configuration file that was used, by its name.
    pub configurations: BTreeMap<String, String>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// What a run ran on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// As `/proc/cpuinfo` has it.
    pub processor: String,
    /// How many cores.
    pub cores: usize,
    /// In bytes.
    pub memory: u64,
    /// As `uname -sr` has it.
    pub kernel: String,
    /// How the cores were given out, in a sentence.
    pub pinning: String,
}

/// How long and how hard everything was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Of one round of one path and file.
    pub seconds: f64,
    /// At once.
    pub connections: usize,
    /// Of all paths, interleaved.
    pub rounds: usize,
    /// Requests a second of the open loop.
    pub rates: Vec<u64>,
}

/// Which family a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The private server, alone and behind what stands for a load balancer.
    Baseline,
    /// The gateway.
    Gateway,
    /// Other servers doing the same work.
    Peer,
    /// The gateway in front of AWS's emulator of Lambda.
    Lambda,
    /// Emulators of API Gateway, whose speed says nothing about AWS's.
    Emulator,
    /// The real thing, on AWS.
    Aws,
}

/// A path from a caller to the private server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PathResult {
    /// As `--only` has it, e.g. `gateway-mtls-sigv4`.
    pub name: String,
    /// As a chart writes it, e.g. `Countersign, certificate + SigV4`.
    pub label: String,
    pub family: Family,
    /// What it checks: nothing, `tls`, `certificate`, `certificate + sigv4` …
    pub checks: String,
    /// What the reader must know, e.g. that memory's share of a processor could not be set.
    pub notes: Vec<String>,
    /// As many requests as the connections bear, one set of rounds a file.
    pub closed: Vec<Loop>,
    /// A fixed number of requests a second, one set of rounds a file and rate.
    pub open: Vec<Loop>,
}

/// One file over one path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Loop {
    /// The target, e.g. `/child/random.txt`.
    pub file: String,
    /// Of the body, in bytes.
    pub bytes: u64,
    /// Requests a second that were meant to be sent; `None` in the closed loop.
    pub rate: Option<u64>,
    pub rounds: Vec<Round>,
}

/// One measurement.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Round {
    pub seconds: f64,
    /// Answered with the right status and all of the body.
    pub served: u64,
    /// All others: by status (`"503"`) or by what went wrong (`"connection reset"`).
    pub failed: BTreeMap<String, u64>,
    /// Of bodies, in bytes.
    pub bytes: u64,
    pub latency: Latency,
    /// Processor time by component, in microseconds a served request. `load` is the generator.
    pub cpu: BTreeMap<String, f64>,
    /// The most memory by component so far, in bytes.
    pub memory: BTreeMap<String, u64>,
}

/// Microseconds, in the open loop from when the request should have been sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// For a curve: shares (0 to 1) with their microseconds, rising.
    pub curve: Vec<(f64, f64)>,
}

/// The generator beside another one, on the same path at the same time of day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    pub path: String,
    /// `wrk` or `oha`.
    pub other: String,
    /// Requests a second, a round each.
    pub ours: Vec<f64>,
    pub theirs: Vec<f64>,
}

/// A figure that is none of requests a second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extra {
    /// E.g. `full handshakes a second`.
    pub what: String,
    /// The path's name.
    pub path: String,
    pub value: f64,
    /// E.g. `1/s`, `KiB`.
    pub unit: String,
    pub note: String,
}

/// What could not be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Missing {
    pub path: String,
    pub program: String,
    /// The command that installs it.
    pub install: String,
}

impl Loop {
    /// Served a second, the median of the rounds.
    pub fn rate_served(&self) -> f64 {
        median(self.rounds.iter().map(Round::rate))
    }

    /// The least and the most of the rounds.
    pub fn spread(&self) -> (f64, f64) {
        let rates = self.rounds.iter().map(Round::rate);
        rates.fold((f64::INFINITY, 0.0), |(least, most), rate| {
            (least.min(rate), most.max(rate))
        })
    }

    /// Processor time of a component, the median of the rounds.
    pub fn cpu(&self, component: &str) -> Option<f64> {
        let times = self
            .rounds
            .iter()
            .filter_map(|round| round.cpu.get(component));
        let times: Vec<f64> = times.copied().collect();
        (!times.is_empty()).then(|| median(times.into_iter()))
    }

    pub fn failed(&self) -> u64 {
        self.rounds
            .iter()
            .flat_map(|round| round.failed.values())
            .sum()
    }
}

impl Round {
    /// Served a second.
    pub fn rate(&self) -> f64 {
        self.served as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Of at least one; 0 of none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => 0.0,
        (count, half) if count % 2 == 0 => f64::midpoint(values[half - 1], values[half]),
        (_, half) => values[half],
    }
}
