//! A run on this machine: every path is brought up, tried, and measured in rounds that are
//! interleaved, so that a machine that changes its pace cannot choose the winner.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use countersign::clock::UtcTime;

use crate::interrupt::Interrupt;
use crate::load::{Asked, Caller, Outcome};
use crate::options::Local;
use crate::progress::Progress;
use crate::results::{Latency, Loop, Missing, PathResult, Round, Run, Settings};
use crate::stage::origin::FILES;
use crate::stage::{ALL, Failure, Ground, PathKind, Stand};
use crate::{machine, program};

/// The file of the open loop.
const OPEN_FILE: &str = "/child/random.txt";
/// Before the first round.
const WARM_UP: Duration = Duration::from_millis(500);

/// A path that is up, and what it has come to.
struct Up {
    stand: Stand,
    caller: Caller,
    result: PathResult,
}

/// Measures, and writes what it came to.
///
/// # Errors
/// The ground cannot be laid, or the results cannot be written.
pub fn run(options: &Local) -> anyhow::Result<()> {
    if options.list {
        for path in ALL {
            println!("{:<24} {}", path.name, path.label);
        }
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let ground = Ground::lay(home.path()).map_err(said)?;
    // Whatever is started from here on runs where it is told to.
    program::become_load().context("taskset of util-linux")?;
    let interrupt = Interrupt::listen();
    let mut run = Run {
        began: UtcTime::now().amz(),
        command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine: machine::describe(),
        settings: Settings {
            seconds: options.duration,
            connections: options.connections,
            rounds: options.rounds,
            rates: options.rates.clone(),
        },
        ..Run::default()
    };
    let mut paths = bring_up(&ground, options, &mut run)?;
    measure(&ground, options, &interrupt, &mut paths);
    run.interrupted = interrupt.is_set();
    run.configurations = ground.configurations();
    run.paths = paths.into_iter().map(|up| up.result).collect();
    print(&run);
    if let Some(out) = &options.out {
        std::fs::create_dir_all(out)?;
        std::fs::write(out.join("results.json"), serde_json::to_vec_pretty(&run)?)?;
    }
    Ok(())
}

fn said(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Missing { program, install } => {
            anyhow::anyhow!("{program} is missing: {install}")
        }
        Failure::Broken(error) => error,
    }
}

/// Brings every wanted path up and sees that it serves each file, and nobody without what it
/// checks.
fn bring_up(ground: &Ground, options: &Local, run: &mut Run) -> anyhow::Result<Vec<Up>> {
    let mut all = Vec::new();
    for path in ALL.iter().filter(|path| options.takes(path.name)) {
        match (path.start)(ground, path.checks) {
            Ok(stand) => {
                let up = Up::new(ground, path, stand)?;
                up.try_out(ground, path).with_context(|| path.name)?;
                all.push(up);
            }
            Err(Failure::Missing { program, install }) => {
                eprintln!("{} is left out: {program} is missing; {install}", path.name);
                run.missing.push(Missing {
                    path: path.name.to_owned(),
                    program,
                    install,
                });
            }
            Err(Failure::Broken(error)) => return Err(error.context(path.name)),
        }
    }
    Ok(all)
}

impl Up {
    fn new(ground: &Ground, path: &PathKind, stand: Stand) -> anyhow::Result<Self> {
        Ok(Self {
            caller: Caller::new(ground, stand.address, path.checks)?,
            result: PathResult {
                name: path.name.to_owned(),
                label: path.label.to_owned(),
                family: path.family,
                checks: path.checks.words(),
                notes: stand.notes.clone(),
                closed: Vec::new(),
                open: Vec::new(),
            },
            stand,
        })
    }

    /// A generator that is refused measures how fast refusals are.
    fn try_out(&self, ground: &Ground, path: &PathKind) -> anyhow::Result<()> {
        for (target, bytes) in FILES {
            let asked = Asked { target, bytes };
            let tried = self.caller.closed(asked, 1, Duration::from_millis(20));
            anyhow::ensure!(
                tried.served > 0 && tried.failed.is_empty(),
                "{target}: {:?}",
                tried.failed
            );
        }
        if path.checks.signature.is_some() || path.checks.certificate {
            let mut bare = path.checks;
            (bare.signature, bare.certificate) = (None, path.checks.signature.is_some());
            let caller = Caller::new(ground, self.stand.address, bare)?;
            let asked = Asked {
                target: "/",
                bytes: FILES[0].1,
            };
            let tried = caller.closed(asked, 1, Duration::from_millis(20));
            anyhow::ensure!(tried.served == 0, "it serves callers who show nothing");
        }
        Ok(())
    }

