//! A run on this machine: every path is brought up, tried, and measured in rounds.

use std::time::Duration;

use anyhow::Context as _;
use countersign::clock::UtcTime;

use crate::extras::{self, Amounts, Subject};
use crate::interrupt::Interrupt;
use crate::options::Local;
use crate::path::Up;
use crate::results::{Missing, Run};
use crate::stage::{ALL, Failure, Ground};
use crate::{generators, machine, program, rounds};

/// Before the first round.
const WARM_UP: Duration = Duration::from_millis(500);

/// Measures everything that is wanted.
///
/// # Errors
/// The ground cannot be laid, or a path does not do what it should.
pub fn run(options: &Local, interrupt: &Interrupt) -> anyhow::Result<Run> {
    let scenario = &options.scenario;
    let home = tempfile::tempdir()?;
    let ground = Ground::lay(home.path())?;
    // The load, and whatever it starts from here on, runs where it is told to.
    program::become_load().context("taskset of util-linux")?;
    let mut run = Run {
        began: UtcTime::now().amz(),
        command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine: machine::describe(machine::pinning()),
        settings: rounds::settings(scenario),
        versions: machine::versions(),
        ..Run::default()
    };
    let mut paths = bring_up(&ground, options, &mut run)?;
    let warm_up = WARM_UP.min(Duration::from_secs_f64(scenario.duration));
    rounds::measure(scenario, warm_up, interrupt, &mut paths);
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

/// Brings every wanted path up and sees that it serves each file, and nobody without what it
/// checks.
fn bring_up<'a>(ground: &'a Ground, options: &Local, run: &mut Run) -> anyhow::Result<Vec<Up<'a>>> {
    let mut all = Vec::new();
    for path in ALL.iter().filter(|path| options.scenario.takes(path.name)) {
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

/// Ours beside other generators.
fn check(ground: &Ground, options: &Local, interrupt: &Interrupt, paths: &[Up<'_>], run: &mut Run) {
    let scenario = &options.scenario;
    for other in generators::ALL {
        let Some(up) = paths.iter().find(|up| up.path.name == other.path) else {
            continue;
        };
        if interrupt.is_set() {
            return;
        }
        eprintln!("{} beside ours on {}", other.name, other.path);
        let time = Duration::from_secs_f64(scenario.duration);
        let amount = (scenario.connections, time, scenario.rounds);
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
    paths: &[Up<'_>],
    run: &mut Run,
) -> anyhow::Result<()> {
    let amounts = match options.scenario.duration < SMOKE_SECONDS {
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
