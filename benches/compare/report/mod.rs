//! A run as others read it. In: a [`Run`]. Out: files: `results.json` and `results.csv` for
//! programs, `report.md` and `report.html` for people; two runs beside one another as
//! `comparison.md` and `comparison.html`. Measures nothing.

mod comparison;
mod csv;
mod document;
mod families;
mod html;
mod markdown;
mod sections;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::results::Run;

/// Writes the results and the report of a run into a directory, which is made if it is missing.
///
/// # Errors
/// A file cannot be written.
pub fn write(run: &Run, directory: &Path) -> anyhow::Result<()> {
    let document = sections::document(run);
    let json = serde_json::to_string_pretty(run).context("a run as JSON")? + "\n";
    let files = [
        ("results.json", json),
        ("results.csv", csv::lines(run)),
        ("report.md", markdown::page(&document)),
        ("report.html", html::page(&document)),
    ];
    put(directory, &files)
}

/// Writes how the second run differs from the first into a directory, which is made if it is
/// missing.
///
/// # Errors
/// A file cannot be written.
pub fn compare(a: &Run, b: &Run, directory: &Path) -> anyhow::Result<()> {
    let document = comparison::document(a, b);
    let files = [
        ("comparison.md", markdown::page(&document)),
        ("comparison.html", html::page(&document)),
    ];
    put(directory, &files)
}

fn put(directory: &Path, files: &[(&str, String)]) -> anyhow::Result<()> {
    let failed = |file: &Path| format!("{} cannot be written", file.display());
    fs::create_dir_all(directory).with_context(|| failed(directory))?;
    for (name, text) in files {
        let file = directory.join(name);
        fs::write(&file, text).with_context(|| failed(&file))?;
    }
    Ok(())
}
