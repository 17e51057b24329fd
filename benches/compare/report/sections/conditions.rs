//! What was run, on what, how, and what could not be.

use crate::report::document::{Block, Cell, Section, Table, Tone};
use crate::report::families;
use crate::report::text::{bytes, number};
use crate::results::Run;

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("How it was measured");
    section.table(machine(run));
    section.titled("Paths", paths(run));
    section.titled("Versions", versions(run));
    section.titled("Not run, for want of a program", missing(run));
    section
}

pub fn configurations(run: &Run) -> Section {
    let mut section = Section::new("Every configuration");
    for (name, text) in &run.configurations {
        section.blocks.push(Block::Text {
            title: name.clone(),
            text: text.clone(),
        });
    }
    section
}

fn machine(run: &Run) -> Table {
    let (machine, settings) = (&run.machine, &run.settings);
    let mut table = Table::new(2, &["", ""]);
    let rates: Vec<String> = settings
        .rates
        .iter()
        .map(|rate| number(*rate as f64))
        .collect();
    let rows = [
        ("Began", run.began.clone()),
        (
            "Processor",
            format!("{}, {} cores", machine.processor, machine.cores),
        ),
        ("Memory", bytes(machine.memory as f64)),
        ("Kernel", machine.kernel.clone()),
        ("Cores", machine.pinning.clone()),
        (
            "A round",
            format!(
                "{} s, {} connections",
                number(settings.seconds),
                settings.connections
            ),
        ),
        (
            "Rounds",
            format!("{}, of all paths in turns", settings.rounds),
        ),
        (
            "Open loop",
            format!("{} requests a second", rates.join(", ")),
        ),
    ];
    for (what, is) in rows {
        table.row([what.into(), Cell::from(is)]);
    }
    table.row(["Command".into(), Cell::toned(Tone::Code, &run.command)]);
    table
}

fn paths(run: &Run) -> Table {
    let mut table = Table::new(5, &["Name", "Path", "Family", "Checks", "To know"]);
    for path in &run.paths {
        table.row([
            Cell::toned(Tone::Code, &path.name),
            families::label(path).into(),
            families::title(path.family).into(),
            path.checks.as_str().into(),
            path.notes.join(" ").into(),
        ]);
    }
    table
}

fn versions(run: &Run) -> Table {
    let mut table = Table::new(2, &["Program", "Version"]);
    for (program, version) in &run.versions {
        table.row([program.as_str().into(), Cell::from(version.as_str())]);
    }
    table
}

fn missing(run: &Run) -> Table {
    let mut table = Table::new(3, &["Path", "Wants", "Installed by"]);
    for missing in &run.missing {
        table.row([
            missing.path.as_str().into(),
            missing.program.as_str().into(),
            Cell::toned(Tone::Code, &missing.install),
        ]);
    }
    table
}
