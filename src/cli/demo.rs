//! `countersign demo`: a whole example, made and run.

mod material;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::server;

/// What to make and where to run it.
///
/// Everything is kept in one directory and used again the next time; delete the directory to
/// start afresh. Nothing in it is fit for more than trying things out.
#[derive(Args)]
pub(super) struct Options {
    /// Where certificates, credential and configuration are kept.
    #[arg(long, value_name = "DIRECTORY", default_value = "demo")]
    directory: PathBuf,
    /// Where the gateway listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where metrics and health are.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// Where the stand-in for the private server listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    origin: SocketAddr,
    /// A server of your own to stand behind the gateway, instead of the stand-in.
    #[arg(long, value_name = "URL", conflicts_with = "origin")]
    upstream: Option<String>,
}

/// Makes what is missing, starts the stand-in and runs the gateway.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let target = match &options.upstream {
        Some(url) => target_of(url)?,
        None => options.origin.to_string(),
    };
    free(options.listen, "--listen")?;
    free(options.admin, "--admin")?;
    let made = material::make(&options.directory, options.listen, options.admin, &target)
        .with_context(|| format!("{} cannot be furnished", options.directory.display()))?;
    if options.upstream.is_none() {
        free(options.origin, "--origin")?;
        server::origin::start(options.origin, &made.files).with_context(|| {
            format!(
                "the stand-in cannot listen on {}; choose another address with --origin",
                options.origin
            )
        })?;
    }
    let file = options.directory.join("gateway.toml");
    server::run(&file, |_| guide(options, &made))?;
    Ok(ExitCode::SUCCESS)
}

/// A taken port is said before anything is made, with the flag that helps.
fn free(address: SocketAddr, flag: &str) -> anyhow::Result<()> {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(e) => bail!("{address}: {e}; choose another address with {flag}"),
    }
}

fn target_of(url: &str) -> anyhow::Result<String> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("--upstream {url}: the demo speaks plain HTTP to its upstream: http://host[:port]");
    };
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains('/') {
        bail!("--upstream {url}: give host and port only; paths are passed on as they come");
    }
    match authority.contains(':') {
        true => Ok(authority.to_owned()),
        false => Ok(format!("{authority}:80")),
    }
}

fn guide(options: &Options, made: &material::Made) {
    let directory = options.directory.display();
    let url = format!("https://localhost:{}", options.listen.port());
    let trust = format!("curl --cacert {directory}/tls/ca.pem");
    let certificate = format!("--cert {directory}/tls/client.pem --key {directory}/tls/client.key");
    let sigv4 = format!(
        "--aws-sigv4 aws:amz:{}:{} --user {}:{}",
        material::REGION,
        material::SERVICE,
        made.id,
        made.secret
    );
    let program = std::env::current_exe().unwrap_or_else(|_| Path::new("countersign").to_owned());
    let program = program.display();
    let file = "child/random.txt";
    println!(
        "\
The gateway listens on https://{listen}; its metrics are on http://{admin}/metrics.
Ctrl-C ends it. Try, in another terminal:

# no certificate: 403 certificate_required
{trust} -i {url}/{file}

# a certificate, but no signature: 401 signature_required
{trust} {certificate} -i {url}/{file}

# certificate and signature: 200
{trust} {certificate} {sigv4} -i {url}/{file}

# a signature for one path, sent with another: 403 signature_mismatch
{program} sign --config {directory}/gateway.toml GET {url}/{file} | {trust} {certificate} --config - -i {url}/child/grandchild/random.txt
",
        listen = options.listen,
        admin = options.admin,
    );
}
