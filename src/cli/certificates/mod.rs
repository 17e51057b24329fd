//! `certificates`: what the gateway would make of a caller's, and its own client certificates, by
//! which an upstream knows it.

mod directory;
mod explain;
mod new_client;
mod rotate_client;

use std::path::PathBuf;
use std::process::ExitCode;

/// Explain a caller's certificate; make and rotate those by which upstreams know the gateway
///
/// One directory holds them: `client.pem` and `client.key` are what the gateway shows (`certificate`
/// in `tls` of an `http_proxy`), `next.pem` and `next.key` what it will show, and `accepted.pem` is
/// what an upstream is to accept, each certificate by itself: they are issued by nobody.
///
/// To replace a certificate without a gap: `new-client`, carry `accepted.pem` (and, for nginx,
/// `accepted.map`) to the upstream and reload it, `rotate-client`, reload the gateway, and when
/// that serves `rotate-client --drop-old` and carry them over again.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tell what the gateway would make of a caller's certificate, and why
    ///
    /// Asks whom a handshake asks: the trust store of the door, its lists of revoked certificates
    /// and its responders. The code is 1 when the certificate would not be believed.
    Explain(explain::Options),
    /// Make a client certificate: the first one, or the next
    ///
    /// Self-signed, without extensions, as those that API Gateway generates. An upstream accepts
    /// it by itself, so it vouches for no other. Accepting the one before the current one ends.
    NewClient(new_client::Options),
    /// Make the next client certificate the current one
    ///
    /// The gateway shows it from its next reload on. The one before it stays accepted.
    RotateClient(rotate_client::Options),
}

/// Which directory.
#[derive(Debug, clap::Args)]
struct Place {
    /// The directory of the certificates
    #[arg(long, value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// Runs `command`. The code is 0 when all is well and 1 when there is nothing to rotate or drop.
///
/// # Errors
/// That the command could not do its work.
pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let said = match command {
        Command::Explain(options) => return explain::run(options),
        Command::NewClient(options) => new_client::make(options)?,
        Command::RotateClient(options) => rotate_client::rotate(options)?,
    };
    println!("{said}");
    Ok(ExitCode::SUCCESS)
}
