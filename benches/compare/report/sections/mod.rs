//! The parts of a report, each from a run.

mod conditions;
mod costs;
mod extras;
mod headline;
mod latency;
mod processor;
mod throughput;
mod trust;

pub use latency::typical;
pub use processor::{LOAD, total, total_of};

use super::document::{Document, Section};
use super::text;
use crate::results::Run;

/// The report of a run.
pub fn document(run: &Run) -> Document {
    let sections = [
        throughput::section(run),
        throughput::emulators(run),
        latency::section(run),
        processor::section(run),
        extras::section(run),
        costs::section(run),
        trust::section(run),
        conditions::section(run),
        conditions::configurations(run),
    ];
    let is_filled = |section: &Section| !section.blocks.is_empty();
    Document {
        title: "Countersign beside other ways to a private server".to_owned(),
        subtitle: subtitle(run),
        headline: headline::sentences(run),
        warnings: headline::warnings(run),
        sections: sections.into_iter().filter(is_filled).collect(),
    }
}

fn subtitle(run: &Run) -> String {
    let settings = &run.settings;
    format!(
        "{} · {}, {} cores · {} s a round, {} rounds, {} connections",
        text::day(&run.began),
        run.machine.processor,
        run.machine.cores,
        text::number(settings.seconds),
        settings.rounds,
        settings.connections
    )
}
