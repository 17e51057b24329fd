//! `countersign routes`: what the gateway would do with a request.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use http::{HeaderMap, Uri};

use crate::bundle::read_bundle;
use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::{Config, Route, RouteMethods};
use crate::flow::explain::{Showing, explain};
use crate::identity::Identity;
use crate::signature::KnownBody;

use super::ConfigFile;

/// What to say of the routes.
#[derive(Subcommand)]
pub(super) enum Command {
    /// List the routes with their policies and integrations.
    List(ConfigFile),
    /// Say which route a request takes, what its policy demands, and what would come of it.
    ///
    /// Exits with 1 when the request would be refused whatever its signature.
    Explain(Request),
}

/// A request to explain.
#[derive(Args)]
pub(super) struct Request {
    #[command(flatten)]
    file: ConfigFile,
    /// The method, in capitals.
    method: String,
    /// The URL: `https://gateway.example/child/random.txt`.
    url: String,
    /// A client certificate (PEM) that the caller would show.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

/// Lists or explains.
pub(super) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(file) => {
            let config = Config::load(&file.config)?;
            list(&config);
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain(request) => explain_request(request),
    }
}

fn list(config: &Config) {
    let row = |route: &Route| {
        [
            methods(&route.methods),
            route.host.clone().unwrap_or_else(|| "*".to_owned()),
            route.path.to_string(),
            route.policy.to_string(),
            route.integration.to_string(),
        ]
    };
    let head = ["METHOD", "HOST", "PATH", "POLICY", "INTEGRATION"].map(str::to_owned);
    let rows: Vec<_> = [head]
        .into_iter()
        .chain(config.routes.iter().map(row))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    for row in &rows {
        let cells = row.iter().enumerate();
        let padded = cells.map(|(column, cell)| format!("{cell:<0$}", width(column)));
        let line: Vec<String> = padded.collect();
        println!("{}", line.join("  ").trim_end());
    }
}

fn methods(methods: &RouteMethods) -> String {
    match methods {
        RouteMethods::Any => "ANY".to_owned(),
        RouteMethods::Some(some) => {
            let names: Vec<&str> = some.iter().map(|method| method.as_str()).collect();
            names.join(",")
        }
    }
}

fn explain_request(request: &Request) -> anyhow::Result<ExitCode> {
    let snapshot = super::open(&request.file.config)?;
    let identity = identity(request.certificate.as_deref())?;
    let url = parse_url(&request.url)?;
    let headers = HeaderMap::new();
    let call = Call::admit(&Parts {
        method: &request.method,
        target: url.target.as_bytes(),
        authority: Some(&url.authority),
        headers: &headers,
        ended: true,
    });
    let call = match call {
        Ok(call) => call,
        Err(why) => bail!("refused: 400 malformed_request: {}", why.0),
    };
    let showing = Showing {
        identity: identity.as_ref(),
        secure: true,
        body: KnownBody::Empty,
        now: UtcTime::now(),
    };
    let explanation = explain(&snapshot, &call, &showing);
    print!("{}", explanation.text);
    Ok(ExitCode::from(u8::from(!explanation.served)))
}

/// Whom a certificate file is about.
pub(super) fn identity(file: Option<&Path>) -> anyhow::Result<Option<Identity>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let chain = read_bundle(file).map_err(anyhow::Error::msg)?;
    let identity = Identity::parse(&chain[0]).with_context(|| file.display().to_string())?;
    Ok(Some(identity))
}

/// A URL in the parts that a request has.
pub(super) struct Url {
    pub(super) authority: String,
    pub(super) target: String,
}

/// Takes a URL apart without changing a byte of its path: what is sent is what is meant.
pub(super) fn parse_url(url: &str) -> anyhow::Result<Url> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let rest = rest.with_context(|| format!("{url}: write the whole URL, https://host/path"))?;
    let (authority, target) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    authority
        .parse::<Uri>()
        .with_context(|| format!("{url}: has no host"))?;
    let slash = if target.starts_with('?') { "/" } else { "" };
    Ok(Url {
        authority: authority.to_owned(),
        target: format!("{slash}{target}"),
    })
}
