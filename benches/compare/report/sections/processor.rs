//! What a request costs of the processor and what each component holds of memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::document::{Block, Cell, Section, Table};
use crate::report::families;
use crate::report::svg::{Stack, StackChart};
use crate::report::text::{bytes, number, percent};
use crate::results::{Loop, PathResult, Round, Run};

/// The generator's component.
pub const LOAD: &str = "load";
const GATEWAY: &str = "Countersign";
/// Less than that of a request, in microseconds, is not told.
const NOTHING: f64 = 0.05;

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Processor and memory");
    let Some(&(file, _)) = families::files(run).first() else {
        return section;
    };
    if components(run.paths.iter()).is_empty() {
        return section;
    }
    if families::is_on_aws(run) {
        section.words(UNSEEN);
        section.titled("Of the load alone", load_table(run, file));
        return section;
    }
    section.words(
        "Processor time of user and system by component, in microseconds a served request, in the \
         closed loop: the median of the rounds. The load is drawn pale and not in the sum.",
    );
    for (which, paths) in families::scales(run) {
        let chart = chart(file, &paths);
        if !chart.stacks.is_empty() {
            section.figure(format!("Processor time for {file}{which}"), chart.draw());
        }
    }
    section.fold("Processor time as numbers, in µs a request", tables(run));
    section.titled("The most memory", memory_table(run));
    section
}

const UNSEEN: &str = "What the parts of a path take on AWS cannot be seen from the load box. The load \
    itself has one thread; where it comes near 100 %, the figures are the load’s.";

/// How much of its processor the load has used in the closed loop, the median of the rounds.
fn load_table(run: &Run, file: &str) -> Table {
    let head = ["Path", "µs a request", "Of a processor"];
    let mut table = Table::new(1, &head);
    for path in &run.paths {
        let measured = families::closed(path, file);
        if let Some((measured, load)) = measured.and_then(|one| Some((one, one.cpu(LOAD)?))) {
            let share = load * measured.rate_served() / 1e6;
            table.row([
                families::label(path).into(),
                number(load).into(),
                Cell::from(percent(share)),
            ]);
        }
    }
    table
}

/// What stands in front first, what stands behind all of them next, the load last.
fn components<'a>(paths: impl Iterator<Item = &'a PathResult>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for path in paths {
        let rounds = path.closed.iter().flat_map(|measured| &measured.rounds);
        let names: BTreeSet<&String> = rounds.flat_map(|round| round.cpu.keys()).collect();
        for name in names {
            *counts.entry(name).or_insert(0) += 1;
        }
    }
    let mut components: Vec<&str> = counts.keys().copied().collect();
    components.sort_by_key(|&component| match component {
        GATEWAY => (0, 0),
        LOAD => (2, 0),
        _ => (1, counts[component]),
    });
    components.into_iter().map(str::to_owned).collect()
}

fn chart(file: &str, paths: &[&PathResult]) -> StackChart {
    let components = components(paths.iter().copied());
    let stacks = paths
        .iter()
        .filter_map(|path| stack(path, file, &components));
    StackChart {
        title: format!("Processor time by component for {file}"),
        unit: "µs a request".to_owned(),
        legend: legend(&components),
        column: "µs".to_owned(),
        stacks: stacks.collect(),
    }
}

fn stack(path: &PathResult, file: &str, components: &[String]) -> Option<Stack> {
    let measured = families::closed(path, file)?;
    let part = |component: &String| measured.cpu(component).unwrap_or(0.0);
    Some(Stack {
        label: path.label.clone(),
        parts: components.iter().map(part).collect(),
        sum: number(total(measured)?),
        parts_text: parts_text(measured, components),
    })
}

/// `gateway 41 + nginx 15`.
fn parts_text(measured: &Loop, components: &[String]) -> String {
    let told = components.iter().filter(|component| *component != LOAD);
    let told = told.filter_map(|component| {
        let time = measured.cpu(component).filter(|time| *time >= NOTHING)?;
        Some(format!("{component} {}", number(time)))
    });
    told.collect::<Vec<_>>().join(" + ")
}

/// The gateway's colour is its family's; all others follow, so that none is the gateway's.
fn legend(components: &[String]) -> Vec<(String, String)> {
    let mut next = 0;
    let class = |component: &String| {
        let class = match component.as_str() {
            LOAD => "k-load".to_owned(),
            GATEWAY => "k0".to_owned(),
            _ => {
                next += 1;
                format!("k{}", (next - 1) % 7 + 1)
            }
        };
        (component.clone(), class)
    };
    components.iter().map(class).collect()
}

/// Of all components but the load, in microseconds a request; `None` if nothing was taken.
pub fn total(measured: &Loop) -> Option<f64> {
    let sums: Vec<f64> = measured.rounds.iter().filter_map(total_of).collect();
    (!sums.is_empty()).then(|| crate::results::median(sums.into_iter()))
}

/// The same of a round.
pub fn total_of(round: &Round) -> Option<f64> {
    let components = round.cpu.iter().filter(|component| component.0 != LOAD);
    let times: Vec<f64> = components.map(|component| *component.1).collect();
    (!times.is_empty()).then(|| times.iter().sum())
}

/// A table a file, under its name.
fn tables(run: &Run) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (file, _) in families::files(run) {
        let head = ["Path", "All but load", "Load", "Of which"];
        let mut table = Table::new(1, &head).with_last_words();
        for path in &run.paths {
            let measured = families::closed(path, file);
            table
                .rows
                .extend(measured.and_then(|measured| row(path, measured)));
        }
        if !table.rows.is_empty() {
            blocks.push(Block::Title(file.to_owned()));
            blocks.push(Block::Table(table));
        }
    }
    blocks
}

fn row(path: &PathResult, measured: &Loop) -> Option<Vec<Cell>> {
    let components = components(std::iter::once(path));
    let load = measured.cpu(LOAD).map_or("–".to_owned(), number);
    Some(vec![
        families::label(path).into(),
        number(total(measured)?).into(),
        load.into(),
        parts_text(measured, &components).into(),
    ])
}

/// One row a path and component, the most of all rounds.
fn memory_table(run: &Run) -> Table {
    let mut table = Table::new(1, &["Path", "All but load", "Of which"]).with_last_words();
    for path in &run.paths {
        let most = most_memory(path);
        if most.is_empty() {
            continue;
        }
        let sum: u64 = most.values().sum();
        let part =
            |(component, held): (&&str, &u64)| format!("{component} {}", bytes(*held as f64));
        let parts: Vec<String> = most.iter().map(part).collect();
        table.row([
            families::label(path).into(),
            bytes(sum as f64).into(),
            Cell::from(parts.join(", ")),
        ]);
    }
    table
}

fn most_memory(path: &PathResult) -> BTreeMap<&str, u64> {
    let mut most = BTreeMap::new();
    let rounds = path
        .closed
        .iter()
        .chain(&path.open)
        .flat_map(|measured| &measured.rounds);
    for (component, held) in rounds.flat_map(|round| &round.memory) {
        if component != LOAD {
            let so_far = most.entry(component.as_str()).or_insert(0);
            *so_far = (*so_far).max(*held);
        }
    }
    most
}
