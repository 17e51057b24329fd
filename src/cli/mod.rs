//! The command line: one file a subcommand. Exit codes: 0 good, 1 the thing asked about is
//! wrong, 2 the command was not understood.

mod certificates;
mod check;
mod credentials;
mod demo;
mod provision;
mod recorded;
mod routes;
mod run;
mod sign;
mod upgrade;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::problem::Problems;
use crate::snapshot::{Fetched, Snapshot};

/// A gateway that checks client certificates and request signatures before anything reaches
/// the server behind it.
///
/// Try it: `countersign demo` makes certificates, a credential and a configuration, starts
/// a gateway with them, and prints curl commands to call it with.
#[derive(Parser)]
#[command(name = "countersign", version, max_term_width = 100, after_long_help = MORE)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway. SIGHUP reloads the configuration, SIGUSR2 the program, SIGTERM drains and ends.
    Run(ConfigFile),
    /// Have the gateway that runs hand over to this program, without losing a request.
    Upgrade(upgrade::Options),
    /// Make and run a complete example, with a stand-in for the server behind the gateway.
    Demo(demo::Options),
    /// Check a configuration and every file that it names, without running anything.
    Check(ConfigFile),
    /// List the routes, or explain which one a request takes and what it would meet.
    #[command(subcommand)]
    Routes(routes::Command),
    /// Sign a request as a caller would, and print the headers in curl's form.
    Sign(sign::Options),
    /// Judge a recorded request, and show what its signature is checked against.
    Verify(verify::Options),
    /// Make, list and retire the signing keys of consumers.
    #[command(subcommand)]
    Credentials(credentials::Command),
    /// Explain a caller's certificate; make and rotate those by which upstreams know the gateway.
    #[command(subcommand)]
    Certificates(certificates::Command),
    Provision(provision::Options),
}

const MORE: &str = "\
Exit codes: 0 good, 1 what was asked about is wrong, 2 the command was not understood.

Signals to `countersign run`: SIGHUP reloads the configuration, or keeps the old one when anything \
is wrong with the new; SIGUSR2 starts the program as it is then and hands over to it, or keeps serving when it does not \
start; SIGTERM and SIGINT serve what is in flight and end.

COUNTERSIGN_LOG in the environment filters the log on standard error, in the syntax of Rust's \
tracing: `COUNTERSIGN_LOG=debug`.";

/// Which configuration.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigFile {
    /// The configuration.
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "/etc/countersign/gateway.toml"
    )]
    pub(crate) config: PathBuf,
}

impl Cli {
    /// Does what was asked for; what went wrong is said on standard error.
    pub fn run(&self) -> ExitCode {
        start_log();
        let done = match &self.command {
            Command::Run(file) => run::run(&file.config),
            Command::Upgrade(options) => upgrade::run(options),
            Command::Demo(options) => demo::run(options),
            Command::Check(file) => check::run(&file.config),
            Command::Routes(command) => routes::run(command),
            Command::Sign(options) => sign::run(options),
            Command::Verify(options) => verify::run(options),
            Command::Credentials(command) => credentials::run(command),
            Command::Certificates(command) => certificates::run(command),
            Command::Provision(options) => provision::run(options),
        };
        done.unwrap_or_else(|error| {
            eprintln!("{error:#}");
            ExitCode::from(1)
        })
    }
}

/// The road of `run`, up to where it would serve: everything that `file` names is opened.
fn open(file: &Path) -> Result<Snapshot, Problems> {
    let config = Config::load(file)?;
    let fetched = Fetched::fetch_and_wait(&config)?;
    Snapshot::build(config, fetched, None)
}

/// Operational log on standard error; `COUNTERSIGN_LOG` takes tracing's filter syntax.
/// Pingora logs what callers do wrong as errors of its own; the access log tells it better.
fn start_log() {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,pingora_proxy=off,pingora_core=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
