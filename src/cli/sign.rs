//! `countersign sign`: signs a request as a caller would.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use http::HeaderMap;

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::SigV4Demand;
use crate::credential::Credential;
use crate::signature::{SigningRequest, sign};
use crate::snapshot::Snapshot;

use super::ConfigFile;
use super::routes::parse_url;

/// A request to sign.
///
/// Region, service and profile are those of the policy on the route that the request takes.
/// The headers are printed as curl reads them:
///
///   countersign sign --config gateway.toml GET https://host/path | curl --config - https://host/path
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The credential; needed when the store holds more than one.
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// The body that will be sent.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The method, in capitals.
    method: String,
    /// The URL as it will be sent.
    url: String,
}

/// Signs, and prints the headers.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let snapshot = super::open(&options.file.config)?;
    let credentials = snapshot.authorizer().credentials();
    let credentials = credentials.map(|state| state.credential);
    let credential = choose(credentials, options.credential.as_deref())?;
    let secret = credential.secret_access_key();
    let secret = secret.context("the credential is none for SigV4")?;
    let url = parse_url(&options.url)?;
    let demand = demand(&snapshot, &options.method, &url.authority, &url.target)?;
    let body = match &options.body {
        Some(file) => std::fs::read(file).with_context(|| file.display().to_string())?,
        None => Vec::new(),
    };
    let headers = sign(&SigningRequest {
        method: &options.method,
        target: &url.target,
        authority: &url.authority,
        headers: &[],
        payload_hash: None,
        body: &body,
        profile: demand.profile,
        region: &demand.region,
        service: &demand.service,
        id: credential.id.as_str(),
        secret,
        now: UtcTime::now(),
    })?;
    for (name, value) in headers {
        println!("header = \"{name}: {value}\"");
    }
    Ok(ExitCode::SUCCESS)
}

fn choose<'s>(
    mut all: impl Iterator<Item = &'s Credential>,
    id: Option<&str>,
) -> anyhow::Result<&'s Credential> {
    if let Some(id) = id {
        return all
            .find(|credential| credential.id.as_str() == id)
            .with_context(|| format!("the store has no credential \"{id}\""));
    }
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            bail!("the store is empty; make a credential with `countersign credentials new`")
        }
        _ => bail!("the store has several credentials; choose one with --credential"),
    }
}

fn demand(
    snapshot: &Snapshot,
    method: &str,
    authority: &str,
    target: &str,
) -> anyhow::Result<SigV4Demand> {
    let headers = HeaderMap::new();
    let call = Call::admit(&Parts {
        method,
        target: target.as_bytes(),
        authority: Some(authority),
        headers: &headers,
        ended: true,
    });
    let call = call.map_err(|why| anyhow::anyhow!("this is no request: {}", why.0))?;
    let hit = snapshot.routes().find(&call);
    let hit = hit.map_err(|refusal| anyhow::anyhow!("refused: {}", refusal.message()))?;
    match snapshot.authorizer().policy(&hit).demand.signature() {
        Some(demand) => demand
            .sigv4
            .clone()
            .with_context(|| format!("route \"{}\" takes no SigV4 signature", hit.route().name)),
        _ => bail!("route \"{}\" asks for no signature", hit.route().name),
    }
}
