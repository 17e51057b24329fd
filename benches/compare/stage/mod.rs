//! The paths from a caller to the private server: each part a real program with a configuration of
//! its own. In: the ground that all stand on. Out: a path that is up, or what is missing for it.

pub mod elb;
pub mod emulator;
pub mod gateway;
pub mod ground;
pub mod lambda;
pub mod origin;
pub mod peers;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::checks::{Checks, Scheme};
use crate::program::Program;
use crate::results::Family;

pub use ground::Ground;

/// A path that can be measured.
pub struct PathKind {
    /// As `--only` has it.
    pub name: &'static str,
    /// As a chart writes it.
    pub label: &'static str,
    pub family: Family,
    /// What it asks of a caller.
    pub checks: Checks,
    /// Brings it up.
    pub start: fn(&Ground, Checks) -> Result<Stand, Failure>,
}

/// A path that is up. Its programs end when it is dropped.
pub struct Stand {
    /// Where callers go.
    pub address: SocketAddr,
    /// The programs by their parts: the one that is spoken to comes first.
    pub parts: Vec<(String, Program)>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// Why a path is not up.
#[derive(Debug)]
pub enum Failure {
    /// A program is not installed.
    Missing {
        program: String,
        /// The command that installs it.
        install: String,
    },
    /// It does not start, or does not do what it should.
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing { program, install } => {
                anyhow::anyhow!("{program} is missing: {install}")
            }
            Failure::Broken(error) => error,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.into())
    }
}

/// A program that is installed.
///
/// # Errors
/// None of the places has it; `install` says how to have it.
pub fn find(program: &str, places: &[PathBuf], install: &str) -> Result<PathBuf, Failure> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&search).map(|directory| directory.join(program));
    let mut all = places.iter().cloned().chain(on_path);
    match all.find(|file| file.is_file()) {
        // It will be started in another directory.
        Some(file) => Ok(std::path::absolute(file)?),
        None => Err(Failure::Missing {
            program: program.to_owned(),
            install: install.to_owned(),
        }),
    }
}

use peers::{caddy, envoy, haproxy, nginx, traefik};

const T: Checks = Checks::TLS;
const G: Checks = Checks::CERTIFICATE;

/// Every path, in the order in which they are drawn.
#[rustfmt::skip] // A table.
pub const ALL: &[PathKind] = &[
    PathKind { name: "direct", label: "nginx, nothing before it", family: Family::Baseline, checks: Checks::NONE, start: origin::direct },
    PathKind { name: "elb", label: "HAProxy → nginx", family: Family::Baseline, checks: Checks::NONE, start: elb::start },
    PathKind { name: "gateway-plain", label: "Countersign", family: Family::Gateway, checks: Checks::NONE, start: gateway::start },
    PathKind { name: "gateway-tls", label: "Countersign, TLS", family: Family::Gateway, checks: Checks::TLS, start: gateway::start },
    PathKind { name: "gateway-mtls", label: "Countersign, certificate", family: Family::Gateway, checks: G, start: gateway::start },
    PathKind { name: "gateway-mtls-sigv4", label: "Countersign, certificate + SigV4", family: Family::Gateway, checks: G.and(Scheme::SigV4), start: gateway::start },
    PathKind { name: "gateway-mtls-rfc9421", label: "Countersign, certificate + RFC 9421", family: Family::Gateway, checks: G.and(Scheme::Rfc9421), start: gateway::start },
    PathKind { name: "nginx-tls", label: "nginx, TLS", family: Family::Peer, checks: T, start: nginx::start },
    PathKind { name: "nginx-mtls", label: "nginx, certificate", family: Family::Peer, checks: G, start: nginx::start },
    PathKind { name: "njs-mtls-sigv4", label: "nginx + njs, certificate + SigV4", family: Family::Peer, checks: G.and(Scheme::SigV4), start: nginx::start_njs },
    PathKind { name: "haproxy-tls", label: "HAProxy, TLS", family: Family::Peer, checks: T, start: haproxy::start },
    PathKind { name: "haproxy-mtls", label: "HAProxy, certificate", family: Family::Peer, checks: G, start: haproxy::start },
    PathKind { name: "envoy-tls", label: "Envoy, TLS", family: Family::Peer, checks: T, start: envoy::start },
    PathKind { name: "envoy-mtls", label: "Envoy, certificate", family: Family::Peer, checks: G, start: envoy::start },
    PathKind { name: "caddy-tls", label: "Caddy, TLS", family: Family::Peer, checks: T, start: caddy::start },
    PathKind { name: "caddy-mtls", label: "Caddy, certificate", family: Family::Peer, checks: G, start: caddy::start },
    PathKind { name: "traefik-tls", label: "Traefik, TLS", family: Family::Peer, checks: T, start: traefik::start },
    PathKind { name: "traefik-mtls", label: "Traefik, certificate", family: Family::Peer, checks: G, start: traefik::start },
    PathKind { name: "lambda-128", label: "Countersign, certificate → Lambda, 128 MB", family: Family::Lambda, checks: G, start: lambda::start_128 },
    PathKind { name: "lambda-512", label: "Countersign, certificate → Lambda, 512 MB", family: Family::Lambda, checks: G, start: lambda::start_512 },
    PathKind { name: "lambda-1024", label: "Countersign, certificate → Lambda, 1,024 MB", family: Family::Lambda, checks: G, start: lambda::start_1024 },
    PathKind { name: "emulated-apigw-http", label: "serverless-offline (an emulator), HTTP_PROXY", family: Family::Emulator, checks: Checks::NONE, start: emulator::start_http },
    PathKind { name: "emulated-apigw-lambda", label: "serverless-offline (an emulator), Lambda", family: Family::Emulator, checks: Checks::NONE, start: emulator::start_lambda },
];
