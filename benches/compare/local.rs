//! A run on this machine: every path is brought up, tried, and measured in rounds that are
//! interleaved, so that a machine that changes its pace cannot choose the winner.

use std::time::Duration;

use anyhow::Context as _;
use countersign::clock::UtcTime;

use crate::extras::{self, Amounts, Subject};
use crate::interrupt::Interrupt;
use crate::load::Asked;
use crate::options::Local;
use crate::path::Up;
use crate::progress::Progress;
use crate::results::{Loop, Missing, Run, Settings};
use crate::stage::origin::FILES;
use crate::stage::{ALL, Failure, Ground};
use crate::{generators, machine, program};

/// The file of the open loop.
const OPEN_FILE: &str = "/child/random.txt";
/// Before the first round.
const WARM_UP: Duration = Duration::from_millis(500);

/// What is measured of every path in a round.
struct Asking {
    target: &'static str,
    bytes: u64,
    /// Of the open loop.
    rate: Option<u64>,
}

/// Measures everything that is wanted.
///
/// # Errors
/// The ground cannot be laid, or a path does not do what it should.
pub fn run(options: &Local, interrupt: &Interrupt) -> anyhow::Result<Run> {
    let home = tempfile::tempdir()?;
    let ground = Ground::lay(home.path()).map_err(said)?;
    // The load, and whatever it starts from here on, runs where it is told to.
    program::become_load().context("taskset of util-linux")?;
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
        versions: machine::versions(),
        ..Run::default()
    };
    let mut paths = bring_up(&ground, options, &mut run)?;
    measure(&ground, options, interrupt, &mut paths);
    if !options.no_extras {
        check(&ground, options, interrupt, &paths, &mut run);
        look_further(&ground, options, interrupt, &paths, &mut run)?;
    }
    run.interrupted = interrupt.is_set();
    if options.strict {
        for one in &run.missing {
            anyhow::ensure!(
                one.path.starts_with("check on"),
                "{} is missing: {}",
                one.program,
                one.install
            );
        }
    }
    run.configurations = ground.configurations();
    run.paths = paths.into_iter().map(Up::into_result).collect();
    Ok(run)
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
        match Up::bring(ground, path) {
            Ok(up) => all.push(up),
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
    anyhow::ensure!(!all.is_empty(), "no path is left");
    Ok(all)
}

/// All rounds, over all files and rates, over all paths.
fn measure(ground: &Ground, options: &Local, interrupt: &Interrupt, paths: &mut [Up]) {
    let askings = askings(options);
    let time = Duration::from_secs_f64(options.duration);
    for up in paths.iter_mut() {
        for asking in &askings {
            up.loops(asking.rate).push(asking.empty());
        }
        let (target, bytes) = FILES[0];
        let asked = Asked { target, bytes };
        up.caller
            .closed(asked, options.connections, WARM_UP.min(time));
    }
    let mut progress = Progress::of(options.rounds * paths.len() * askings.len(), time);
    for round in 1..=options.rounds {
        for asking in &askings {
            for up in paths.iter_mut() {
                if interrupt.is_set() {
                    return;
                }
                let what = format!(
                    "{} · round {round}/{} · {asking}",
                    up.path.name, options.rounds
                );
                progress.begin(&what);
                let asked = asking.asked();
                let measured = up.round(ground, |caller| match asking.rate {
                    None => caller.closed(asked, options.connections, time),
                    Some(rate) => caller.open(asked, options.connections, rate, time),
                });
                let mut loops = up.loops(asking.rate).iter_mut();
                if let Some(one) = loops.find(|one| asking.is_of(one)) {
                    one.rounds.push(measured);
                }
                progress.done();
            }
        }
    }
    progress.end();
}

fn askings(options: &Local) -> Vec<Asking> {
    let files = FILES
        .into_iter()
        .filter(|(target, _)| options.takes_file(target));
    let closed = files.map(|(target, bytes)| Asking {
        target,
        bytes,
        rate: None,
    });
    let open_file = FILES.into_iter().filter(|(target, _)| *target == OPEN_FILE);
    let open = open_file.flat_map(|(target, bytes)| {
        options.rates.iter().map(move |rate| Asking {
            target,
            bytes,
            rate: Some(*rate),
        })
    });
    closed.chain(open).collect()
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

/// Ours beside other generators.
fn check(ground: &Ground, options: &Local, interrupt: &Interrupt, paths: &[Up], run: &mut Run) {
    for other in generators::ALL {
        let Some(up) = paths.iter().find(|up| up.path.name == other.path) else {
            continue;
        };
        if interrupt.is_set() {
            return;
        }
        eprintln!("{} beside ours on {}", other.name, other.path);
        let time = Duration::from_secs_f64(options.duration);
        let amount = (options.connections, time, options.rounds);
        match generators::measure(other, ground, &up.caller, amount) {
            Ok(check) => run.checks.push(check),
            Err(Failure::Missing { program, install }) => {
                run.missing
                    .push(generators::missing(other, program, install));
            }
            Err(Failure::Broken(error)) => eprintln!("{} is no measure: {error:#}", other.name),
        }
    }
}

fn look_further(
    ground: &Ground,
    options: &Local,
    interrupt: &Interrupt,
    paths: &[Up],
    run: &mut Run,
) -> anyhow::Result<()> {
    let amounts = match options.duration < SMOKE_SECONDS {
        true => Amounts::SMOKE,
        false => Amounts::WHOLE,
    };
    for up in paths {
        let subject = Subject {
            path: up.path,
            stand: &up.stand,
            caller: &up.caller,
        };
        for (what, measure) in extras::of(up.path) {
            if interrupt.is_set() {
                return Ok(());
            }
            eprintln!("{what} of {}", up.path.name);
            match measure(ground, &subject, amounts) {
                Ok(figures) => run.extras.extend(figures),
                Err(error) if options.strict => return Err(error.context(what)),
                Err(error) => eprintln!("{what} of {} is not measured: {error:#}", up.path.name),
            }
        }
    }
    Ok(())
}

/// Below this a run is to see that everything works.
const SMOKE_SECONDS: f64 = 2.0;
