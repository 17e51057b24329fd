//! A made-up run, and runs that went wrong, as pages.

mod fixture;

use std::path::Path;
use std::process::Command;

use super::*;
use crate::results::{Family, Round};

/// Written and read back, with the files of a directory by their names.
fn written(run: &Run) -> (tempfile::TempDir, impl Fn(&str) -> String + use<>) {
    let directory = tempfile::tempdir().expect("a directory");
    write(run, directory.path()).expect("it is written");
    let path = directory.path().to_owned();
    (directory, move |name: &str| {
        fs::read_to_string(path.join(name)).expect("it was written")
    })
}

/// The pages are XML too, so that a strict parser finds what a lenient one would mend.
fn assert_whole(file: &Path) {
    let program = "import sys, xml.etree.ElementTree as t; t.parse(sys.argv[1])";
    let parsed = Command::new("python3")
        .args(["-c", program])
        .arg(file)
        .output();
    let parsed = parsed.expect("python3 starts");
    assert!(
        parsed.status.success(),
        "{}",
        String::from_utf8_lossy(&parsed.stderr)
    );
}

/// Figures that are none, in what follows the style sheet.
fn assert_no_odd_numbers(text: &str) {
    let text = text.rsplit("</style>").next().unwrap_or(text);
    for odd in ["NaN", "inf", "-0.0", "e308"] {
        let found = text.match_indices(odd).find(|(at, _)| {
            // As a number, not within a word.
            let before = text[..*at].chars().last();
            let after = text[at + odd.len()..].chars().next();
            !before.is_some_and(char::is_alphabetic) && !after.is_some_and(char::is_alphabetic)
        });
        assert!(
            found.is_none(),
            "{odd}: {:?}",
            found.map(|(at, _)| &text[at.saturating_sub(80)..at])
        );
    }
}

#[test]
fn a_page_is_whole_and_names_every_path() {
    let run = fixture::run();
    let (directory, read) = written(&run);
    assert_whole(&directory.path().join("report.html"));
    let (page, markdown) = (read("report.html"), read("report.md"));
    for path in &run.paths {
        assert!(page.contains(&text::escape(&path.label)), "{}", path.label);
        assert!(
            markdown.contains(&path.name.replace('_', "\\_")),
            "{}",
            path.name
        );
    }
    assert_no_odd_numbers(&page);
    assert_no_odd_numbers(&markdown);
}