    /// One measurement.
    fn round(&self, ground: &Ground, load: impl FnOnce(&Caller) -> Outcome) -> Round {
        let times = || -> BTreeMap<String, Duration> {
            let own = self.stand.parts.iter();
            let own = own.map(|(name, program)| (name.clone(), program.processor_time()));
            let origin = ("origin".to_owned(), ground.origin().processor_time());
            own.chain([origin]).collect()
        };
        let before = times();
        let outcome = load(&self.caller);
        let after = times();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / outcome.served.max(1) as f64;
        let mut cpu: BTreeMap<String, f64> = after
            .iter()
            .map(|(name, time)| (name.clone(), each(time.saturating_sub(before[name]))))
            .collect();
        cpu.insert("load".to_owned(), each(outcome.processor));
        let parts = self.stand.parts.iter();
        Round {
            seconds: outcome.took.as_secs_f64(),
            served: outcome.served,
            failed: outcome.failed.clone(),
            bytes: outcome.bytes,
            latency: latency(&outcome),
            cpu,
            memory: parts
                .map(|(name, program)| (name.clone(), program.most_memory()))
                .collect(),
        }
    }
}

fn latency(outcome: &Outcome) -> Latency {
    let all = &outcome.latencies;
    let at = |share: f64| all.value_at_quantile(share) as f64 / 1000.0;
    const CURVE: [f64; 16] = [
        0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999,
        0.99999, 1.0,
    ];
    Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
        curve: CURVE.map(|share| (share, at(share))).to_vec(),
    }
}

/// All rounds, over all files and rates, over all paths.
fn measure(ground: &Ground, options: &Local, interrupt: &Interrupt, paths: &mut [Up]) {
    let files: Vec<(&str, u64)> = FILES
        .into_iter()
        .filter(|file| options.takes_file(file.0))
        .collect();
    let open = FILES.into_iter().find(|file| file.0 == OPEN_FILE);
    let open: Vec<(&str, u64, u64)> = match open {
        Some((target, bytes)) => options
            .rates
            .iter()
            .map(|rate| (target, bytes, *rate))
            .collect(),
        None => Vec::new(),
    };
    let time = Duration::from_secs_f64(options.duration);
    let connections = options.connections;
    for up in paths.iter_mut() {
        up.result.closed = files
            .iter()
            .map(|(target, bytes)| empty(target, *bytes, None))
            .collect();
        up.result.open = open
            .iter()
            .map(|(target, bytes, rate)| empty(target, *bytes, Some(*rate)))
            .collect();
        let asked = Asked {
            target: "/",
            bytes: FILES[0].1,
        };
        up.caller.closed(asked, connections, WARM_UP.min(time));
    }
    let count = options.rounds * paths.len() * (files.len() + open.len());
    let mut progress = Progress::of(count, time);
    for round in 1..=options.rounds {
        for at in 0..files.len() + open.len() {
            for up in paths.iter_mut() {
                if interrupt.is_set() {
                    return;
                }
                let (target, bytes, rate) = match files.get(at) {
                    Some((target, bytes)) => (*target, *bytes, None),
                    None => {
                        let (target, bytes, rate) = open[at - files.len()];
                        (target, bytes, Some(rate))
                    }
                };
                let pace = rate.map_or_else(String::new, |rate| format!(" at {rate}/s"));
                progress.begin(&format!(
                    "{} · round {round}/{} · {target}{pace}",
                    up.result.name, options.rounds
                ));
                let asked = Asked { target, bytes };
                let measured = up.round(ground, |caller| match rate {
                    None => caller.closed(asked, connections, time),
                    Some(rate) => caller.open(asked, connections, rate, time),
                });
                let all = match rate {
                    None => &mut up.result.closed[at],
                    Some(_) => &mut up.result.open[at - files.len()],
                };
                all.rounds.push(measured);
                progress.done();
            }
        }
    }
    eprintln!();
}

fn empty(target: &str, bytes: u64, rate: Option<u64>) -> Loop {
    Loop {
        file: target.to_owned(),
        bytes,
        rate,
        rounds: Vec::new(),
    }
}

/// The short of it.
fn print(run: &Run) {
    for path in &run.paths {
        for one in path.closed.iter().chain(&path.open) {
            let first = path.closed.first().map(|_| ());
            let _ = first;
            let pace = one
                .rate
                .map_or_else(String::new, |rate| format!(" at {rate}/s"));
            let p99 = crate::results::median(one.rounds.iter().map(|round| round.latency.p99));
            let cpu: Vec<String> = one
                .rounds
                .first()
                .map(|round| {
                    round
                        .cpu
                        .keys()
                        .map(|name| format!("{name} {:.1}", one.cpu(name).unwrap_or_default()))
                        .collect()
                })
                .unwrap_or_default();
            println!(
                "{:<24} {:<32} {:>9.0}/s  p99 {:>8.0} µs  CPU-µs: {}  failed {}",
                path.name,
                format!("{}{pace}", one.file),
                one.rate_served(),
                p99,
                cpu.join(", "),
                one.failed()
            );
        }
    }
}
