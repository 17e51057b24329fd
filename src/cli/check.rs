//! `countersign check`: the road of `run`, without running.

use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::snapshot::Snapshot;

/// Says that all is well, or everything that is not.
pub(super) fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(file)?;
    Snapshot::build(&config, None)?;
    println!(
        "{}: good: {} listeners, {} routes, {} consumers",
        file.display(),
        config.listeners.len(),
        config.routes.len(),
        config.consumers.len()
    );
    Ok(ExitCode::SUCCESS)
}
