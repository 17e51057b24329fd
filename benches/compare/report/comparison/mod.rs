//! Two runs beside one another. In: the earlier and the later. Out: a document with a ratio a
//! path and file; one that may be chance, as the rounds spread as widely, is grey.

mod change;

use std::collections::BTreeSet;

use super::document::{Cell, Document, Section, Table, Tone};
use super::families;
use super::svg::{Ratio, RatioChart};
use super::text;
use crate::results::{Family, Run};
use change::{Change, MEASURES, Measure};

/// How the second run differs from the first.
pub fn document(a: &Run, b: &Run) -> Document {
    let sections = MEASURES.iter().map(|measure| section(a, b, measure));
    let filled = sections.filter(|section| section.blocks.len() > 1);
    Document {
        title: "Two runs of the bench".to_owned(),
        subtitle: format!("A: {} · B: {}", place(a), place(b)),
        headline: headline(a, b),
        warnings: warnings(a, b),
        sections: filled.chain([differences(a, b)]).collect(),
    }
}

/// How many figures changed by more than chance, then how to read them.
fn headline(a: &Run, b: &Run) -> Vec<String> {
    let of = |measure| {
        let changes = change::all(a, b, measure);
        let count = |tone| changes.iter().filter(|change| change.tone == tone).count();
        let (better, worse) = (count(Tone::Better), count(Tone::Worse));
        let title = measure.title;
        format!(
            "{title}: {better} better, {worse} worse, of {}",
            changes.len()
        )
    };
    let counts: Vec<String> = MEASURES.iter().map(of).collect();
    vec![
        format!("{}.", counts.join("; ")),
        "All ratios are B ÷ A. “From … to” holds the least and the most that the rounds allow; a \
         change that they do not tell from none is grey and counts as neither."
            .to_owned(),
    ]
}

fn place(run: &Run) -> String {
    format!("{}, {}", text::day(&run.began), run.machine.processor)
}

fn warnings(a: &Run, b: &Run) -> Vec<String> {
    let early = [("A", a), ("B", b)]
        .into_iter()
        .filter(|(_, run)| run.interrupted);
    let early = early.map(|(name, _)| format!("Run {name} was ended early."));
    let (one, other) = (&a.machine, &b.machine);
    let is_same = (&one.processor, one.cores, &one.pinning)
        == (&other.processor, other.cores, &other.pinning);
    let machines = (!is_same).then(|| "The runs are of different machines or cores.".to_owned());
    let is_same = (a.settings.seconds, a.settings.connections)
        == (b.settings.seconds, b.settings.connections);
    let settings = (!is_same).then(|| "Rounds or connections differ.".to_owned());
    early.chain(machines).chain(settings).collect()
}

fn section(a: &Run, b: &Run, measure: &Measure) -> Section {
    let mut section = Section::new(measure.title);
    section.words(measure.words);
    let changes = change::all(a, b, measure);
    if let Some((file, chart)) = chart(&changes, measure) {
        section.figure(format!("{} of {file}, B ÷ A", measure.title), chart.draw());
    }
    let mut table = Table::new(2, &["Path", "File", "A", "B", "B ÷ A", "From … to"]);
    table
        .rows
        .extend(changes.iter().map(|change| row(change, measure)));
    section.table(table);
    section
}

/// Of the first file, with its name; without emulators.
fn chart<'a>(changes: &'a [Change], measure: &Measure) -> Option<(&'a str, RatioChart)> {
    let is_real = |change: &&Change| change.family != Family::Emulator;
    let file = &changes.iter().find(is_real)?.file;
    let same = changes
        .iter()
        .filter(is_real)
        .filter(|change| change.file == *file);
    let chart = RatioChart {
        title: format!("{} of {file}, the second run by the first", measure.title),
        unit: "B ÷ A".to_owned(),
        ratios: same.map(ratio).collect(),
    };
    Some((file, chart))
}

fn ratio(change: &Change) -> Ratio {
    Ratio {
        label: change.label.clone(),
        value: change.quotient(),
        spread: change.bounds,
        class: match change.tone {
            Tone::Better => "p-better",
            Tone::Worse => "p-worse",
            _ => "p-grey",
        },
        text: arrowed(change),
    }
}

/// Which way it went is not by colour alone.
fn arrowed(change: &Change) -> String {
    let quotient = text::times(change.quotient());
    match change.tone {
        Tone::Grey => quotient,
        _ if change.quotient() > 1.0 => format!("▲ {quotient}"),
        _ => format!("▼ {quotient}"),
    }
}

fn row(change: &Change, measure: &Measure) -> Vec<Cell> {
    let (least, most) = change.bounds;
    let range = format!("{} … {}", text::times(least), text::times(most));
    vec![
        change.label.as_str().into(),
        change.file.as_str().into(),
        (measure.text)(change.before).into(),
        (measure.text)(change.after).into(),
        Cell::toned(change.tone, arrowed(change)),
        Cell::toned(Tone::Grey, range),
    ]
}

/// What only one of them has, and programs that differ.
fn differences(a: &Run, b: &Run) -> Section {
    let mut section = Section::new("What differs");
    for (name, names) in [("A", only(a, b)), ("B", only(b, a))] {
        if !names.is_empty() {
            section.words(format!("Only in {name}: {}.", names.join(", ")));
        }
    }
    section.table(versions(a, b));
    if section.blocks.is_empty() {
        section.words("Neither paths nor programs.");
    }
    section
}

/// Paths of the first that the second lacks.
fn only<'a>(one: &'a Run, other: &Run) -> Vec<&'a str> {
    let names = one.paths.iter().map(|path| path.name.as_str());
    names
        .filter(|name| families::path(other, name).is_none())
        .collect()
}

fn versions(a: &Run, b: &Run) -> Table {
    let mut table = Table::new(3, &["Program", "A", "B"]);
    let programs: BTreeSet<_> = a.versions.keys().chain(b.versions.keys()).collect();
    for program in programs {
        let version = |run: &Run| run.versions.get(program).cloned().unwrap_or("–".to_owned());
        let (before, after) = (version(a), version(b));
        if before != after {
            table.row([program.as_str().into(), before.into(), Cell::from(after)]);
        }
    }
    table
}
