//! `countersign sign`: signs a request as a caller would.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use http::HeaderMap;

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::{MAX_EXPIRES_SECS, SigV4Algorithm, SigV4Demand};
use crate::credential::Credential;
use crate::signature::{SigningRequest, presign, sign};
use crate::snapshot::Snapshot;

use super::ConfigFile;
use super::routes::parse_url;

/// A request to sign.
///
/// Region, service and profile are those of the policy on the route that the request takes.
/// The headers are printed as curl reads them:
///
///   countersign sign --config gateway.toml GET https://host/path | curl --config - https://host/path
///
/// With --presign the URL is printed, which carries the signature itself.
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
    /// How to sign; without it, the first of the policy's schemes that is here.
    #[arg(long)]
    scheme: Option<Scheme>,
    /// Sign in the query, for so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_EXPIRES_SECS)))]
    presign: Option<u32>,
    /// Leave the body out of the signature.
    #[arg(long, conflicts_with = "body")]
    unsigned_payload: bool,
    /// The method, in capitals.
    method: String,
    /// The URL as it will be sent.
    url: String,
}

/// A way of signing.
#[derive(Clone, Copy, ValueEnum)]
enum Scheme {
    Sigv4,
    Sigv4a,
}

/// Signs, and prints the headers or the URL.
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
    check_taken(&demand, options)?;
    let request = SigningRequest {
        algorithm: algorithm(&demand, options.scheme)?,
        method: &options.method,
        target: &url.target,
        authority: &url.authority,
        headers: &[],
        payload_hash: options.unsigned_payload.then(|| UNSIGNED.to_owned()),
        body: &body,
        profile: demand.profile,
        region: &demand.region,
        service: &demand.service,
        id: credential.id.as_str(),
        secret,
        now: UtcTime::now(),
    };
    match options.presign {
        Some(secs) => {
            let scheme = options.url.split("://").next().unwrap_or_default();
            let target = presign(&request, secs)?;
            println!("{scheme}://{}{target}", url.authority);
        }
        None => {
            for (name, value) in sign(&request)? {
                println!("header = \"{name}: {value}\"");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Signing what the gateway would refuse helps nobody.
fn check_taken(demand: &SigV4Demand, options: &Options) -> anyhow::Result<()> {
    match (options.presign, demand.max_expires_secs) {
        (Some(_), None) => bail!("the policy takes no presigned URLs: it has no max_expires_secs"),
        (Some(secs), Some(max)) if secs > max => {
            bail!("the policy takes presigned URLs for up to {max} seconds");
        }
        _ => {}
    }
    match options.unsigned_payload && !demand.unsigned_payload {
        true => bail!("the policy takes no unsigned payloads: it lacks unsigned_payload = true"),
        false => Ok(()),
    }
}

fn algorithm(demand: &SigV4Demand, scheme: Option<Scheme>) -> anyhow::Result<SigV4Algorithm> {
    let wanted = match scheme {
        None => demand.algorithms.first().copied(),
        Some(Scheme::Sigv4) => Some(SigV4Algorithm::Hmac),
        Some(Scheme::Sigv4a) => Some(SigV4Algorithm::Ecdsa),
    };
    let taken = wanted.filter(|one| demand.algorithms.contains(one));
    taken.context("the policy does not take this scheme")
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
