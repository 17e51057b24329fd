//! `countersign credentials`.
use clap::Subcommand;
use std::process::ExitCode;
/// x
#[derive(Subcommand)]
pub(super) enum Command {
    /// List
    List,
}
/// x
pub(super) fn run(_c: &Command) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