#[test]
fn a_page_needs_no_network_and_no_script() {
    let (_directory, read) = written(&fixture::run());
    let page = read("report.html");
    for wanting in [
        "<script",
        "<link",
        "@import",
        "src=",
        "href=\"http",
        "url(http",
    ] {
        assert!(!page.contains(wanting), "{wanting}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn an_emulator_is_never_drawn_beside_what_is_real() {
    let run = fixture::run();
    let document = sections::document(&run);
    for section in &document.sections {
        for block in &section.blocks {
            let document::Block::Figure { caption, svg } = block else {
                continue;
            };
            let is_real =
                svg.contains("f-gateway") || svg.contains("c-gateway") || svg.contains("k0");
            assert!(!(is_real && svg.contains("-emulator")), "{caption}");
            assert!(
                !svg.contains("-emulator") || caption.contains(families::EMULATOR),
                "{caption}"
            );
        }
    }
    let (_directory, read) = written(&run);
    let named = |line: &&str| line.contains("serverless-offline") && line.contains("/s |");
    let markdown = read("report.md");
    assert!(markdown.lines().filter(named).count() > 0);
    assert!(
        markdown
            .lines()
            .filter(named)
            .all(|line| line.contains(families::EMULATOR))
    );
}

#[test]
fn latency_is_drawn_of_the_first_file_that_has_any() {
    let run = fixture::run();
    let document = sections::document(&run);
    let latency = document
        .sections
        .iter()
        .find(|section| section.title == "Latency");
    let captions = latency
        .expect("it is there")
        .blocks
        .iter()
        .filter_map(|block| match block {
            document::Block::Figure { caption, .. } => Some(caption.as_str()),
            _ => None,
        });
    let captions: Vec<&str> = captions.collect();
    assert!(
        captions.len() == 4
            && captions
                .iter()
                .all(|caption| caption.starts_with("/child/random.txt")),
        "{captions:?}"
    );
}

#[test]
fn the_headline_answers_in_percent() {
    let headline = sections::document(&fixture::run()).headline;
    let answer = &headline[0];
    assert!(
        answer.starts_with("Behind Countersign, certificate + SigV4, nginx serves 70\u{a0}% of"),
        "{answer}"
    );
    assert!(
        answer.contains("22\u{a0}% of a load balancer in 2017"),
        "{answer}"
    );
    assert!(
        headline[1].contains("/child/random.txt 74\u{a0}%"),
        "{}",
        headline[1]
    );
}

#[test]
fn the_results_are_read_back_as_they_were() {
    let run = fixture::run();
    let (_directory, read) = written(&run);
    let back: Run = serde_json::from_str(&read("results.json")).expect("it is a run");
    assert!(
        format!("{back:?}") == format!("{run:?}"),
        "another run came back"
    );
    let lines = read("results.csv");
    let rounds = |path: &crate::results::PathResult| {
        path.closed
            .iter()
            .chain(&path.open)
            .map(|measured| measured.rounds.len())
            .sum::<usize>()
    };
    assert_eq!(
        lines.lines().count(),
        1 + run.paths.iter().map(rounds).sum::<usize>()
    );
    let fields: Vec<usize> = lines.lines().map(|line| line.split(',').count()).collect();
    assert!(fields.iter().all(|count| *count == fields[0]), "{fields:?}");
}

#[test]
fn what_went_wrong_is_told_before_all() {
    let mut run = fixture::run();
    run.interrupted = true;
    run.paths[1].closed[0].rounds[0]
        .failed
        .insert("503".to_owned(), 5_000);
    let warnings = sections::document(&run).warnings;
    assert!(warnings[0].contains("ended early"), "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("oha on “Countersign, certificate”")),
        "{warnings:?}"
    );
    assert!(
        warnings.iter().any(|warning| warning.contains("HAProxy")),
        "{warnings:?}"
    );
}

#[test]
fn a_run_of_nothing_and_one_that_served_nothing_have_a_page() {
    let mut broken = fixture::run();
    for measured in broken
        .paths
        .iter_mut()
        .flat_map(|path| path.closed.iter_mut().chain(&mut path.open))
    {
        measured.rounds.truncate(1);
        measured.rounds.fill(Round::default());
    }
    broken.paths[0].closed[0].rounds.clear();
    broken.checks[0].theirs.clear();
    broken.extras[0].value = f64::NAN;
    let mut emulators = fixture::run();
    emulators
        .paths
        .retain(|path| path.family == Family::Emulator);
    for run in [Run::default(), broken, emulators] {
        let (directory, read) = written(&run);
        assert_whole(&directory.path().join("report.html"));
        assert_no_odd_numbers(&read("report.html"));
        assert_no_odd_numbers(&read("results.csv"));
    }
}

#[test]
fn a_run_on_aws_tells_its_apis_and_nothing_that_cannot_be_seen() {
    let mut run = fixture::run();
    run.gateway_cores = Some(2.0);
    let api = run.paths.iter_mut().find(|path| path.name == "sam-local");
    let api = api.expect("it is there");
    api.family = Family::Aws;
    api.label = "REST API".to_owned();
    let loops = |path: &mut crate::results::PathResult| {
        for measured in path.closed.iter_mut().chain(&mut path.open) {
            for round in &mut measured.rounds {
                round.cpu.retain(|component, _| component == "load");
                round.memory.clear();
            }
        }
    };
    run.paths.iter_mut().for_each(loops);
    let (_directory, read) = written(&run);
    let report = read("report.md");
    for part in [
        "of what the ALB in front of it does",
        "API Gateway in this run, beside the ALB: REST API 0.1\u{a0}%.",
        "bore here on 2 vCPUs, shared out, 12,057 requests a second, on each vCPU",
        "### Of the load alone",
    ] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    for part in ["The most memory", "HAProxy in front", "A vCPU of EC2"] {
        assert!(!report.contains(part), "{part} is in {report}");
    }
}

#[test]
fn two_runs_are_laid_beside_one_another() {
    let (before, mut after) = (fixture::run(), fixture::run());
    for round in &mut after.paths[6].closed[0].rounds {
        round.served *= 2;
    }
    after.paths.remove(0);
    after
        .versions
        .insert("nginx".to_owned(), "nginx/1.29".to_owned());
    let directory = tempfile::tempdir().expect("a directory");
    compare(&before, &after, directory.path()).expect("it is written");
    assert_whole(&directory.path().join("comparison.html"));
    let markdown =
        fs::read_to_string(directory.path().join("comparison.md")).expect("it was written");
    let line = markdown
        .lines()
        .find(|line| line.contains("+ SigV4 | / |"))
        .expect("it is there");
    assert!(line.contains("**▲ 2.00** | 1.79 … 2.24"), "{line}");
    assert!(markdown.contains("Only in A: direct."), "{markdown}");
    assert!(
        markdown.contains("| nginx | nginx/1.22.1 | nginx/1.29 |"),
        "{markdown}"
    );
    assert_no_odd_numbers(&markdown);
}
