//! Rounds over all paths, interleaved, so that a machine that changes its pace cannot choose the
//! winner. In: paths that are up. Out: their results, filled. Knows nothing of where they run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::load::{Asked, Caller, Outcome};
use crate::options::Scenario;
use crate::progress::Progress;
use crate::results::{Latency, Loop, PathResult, Round, Settings};
use crate::stage::origin::FILES;

/// The file of the open loop.
const OPEN_FILE: &str = "/child/random.txt";

/// A path that is up.
pub trait Path {
    /// Who calls it.
    fn caller(&self) -> &Caller;
    /// What it has come to so far.
    fn result(&mut self) -> &mut PathResult;
    /// Processor time so far of its components, of those that can be seen from here.
    fn times(&self) -> BTreeMap<String, Duration>;
    /// The most memory that each of them has had, in bytes.
    fn memory(&self) -> BTreeMap<String, u64>;
}

/// What is measured of every path in a round.
pub struct Asking {
    pub target: &'static str,
    pub bytes: u64,
    /// Of the open loop, a second.
    pub rate: Option<u64>,
}

/// Measures all rounds, over all files and rates, over all paths, which have been called for
/// `warm_up` before.
pub fn measure<P: Path>(
    scenario: &Scenario,
    warm_up: Duration,
    interrupt: &Interrupt,
    paths: &mut [P],
) {
    let askings = askings(scenario);
    for path in paths.iter_mut() {
        for asking in &askings {
            loops(path, asking.rate).push(asking.empty());
        }
        if !interrupt.is_set() {
            let (target, bytes) = FILES[0];
            let asked = Asked { target, bytes };
            path.caller().closed(asked, scenario.connections, warm_up);
        }
    }
    let each = Duration::from_secs_f64(scenario.duration);
    let mut progress = Progress::of(scenario.rounds * paths.len() * askings.len(), each);
    for round in 1..=scenario.rounds {
        for asking in &askings {
            for path in paths.iter_mut() {
                if interrupt.is_set() {
                    return;
                }
                let name = &path.result().name;
                let what = format!("{name} · round {round}/{} · {asking}", scenario.rounds);
                progress.begin(&what);
                measure_one(scenario, path, asking);
                progress.done();
            }
        }
    }
    progress.end();
}

fn measure_one(scenario: &Scenario, path: &mut impl Path, asking: &Asking) {
    let (asked, connections) = (asking.asked(), scenario.connections);
    let time = Duration::from_secs_f64(scenario.duration);
    let measured = once(path, |caller| match asking.rate {
        None => caller.closed(asked, connections, time),
        Some(rate) => caller.open(asked, connections, rate, time),
    });
    let mut loops = loops(path, asking.rate).iter_mut();
    if let Some(one) = loops.find(|one| asking.is_of(one)) {
        one.rounds.push(measured);
    }
}

/// What a round measures of each path, in order.
pub fn askings(scenario: &Scenario) -> Vec<Asking> {
    let files = FILES
        .into_iter()
        .filter(|(target, _)| scenario.takes_file(target));
    let closed = files.map(|(target, bytes)| Asking {
        target,
        bytes,
        rate: None,
    });
    let open_file = FILES.into_iter().filter(|(target, _)| *target == OPEN_FILE);
    let open = open_file.flat_map(|(target, bytes)| {
        scenario.rates.iter().map(move |rate| Asking {
            target,
            bytes,
            rate: Some(*rate),
        })
    });
    closed.chain(open).collect()
}

/// How it is told in the results.
pub fn settings(scenario: &Scenario) -> Settings {
    Settings {
        seconds: scenario.duration,
        connections: scenario.connections,
        rounds: scenario.rounds,
        rates: scenario.rates.clone(),
    }
}

/// Sees that a file is served, whole.
///
/// # Errors
/// It is not; what was answered is told.
pub fn serves(caller: &Caller, (target, bytes): (&str, u64)) -> anyhow::Result<()> {
    let tried = caller.closed(Asked { target, bytes }, 1, TRIAL);
    let is_good = tried.served > 0 && tried.failed.is_empty();
    anyhow::ensure!(is_good, "{target}: it answers {:?}", tried.failed);
    Ok(())
}

/// Sees that who shows too little is served nothing: a generator that is refused measures how fast
/// refusals are, and one that is not, how fast nothing is checked.
///
/// # Errors
/// It is served.
pub fn refuses(caller: &Caller) -> anyhow::Result<()> {
    let (target, bytes) = FILES[0];
    let tried = caller.closed(Asked { target, bytes }, 1, TRIAL);
    anyhow::ensure!(tried.served == 0, "it serves who shows nothing");
    Ok(())
}

/// How long a path is tried with each file.
const TRIAL: Duration = Duration::from_millis(20);

fn once(path: &impl Path, load: impl FnOnce(&Caller) -> Outcome) -> Round {
    let before = path.times();
    let outcome = load(path.caller());
    let after = path.times();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / outcome.served.max(1) as f64;
    let used = after.iter().map(|(name, time)| {
        let used = time.saturating_sub(before[name]);
        (name.clone(), each(used))
    });
    let mut cpu: BTreeMap<String, f64> = used.collect();
    cpu.insert("load".to_owned(), each(outcome.processor));
    Round {
        seconds: outcome.took.as_secs_f64(),
        served: outcome.served,
        bytes: outcome.bytes,
        latency: latency(&outcome),
        failed: outcome.failed,
        cpu,
        memory: path.memory(),
    }
}

/// The closed loops, or the open ones.
fn loops(path: &mut impl Path, rate: Option<u64>) -> &mut Vec<Loop> {
    let result = path.result();
    match rate {
        None => &mut result.closed,
        Some(_) => &mut result.open,
    }
}

fn latency(outcome: &Outcome) -> Latency {
    /// Shares of a curve.
    const CURVE: [f64; 16] = [
        0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999,
        0.99999, 1.0,
    ];
    let at = |share: f64| outcome.latencies.value_at_quantile(share) as f64 / 1000.0;
    Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
        curve: CURVE.map(|share| (share, at(share))).to_vec(),
    }
}

impl Asking {
    fn asked(&self) -> Asked<'static> {
        Asked {
            target: self.target,
            bytes: self.bytes,
        }
    }

    fn empty(&self) -> Loop {
        Loop {
            file: self.target.to_owned(),
            bytes: self.bytes,
            rate: self.rate,
            rounds: Vec::new(),
        }
    }

    fn is_of(&self, one: &Loop) -> bool {
        one.file == self.target && one.rate == self.rate
    }
}

impl std::fmt::Display for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rate {
            None => write!(f, "{}", self.target),
            Some(rate) => write!(f, "{} at {rate}/s", self.target),
        }
    }
}
