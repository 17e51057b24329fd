//! How many requests a second each path serves, a chart a file.

use crate::report::document::{Block, Cell, Section, Table};
use crate::report::families::{self, BALANCER, DIRECT, EMULATOR};
use crate::report::sections::headline::PUBLISHED;
use crate::report::svg::{Bar, BarChart, Line};
use crate::report::text::{bytes, rate, ratio, time};
use crate::results::{Family, Loop, PathResult, Round, Run, median};

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Throughput");
    let charts = charts(run, |path| path.family != Family::Emulator);
    if charts.is_empty() {
        return section;
    }
    section.words(format!(
        "Requests a second that were answered rightly and whole, as many as the connections bear: \
             the median of the rounds, with the least and the most as whiskers. {}",
        run.machine.pinning
    ));
    for (file, caption, mut chart) in charts {
        chart.line = reference(run, file);
        section.figure(caption, chart.draw());
    }
    let is_real = |path: &PathResult| path.family != Family::Emulator;
    section.fold("Throughput as numbers", tables(run, is_real));
    section
}

/// Apart from all others, on a scale of their own.
pub fn emulators(run: &Run) -> Section {
    let mut section = Section::new("Emulators of API Gateway");
    let charts = charts(run, |path| path.family == Family::Emulator);
    if !charts.is_empty() {
        section.words(format!(
            "{}{}. They run the same description of an API on one's own machine; how fast they do \
             says nothing of API Gateway, which is why they stand apart, on a scale of their own.",
            EMULATOR[..1].to_uppercase(),
            &EMULATOR[1..]
        ));
    }
    let mut more = Vec::new();
    for (_, caption, mut chart) in charts {
        // Beside a load balancer they would be compared after all.
        chart.columns.truncate(1);
        let caption = format!("{caption} — {EMULATOR}");
        match section.blocks.len() {
            1 => section.figure(caption, chart.draw()),
            _ => more.push(Block::Figure {
                caption,
                svg: chart.draw(),
            }),
        }
    }
    section.fold("Emulators, the other files", more);
    let is_emulator = |path: &PathResult| path.family == Family::Emulator;
    section.fold("Emulators as numbers", tables(run, is_emulator));
    section
}

/// One a file, with the file and a caption.
fn charts(run: &Run, is_wanted: impl Fn(&PathResult) -> bool) -> Vec<(&str, String, BarChart)> {
    let mut charts = Vec::new();
    for (file, size) in families::files(run) {
        let mut family = None;
        let mut bars = Vec::new();
        for path in run.paths.iter().filter(|path| is_wanted(path)) {
            if let Some(measured) = families::closed(path, file) {
                let is_new = family.replace(path.family) != Some(path.family);
                bars.push(bar(run, path, measured, is_new));
            }
        }
        if !bars.is_empty() {
            let caption = format!("{file} ({})", bytes(size as f64));
            let chart = BarChart {
                title: format!("Requests a second of {file} by path"),
                unit: "requests a second".to_owned(),
                columns: ["served", "÷ elb", "÷ direct"].map(str::to_owned).to_vec(),
                bars,
                line: None,
            };
            charts.push((file, caption, chart));
        }
    }
    charts
}

fn bar(run: &Run, path: &PathResult, measured: &Loop, is_new: bool) -> Bar {
    let served = measured.rate_served();
    let beside = |name| ratio(Some(served), families::served(run, name, &measured.file));
    Bar {
        heading: is_new.then(|| families::title(path.family).to_owned()),
        label: path.label.clone(),
        class: families::area(path.family),
        value: served,
        spread: measured.spread(),
        texts: vec![rate(served), beside(BALANCER), beside(DIRECT)],
    }
}

fn reference(run: &Run, file: &str) -> Option<Line> {
    let value = families::served(run, BALANCER, file)? * PUBLISHED;
    let label = "22\u{a0}% of elb: API Gateway’s HTTP proxy (2017 evaluation)".to_owned();
    Some(Line { value, label })
}

/// A table a file, under its name.
fn tables(run: &Run, is_wanted: impl Fn(&PathResult) -> bool) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (file, _) in families::files(run) {
        let mut table = Table::new(1, &HEAD);
        for path in run.paths.iter().filter(|path| is_wanted(path)) {
            let measured = families::closed(path, file);
            table
                .rows
                .extend(measured.map(|measured| row(run, path, measured)));
        }
        if !table.rows.is_empty() {
            blocks.push(Block::Title(file.to_owned()));
            blocks.push(Block::Table(table));
        }
    }
    blocks
}

const HEAD: [&str; 9] = [
    "Path",
    "Served",
    "Least",
    "Most",
    "÷\u{a0}elb",
    "÷\u{a0}direct",
    "Bodies",
    "p50",
    "p99",
];

fn row(run: &Run, path: &PathResult, measured: &Loop) -> Vec<Cell> {
    let served = measured.rate_served();
    let (least, most) = measured.spread();
    let beside = |name| match path.family {
        Family::Emulator => "–".to_owned(),
        _ => ratio(Some(served), families::served(run, name, &measured.file)),
    };
    let latency = |of: fn(&Round) -> f64| time(median(measured.rounds.iter().map(of)));
    let cells = [
        families::label(path),
        rate(served),
        rate(least),
        rate(most),
        beside(BALANCER),
        beside(DIRECT),
        format!("{}/s", bytes(served * measured.bytes as f64)),
        latency(|round| round.latency.p50),
        latency(|round| round.latency.p99),
    ];
    cells.into_iter().map(Cell::from).collect()
}
