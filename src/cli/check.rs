//! `countersign check`: the road of `run`, without running.

use std::path::Path;
use std::process::ExitCode;

/// Says that all is well, or everything that is not.
pub(super) fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let snapshot = super::open(file)?;
    let config = snapshot.config();
    println!(
        "{}: good: {} listeners, {} routes, {} consumers",
        file.display(),
        config.listeners.len(),
        config.routes.len(),
        config.consumers.len()
    );
    Ok(ExitCode::SUCCESS)
}
