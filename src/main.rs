//! The `countersign` command.

use std::process::ExitCode;

use clap::Parser as _;
use countersign::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    countersign::tls::install_crypto();
    Cli::parse().run()
}
