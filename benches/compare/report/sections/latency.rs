//! How long requests take at a fixed rate, a chart a file and rate.

use crate::report::document::{Block, Cell, Section, Table, Tone};
use crate::report::families;
use crate::report::svg::{Curve, CurveChart, share_of_percentile};
use crate::report::text::{self, number, thousands, time};
use crate::results::{Family, Loop, PathResult, Round, Run};

/// Below that much of the rate, a path did not bear it.
const BORNE: f64 = 0.97;

/// 99.9 %: beyond it, too few requests are left in a round.
const END: f64 = 3.0;

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Latency");
    let first = families::files(run).first().map(|file| file.0);
    let mut more = Vec::new();
    for (file, rate) in loops(run) {
        let caption = format!("{file}, {} requests a second", thousands(rate as f64));
        if section.blocks.is_empty() {
            section.words(INTRODUCTION);
        }
        let Some(svg) = chart(run, &file, rate, &caption) else {
            continue;
        };
        match first == Some(file.as_str()) {
            true => section.figure(caption, svg),
            false => more.push(Block::Figure { caption, svg }),
        }
    }
    if !more.is_empty() {
        let title = "Latency of the other files".to_owned();
        section.blocks.push(Block::Fold {
            title,
            blocks: more,
        });
    }
    section.folded_table("Latency as numbers", table(run));
    section
}

const INTRODUCTION: &str = "From when a request should have been sent, at a fixed number of requests \
    a second, whether or not those before have been answered. Of the rounds, the one whose p99 is the \
    median. Each step to the right leaves a tenth as many slower requests; both scales are logarithmic.";

/// Files with rates, in the order of files, then of rates.
fn loops(run: &Run) -> Vec<(String, u64)> {
    let mut loops: Vec<(String, u64)> = Vec::new();
    for (file, _) in families::files(run) {
        let open = run
            .paths
            .iter()
            .flat_map(|path| &path.open)
            .filter(|open| open.file == file);
        let mut rates: Vec<u64> = open.filter_map(|open| open.rate).collect();
        rates.sort_unstable();
        rates.dedup();
        loops.extend(rates.into_iter().map(|rate| (file.to_owned(), rate)));
    }
    loops
}

fn open<'a>(path: &'a PathResult, file: &str, rate: u64) -> Option<&'a Loop> {
    path.open
        .iter()
        .find(|open| open.file == file && open.rate == Some(rate))
}

/// The round whose p99 is the median, if any request was served.
pub fn typical(measured: &Loop) -> Option<&Round> {
    let mut rounds: Vec<&Round> = measured
        .rounds
        .iter()
        .filter(|round| round.served > 0)
        .collect();
    rounds.sort_by(|a, b| f64::total_cmp(&a.latency.p99, &b.latency.p99));
    rounds.get(rounds.len().saturating_sub(1) / 2).copied()
}

fn chart(run: &Run, file: &str, rate: u64, caption: &str) -> Option<String> {
    let paths = families::real(run);
    let curves: Vec<Curve> = paths
        .filter_map(|path| curve(run, path, file, rate))
        .collect();
    if curves.is_empty() {
        return None;
    }
    let ticks = [
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
    ];
    let chart = CurveChart {
        title: format!("Latency by percentile of {caption}"),
        x: (share_of_percentile(0.5), END),
        is_x_logarithmic: false,
        x_ticks: ticks
            .map(|(share, text)| (share_of_percentile(share), text.to_owned()))
            .to_vec(),
        x_title: "share of requests that were at least as fast".to_owned(),
        y_title: "answered after".to_owned(),
        y_text: time,
        curves,
        marks: Vec::new(),
    };
    Some(chart.draw())
}

fn curve(run: &Run, path: &PathResult, file: &str, rate: u64) -> Option<Curve> {
    let measured = open(path, file, rate)?;
    let points = points(typical(measured)?);
    let share = measured.rate_served() / rate as f64;
    let label = match share < BORNE {
        true => format!(
            "{} (bore {} %)",
            path.label,
            number((share * 100.0).round())
        ),
        false => path.label.clone(),
    };
    Some(Curve {
        label,
        class: families::curve(run, path),
        points,
    })
}

fn points(round: &Round) -> Vec<(f64, f64)> {
    let latency = &round.latency;
    let four = [
        (0.5, latency.p50),
        (0.9, latency.p90),
        (0.99, latency.p99),
        (0.999, latency.p999),
    ];
    let all = match latency.curve.len() {
        0 | 1 => &four[..],
        _ => &latency.curve[..],
    };
    let points = all
        .iter()
        .filter(|point| point.0 >= 0.5 && point.1.is_finite());
    let points = points.map(|point| (share_of_percentile(point.0), point.1));
    points.filter(|point| point.0 <= END + 1e-9).collect()
}

fn table(run: &Run) -> Table {
    let head = [
        "Path", "File", "Asked", "Served", "p50", "p90", "p99", "p99.9", "Longest",
    ];
    let mut table = Table::new(2, &head);
    for (file, rate) in loops(run) {
        for path in &run.paths {
            let row = open(path, &file, rate).and_then(|measured| row(path, measured, rate));
            table.rows.extend(row);
        }
    }
    table
}

fn row(path: &PathResult, measured: &Loop, rate: u64) -> Option<Vec<Cell>> {
    let latency = &typical(measured)?.latency;
    let served = measured.rate_served();
    let is_borne = served >= BORNE * rate as f64 || path.family == Family::Emulator;
    let tone = if is_borne { Tone::Plain } else { Tone::Flag };
    let mut cells: Vec<Cell> = vec![
        families::label(path).into(),
        measured.file.as_str().into(),
        text::rate(rate as f64).into(),
        Cell::toned(tone, text::rate(served)),
    ];
    let times = [
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p999,
        latency.max,
    ];
    cells.extend(times.map(|micros| Cell::from(time(micros))));
    Some(cells)
}
