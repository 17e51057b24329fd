//! Other people's gateways, each with a configuration of its own that does the same work: one
//! worker on the measured core, TLS 1.2 and 1.3 with the ground's material, a client certificate
//! where the path checks one, kept HTTP/1.1 connections to the private server, no access log.

pub mod caddy;
pub mod envoy;
pub mod haproxy;
pub mod nginx;
pub mod traefik;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::load::Asked;
use crate::program::{Cores, Launch, Program};

use super::origin::FILES;
use super::{Checks, Failure, Ground, Stand, find};

/// The command that installs what is missing.
const INSTALL: &str = "benches/prepare";
/// Within it a program that listens must serve, too.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `benches/prepare` has unpacked.
fn installed(program: &str) -> Result<PathBuf, Failure> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    find(program, &[made.join(program)], INSTALL)
}

/// A peer that is to be started.
struct Peer<'a> {
    /// As in the report.
    label: &'a str,
    /// Of its log.
    name: &'a str,
    program: &'a Path,
    words: &'a [&'a str],
    environment: &'a [(&'a str, &'a str)],
    address: SocketAddr,
    checks: Checks,
}

/// Starts it in the ground's directory and waits until it serves: some listen before they know
/// their routes.
fn start(ground: &Ground, peer: &Peer<'_>) -> Result<Stand, Failure> {
    let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let program = Program::start(&Launch {
        name: peer.name,
        program: peer.program,
        words: peer.words.iter().map(|word| word.to_string()).collect(),
        environment: peer.environment.iter().map(own).collect(),
        directory: ground.home(),
        cores: Cores::Measured,
        ready: peer.address,
    })?;
    wait_until_it_serves(ground, peer, &program)?;
    Ok(Stand {
        address: peer.address,
        parts: vec![(peer.label.to_owned(), program)],
        notes: Vec::new(),
    })
}

fn wait_until_it_serves(ground: &Ground, peer: &Peer<'_>, program: &Program) -> anyhow::Result<()> {
    let caller = ground.caller(peer.address, peer.checks)?;
    let (target, bytes) = FILES[0];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tried = caller.closed(Asked { target, bytes }, 1, Duration::from_millis(1));
        if tried.served > 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            let said = program.said();
            bail!("{} does not serve: {:?} {said}", peer.name, tried.failed);
        }
    }
}

/// A name for files and logs of a path, e.g. `nginx-mtls-sigv4`.
fn name(program: &str, checks: Checks) -> String {
    let certificate = if checks.certificate { "-mtls" } else { "-tls" };
    let signature = checks.signature.map_or("", |_| "-sigv4");
    format!("{program}{certificate}{signature}")
}
