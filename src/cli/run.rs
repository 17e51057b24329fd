//! `countersign run`.

use std::path::Path;
use std::process::ExitCode;

use crate::server;

/// Runs the gateway until a signal ends it.
pub(super) fn run(config: &Path) -> anyhow::Result<ExitCode> {
    server::run(config, |started| {
        if let Some(admin) = started.admin {
            tracing::info!(address = %admin, "The admin listener is open.");
        }
        tracing::info!("Ready.");
    })?;
    Ok(ExitCode::SUCCESS)
}
