//! Two runs beside one another. In: the earlier and the later. Out: a document with a ratio a
//! path and file; one that may be chance, as the rounds spread as widely, is grey.

use super::document::{Cell, Document, Section, Table, Tone};
use super::families;
use super::sections::{total, total_of, typical};
use super::text;
use crate::results::{Loop, PathResult, Round, Run};

/// What is compared of a round.
struct Measure {
    title: &'static str,
    words: &'static str,
    /// Whether more is better.
    is_more_better: bool,
    of: fn(&Round) -> Option<f64>,
    /// The figure of all rounds.
    typical: fn(&Loop) -> Option<f64>,
    text: fn(f64) -> String,
    /// Whether it is of the open loop, if there is one.
    is_open: bool,
}

const MEASURES: [Measure; 3] = [
    Measure {
        title: "Throughput",
        words: "Requests a second in the closed loop; above 1 is faster.",
        is_more_better: true,
        of: |round| Some(round.rate()),
        typical: |measured| Some(measured.rate_served()),
        text: text::rate,
        is_open: false,
    },
    Measure {
        title: "Processor time",
        words: "Microseconds a request of all components but the load; below 1 is cheaper.",
        is_more_better: false,
        of: total_of,
        typical: total,
        text: text::time,
        is_open: false,
    },
    Measure {
        title: "Latency, p99",
        words: "In the open loop at a fixed rate; below 1 is faster.",
        is_more_better: false,
        of: |round| (round.served > 0).then_some(round.latency.p99),
        typical: |measured| typical(measured).map(|round| round.latency.p99),
        text: text::time,
        is_open: true,
    },
];

/// How the second run differs from the first.
pub fn document(a: &Run, b: &Run) -> Document {
    let sections = MEASURES.iter().map(|measure| section(a, b, measure));
    let filled = sections.filter(|section| section.blocks.len() > 1);
    Document {
        title: "Two runs of the bench".to_owned(),
        subtitle: format!("A: {} · B: {}", place(a), place(b)),
        headline: vec![
            "B ÷ A. The brackets hold the least and the most that the rounds allow; a change that they \
             do not tell from none is grey."
                .to_owned(),
        ],
        warnings: warnings(a, b),
        sections: filled.chain([differences(a, b)]).collect(),
    }
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
    let mut table = Table::new(2, &["Path", "File", "A", "B", "B ÷ A", "From … to"]);
    for before in &a.paths {
        let Some(after) = families::path(b, &before.name) else {
            continue;
        };
        for (one, other) in pairs(before, after, measure.is_open) {
            table.rows.extend(row(before, one, other, measure));
        }
    }
    section.table(table);
    section
}

/// Loops of the same file and rate.
fn pairs<'a>(a: &'a PathResult, b: &'a PathResult, is_open: bool) -> Vec<(&'a Loop, &'a Loop)> {
    let of = |path: &'a PathResult| if is_open { &path.open } else { &path.closed };
    let same = |one: &'a Loop| {
        let other = of(b)
            .iter()
            .find(|other| other.file == one.file && other.rate == one.rate)?;
        Some((one, other))
    };
    of(a).iter().filter_map(same).collect()
}

fn row(path: &PathResult, one: &Loop, other: &Loop, measure: &Measure) -> Option<Vec<Cell>> {
    let (before, after) = ((measure.typical)(one)?, (measure.typical)(other)?);
    let file = one.rate.map_or(one.file.clone(), |rate| {
        format!("{}, {}", one.file, text::rate(rate as f64))
    });
    let (least, most) = bounds(one, other, measure.of)?;
    let tone = tone(
        (least, most),
        one.rounds.len().min(other.rounds.len()),
        measure.is_more_better,
    );
    let range = format!("{} … {}", text::times(least), text::times(most));
    let plain = [
        families::label(path),
        file,
        (measure.text)(before),
        (measure.text)(after),
    ];
    let mut cells: Vec<Cell> = plain.into_iter().map(Cell::from).collect();
    cells.push(Cell::toned(tone, text::ratio(Some(after), Some(before))));
    cells.push(Cell::toned(Tone::Grey, range));
    Some(cells)
}

/// The least and the most that a round of the second may be of one of the first.
fn bounds(one: &Loop, other: &Loop, of: fn(&Round) -> Option<f64>) -> Option<(f64, f64)> {
    let range = |measured: &Loop| {
        let values: Vec<f64> = measured.rounds.iter().filter_map(of).collect();
        let least = values.iter().copied().reduce(f64::min)?;
        Some((least, values.into_iter().fold(0.0, f64::max)))
    };
    let (before, after) = (range(one)?, range(other)?);
    (before.0 > 0.0).then(|| (after.0 / before.1, after.1 / before.0))
}

/// One round has no spread, so nothing can be said of it.
fn tone((least, most): (f64, f64), rounds: usize, is_more_better: bool) -> Tone {
    match (least > 1.0, most < 1.0) {
        _ if rounds < 2 => Tone::Grey,
        (false, false) => Tone::Grey,
        (is_more, _) if is_more == is_more_better => Tone::Better,
        _ => Tone::Worse,
    }
}

/// What only one of them has, and programs that differ.
fn differences(a: &Run, b: &Run) -> Section {
    let mut section = Section::new("What differs");
    let only = |one: &Run, other: &Run| {
        let names = one
            .paths
            .iter()
            .filter(|path| families::path(other, &path.name).is_none());
        names
            .map(|path| path.name.clone())
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (name, names) in [("A", only(a, b)), ("B", only(b, a))] {
        if !names.is_empty() {
            section.words(format!("Only in {name}: {names}."));
        }
    }
    let mut table = Table::new(3, &["Program", "A", "B"]);
    let programs: std::collections::BTreeSet<_> =
        a.versions.keys().chain(b.versions.keys()).collect();
    for program in programs {
        let version = |run: &Run| run.versions.get(program).cloned().unwrap_or("–".to_owned());
        if version(a) != version(b) {
            table.row([
                program.as_str().into(),
                version(a).into(),
                Cell::from(version(b)),
            ]);
        }
    }
    section.table(table);
    if section.blocks.is_empty() {
        section.words("Neither paths nor programs.");
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_inside_the_spread_is_grey() {
        for (bounds, rounds, is_more_better, is) in [
            ((0.9, 1.1), 3, true, Tone::Grey),
            ((1.1, 1.3), 3, true, Tone::Better),
            ((0.7, 0.9), 3, true, Tone::Worse),
            ((1.1, 1.3), 3, false, Tone::Worse),
            ((0.7, 0.9), 3, false, Tone::Better),
            ((1.1, 1.1), 1, true, Tone::Grey),
        ] {
            assert_eq!(tone(bounds, rounds, is_more_better), is, "{bounds:?}");
        }
    }

    #[test]
    fn bounds_are_of_the_least_by_the_most() {
        let measured = |served: &[u64]| Loop {
            file: "/".to_owned(),
            bytes: 1,
            rate: None,
            rounds: served
                .iter()
                .map(|&served| Round {
                    seconds: 1.0,
                    served,
                    ..Round::default()
                })
                .collect(),
        };
        let of = |round: &Round| Some(round.rate());
        let (before, after) = (measured(&[100, 200]), measured(&[300, 400]));
        assert_eq!(bounds(&before, &after, of), Some((1.5, 4.0)));
        assert_eq!(bounds(&measured(&[]), &after, of), None);
        assert_eq!(bounds(&measured(&[0]), &after, of), None);
    }
}
