//! `countersign sign`: signs a request as a caller would, in the scheme that its route's policy
//! takes. In: a method, a URL and what else will be sent. Out: what curl is to send, on standard
//! output. Each scheme has a file of its own.

mod aws;
mod hmac;
mod message;
mod scheme;
mod sts;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::{MAX_EXPIRES_SECS, SignatureDemand};
use crate::credential::Credential;
use crate::key::Algorithm;
use crate::snapshot::Snapshot;

use super::ConfigFile;
use super::routes::parse_url;

use scheme::Scheme;

/// A request to sign.
///
/// How it is signed is what the policy on the route demands that the request takes. The headers
/// are printed as curl reads them:
///
///   countersign sign --config gateway.toml GET https://host/path | curl --config - https://host/path
///
/// A body is sent with `--data-binary @FILE`, the same that --body names, and every header that
/// is signed is printed, too. With --presign the URL is printed, which carries the signature
/// itself.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The credential; needed when the store holds more than one that could sign.
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// The private key (PEM or JWK) or the shared secret, in a file that only you can read; for
    /// rfc9421, whose private keys the gateway does not have.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The key's algorithm, such as rsa-pss-sha512, unless it is the credential's; for rfc9421.
    #[arg(long, value_name = "NAME", requires = "key")]
    algorithm: Option<Algorithm>,
    /// The body that will be sent.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header that will be sent, to be signed as well: 'Name: value'. May be given again.
    #[arg(long = "header", value_name = "HEADER", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// How to sign; without it, the first of the policy's schemes for which there is a key.
    #[arg(long)]
    scheme: Option<Scheme>,
    /// Sign in the query, for so many seconds; for sigv4 and sigv4a.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_EXPIRES_SECS)))]
    presign: Option<u32>,
    /// Leave the body out of the signature; for sigv4 and sigv4a.
    #[arg(long, conflicts_with = "body")]
    unsigned_payload: bool,
    /// The method, in capitals.
    method: String,
    /// The URL as it will be sent.
    url: String,
}

/// A request as it will be sent, and who signs it how.
struct Request<'a> {
    options: &'a Options,
    snapshot: &'a Snapshot,
    demand: &'a SignatureDemand,
    secure: bool,
    authority: &'a str,
    target: &'a str,
    body: &'a [u8],
    now: UtcTime,
}

/// What is to be sent.
enum Signed {
    /// These fields beside those that were given.
    Headers(Vec<(String, String)>),
    /// This URL.
    Url(String),
}

/// Signs, and prints the headers or the URL.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let snapshot = super::open(&options.file.config)?;
    let url = parse_url(&options.url)?;
    let secure = options.url.starts_with("https://");
    let authority = as_sent(&url.authority, secure);
    let demand = demand(&snapshot, &options.method, authority, &url.target)?;
    let body = match &options.body {
        Some(file) => std::fs::read(file).with_context(|| file.display().to_string())?,
        None => Vec::new(),
    };
    let request = Request {
        options,
        snapshot: &snapshot,
        demand: &demand,
        secure,
        authority,
        target: &url.target,
        body: &body,
        now: UtcTime::now(),
    };
    match scheme::sign(&request)? {
        Signed::Url(url) => println!("{url}"),
        Signed::Headers(added) => {
            for (name, value) in options.headers.iter().chain(&added) {
                println!("header = \"{name}: {}\"", escaped(value));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl<'a> Request<'a> {
    /// The credential that was named, or else the only one that `fits`.
    fn credential(&self, fits: impl Fn(&Credential) -> bool) -> anyhow::Result<&'a Credential> {
        if let Some(named) = self.named()? {
            return Ok(named);
        }
        let mut all = self.credentials().filter(|credential| fits(credential));
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => bail!(
                "the store has no credential for this; make one with `countersign credentials new`"
            ),
            _ => bail!("the store has several credentials; choose one with --credential"),
        }
    }

    /// The credential that was named.
    fn named(&self) -> anyhow::Result<Option<&'a Credential>> {
        let Some(id) = self.options.credential.as_deref() else {
            return Ok(None);
        };
        let found = self.credentials().find(|found| found.id.as_str() == id);
        let found = found.with_context(|| format!("the store has no credential \"{id}\""))?;
        Ok(Some(found))
    }

    fn credentials(&self) -> impl Iterator<Item = &'a Credential> + use<'a> {
        let all = self.snapshot.authorizer().credentials();
        all.map(|state| state.credential)
    }
}

/// How a signature must be made on the route that the request takes.
fn demand(
    snapshot: &Snapshot,
    method: &str,
    authority: &str,
    target: &str,
) -> anyhow::Result<SignatureDemand> {
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
    let demand = snapshot.authorizer().policy(&hit).demand.signature();
    demand
        .cloned()
        .with_context(|| format!("route \"{}\" asks for no signature", hit.route().name))
}

/// The authority as clients write it: without the port that is the scheme's own.
fn as_sent(authority: &str, secure: bool) -> &str {
    let own = if secure { ":443" } else { ":80" };
    authority.strip_suffix(own).unwrap_or(authority)
}

/// `Name: value`; the name in lower case, as schemes that name fields have it.
fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write 'Name: value'")?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the name is no token")?;
    let value = value.trim_matches([' ', '\t']);
    let printable = HeaderValue::from_str(value).is_ok_and(|value| value.to_str().is_ok());
    match () {
        () if name == HOST => Err("the host is the URL's".to_owned()),
        () if value.is_empty() => Err("curl sends no header without a value".to_owned()),
        () if !printable => Err("the value is not of printable ASCII characters".to_owned()),
        () => Ok((name.as_str().to_owned(), value.to_owned())),
    }
}

/// A text within quotes in curl's configuration.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}
