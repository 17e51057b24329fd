//! `countersign-bench`: the 2017 evaluation of API Gateway again, with the gateway in it, on one
//! machine or on AWS.

mod aws;
mod checks;
mod cost;
mod extras;
#[cfg(test)]
mod floors;
mod generators;
mod interrupt;
mod load;
mod local;
mod machine;
mod material;
mod options;
mod path;
mod program;
mod progress;
mod report;
mod results;
mod rounds;
mod stage;

use anyhow::Context as _;
use clap::Parser as _;

use std::path::{Path, PathBuf};

use interrupt::Interrupt;
use options::{Command, Options};
use results::Run;

fn main() -> anyhow::Result<()> {
    // Both aws-lc-rs and ring may be linked, and rustls must be told.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Options::parse().command {
        Command::Local(options) if options.list => {
            list();
            Ok(())
        }
        Command::Local(options) => {
            let run = local::run(&options, &Interrupt::listen())?;
            keep(&run, options.out)
        }
        Command::AwsMaterial(options) => aws::make_material(&options),
        Command::Aws(options) => match aws::run(&options, Interrupt::listen)? {
            Some(run) => keep(&run, Some(options.out)),
            None => Ok(()),
        },
        Command::Report(options) => {
            let (a, b) = (read(&options.a)?, read(&options.b)?);
            report::compare(&a, &b, &options.out)?;
            println!("{}", options.out.display());
            Ok(())
        }
    }
}

fn list() {
    for path in stage::ALL {
        println!("{:<24} {}", path.name, path.label);
    }
}

/// Writes what a run has come to, and says where.
fn keep(run: &Run, out: Option<PathBuf>) -> anyhow::Result<()> {
    let out = out.unwrap_or_else(|| directory_of(run));
    report::write(run, &out)?;
    println!("{}", out.display());
    Ok(())
}

/// The run whose results are in a directory.
fn read(directory: &Path) -> anyhow::Result<Run> {
    let file = directory.join("results.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// `benches/results/DATE-PROCESSOR`.
fn directory_of(run: &Run) -> PathBuf {
    let results = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
    let part = |range| run.began.get(range).unwrap_or("00");
    let date = format!("{}-{}-{}", part(0..4), part(4..6), part(6..8));
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let processor: String = run.machine.processor.chars().map(plain).collect();
    // "(R)" and the like say nothing.
    let says = |word: &&str| !matches!(*word, "" | "r" | "tm" | "cpu" | "processor");
    let words: Vec<&str> = processor.split('-').filter(says).collect();
    results.join(format!("{date}-{}", words.join("-")))
}
