//! How long requests take at a fixed rate, a chart a file and rate.

use crate::report::document::{Block, Cell, Section, Table, Tone};
use crate::report::families;
use crate::report::svg::{Curve, CurveChart, share_of_percentile};
use crate::report::text::{self, percent, thousands, time};
use crate::results::{Family, Loop, PathResult, Round, Run};

/// Below that much of the rate, a path did not bear it.
const BORNE: f64 = 0.97;

/// 99.9 %: beyond it, too few requests are left in a round.
const END: f64 = 3.0;

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Latency");
    let loops = loops(run);
    let first = loops.first().map(|measured| measured.0.clone());
    let mut more = Vec::new();
    for (file, rate) in loops {
        for (which, paths) in families::scales(run) {
            let caption = format!(
                "{file}, {} requests a second{which}",
                thousands(rate as f64)
            );
            let Some(svg) = chart(run, &paths, (&file, rate)) else {
                continue;
            };
            match first.as_ref() == Some(&file) {
                true => section.figure(caption, svg),
                false => more.push(Block::Figure { caption, svg }),
            }
        }
    }
    section.fold("Latency of the other files", more);
    if !section.blocks.is_empty() {
        section
            .blocks
            .insert(0, Block::Words(INTRODUCTION.to_owned()));
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

fn chart(run: &Run, paths: &[&PathResult], (file, rate): (&str, u64)) -> Option<String> {
    let curves = paths.iter().filter_map(|path| curve(run, path, file, rate));
    let curves: Vec<Curve> = curves.collect();
    if curves.is_empty() {
        return None;
    }
    let ticks = [0.5, 0.9, 0.99, 0.999].map(|share| (share_of_percentile(share), percent(share)));
    let chart = CurveChart {
        title: format!("Latency of {file} by percentile, at {rate} requests a second"),
        x: (share_of_percentile(0.5), END),
        is_x_logarithmic: false,
        x_ticks: ticks.to_vec(),
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
    let share = measured.rate_served() / rate as f64;
    let note = match share < BORNE {
        true => format!(" (bore {})", percent(share)),
        false => String::new(),
    };
    Some(Curve {
        label: path.label.clone(),
        note,
        class: families::curve(run, path),
        points: points(typical(measured)?),
    })
}

/// From p50 to p99.9, by what the round has between.
fn points(round: &Round) -> Vec<(f64, f64)> {
    let latency = &round.latency;
    let fixed = [
        (0.5, latency.p50),
        (0.9, latency.p90),
        (0.99, latency.p99),
        (0.999, latency.p999),
    ];
    let between = |point: &&(f64, f64)| point.0 > 0.5 && point.0 < 0.999;
    let mut all: Vec<(f64, f64)> = latency.curve.iter().filter(between).copied().collect();
    match all.is_empty() {
        true => all.extend(fixed),
        // A fine curve has the other two.
        false => all.extend([fixed[0], fixed[3]]),
    }
    all.sort_by(|a, b| f64::total_cmp(&a.0, &b.0));
    let at = |point: (f64, f64)| (share_of_percentile(point.0), point.1);
    all.into_iter()
        .filter(|point| point.1.is_finite())
        .map(at)
        .collect()
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
