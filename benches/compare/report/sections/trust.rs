//! Whether the figures may be believed: the generator beside others, and what failed.

use crate::report::document::{Block, Cell, Section, Table, Tone};
use crate::report::families;
use crate::report::text::{number, percent, rate, thousands, times};
use crate::results::{Check, Loop, Run, median};

/// How far our generator may be from another.
const AGREED: f64 = 0.05;

/// Above this share, failures are told before all.
const MANY: f64 = 0.001;

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Can it be believed?");
    if run.paths.is_empty() {
        return section;
    }
    if !run.checks.is_empty() {
        section
            .blocks
            .push(Block::Title("The load beside other generators".to_owned()));
        section.words("On the same path, in turns. More than 5 % apart is flagged.");
        section.table(checks(run));
    }
    section.blocks.push(Block::Title("Errors".to_owned()));
    let errors = errors(run);
    match errors.rows.is_empty() {
        true => section.words("No request failed."),
        false => section.table(errors),
    }
    section
}

pub fn warnings(run: &Run) -> Vec<String> {
    let apart = run.checks.iter().filter(|check| !agrees(check)).map(|check| {
        format!(
            "The load is not that of {} on “{}”: it served {} times as much. See “Can it be believed?”",
            check.other,
            label(run, check),
            times(quotient(check))
        )
    });
    let failing = families::real(run).filter_map(|path| {
        let loops = || path.closed.iter().chain(&path.open);
        let failed: u64 = loops().map(Loop::failed).sum();
        let served: u64 = loops()
            .flat_map(|measured| &measured.rounds)
            .map(|round| round.served)
            .sum();
        let share = failed as f64 / (failed + served).max(1) as f64;
        (share > MANY).then(|| {
            format!(
                "{} of the requests to “{}” failed.",
                percent(share),
                path.label
            )
        })
    });
    apart.chain(failing).collect()
}

fn label(run: &Run, check: &Check) -> String {
    families::path(run, &check.path).map_or(check.path.clone(), families::label)
}

fn quotient(check: &Check) -> f64 {
    median(check.ours.iter().copied()) / median(check.theirs.iter().copied())
}

/// Not if one of them served nothing.
fn agrees(check: &Check) -> bool {
    (quotient(check) - 1.0).abs() <= AGREED
}

fn checks(run: &Run) -> Table {
    let head = [
        "Path",
        "Beside",
        "Ours",
        "Theirs",
        "Ours ÷ theirs",
        "Rounds",
    ];
    let mut table = Table::new(2, &head);
    for check in &run.checks {
        let tone = if agrees(check) {
            Tone::Plain
        } else {
            Tone::Flag
        };
        table.row([
            label(run, check).into(),
            check.other.as_str().into(),
            rate(median(check.ours.iter().copied())).into(),
            rate(median(check.theirs.iter().copied())).into(),
            Cell::toned(tone, times(quotient(check))),
            check.ours.len().min(check.theirs.len()).to_string().into(),
        ]);
    }
    table
}

/// A row for each kind of failure of a path, file and loop.
fn errors(run: &Run) -> Table {
    let mut table = Table::new(4, &["Path", "File", "Loop", "What", "How often", "Of all"]);
    for path in &run.paths {
        for measured in path.closed.iter().chain(&path.open) {
            let all = measured.failed()
                + measured
                    .rounds
                    .iter()
                    .map(|round| round.served)
                    .sum::<u64>();
            for (what, count) in failures(measured) {
                let share = count as f64 / all as f64 * 100.0;
                table.row([
                    families::label(path).into(),
                    measured.file.as_str().into(),
                    measured
                        .rate
                        .map_or("closed".to_owned(), |asked| rate(asked as f64))
                        .into(),
                    what.into(),
                    thousands(count as f64).into(),
                    Cell::from(format!("{} %", number(share))),
                ]);
            }
        }
    }
    table
}

fn failures(measured: &Loop) -> std::collections::BTreeMap<&str, u64> {
    let mut failures = std::collections::BTreeMap::new();
    for (what, count) in measured.rounds.iter().flat_map(|round| &round.failed) {
        *failures.entry(what.as_str()).or_insert(0) += count;
    }
    failures.retain(|_, count| *count > 0);
    failures
}
