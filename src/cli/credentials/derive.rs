//! `credentials derive`: from a store with secrets, one without: only SigV4 signing keys of some
//! days for one region and service. Run where the secrets are; carry the result to the gateway.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::credential::{Credential, CredentialStore, Secret};
use crate::problem::suggestion;
use crate::signature::{derive_key, derive_public};

use super::{Answer, parse_time};

/// What to derive.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The credential store with the secrets
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    /// Whose keys; every SigV4 credential of the store unless given
    #[arg(long, value_name = "ID")]
    credential: Vec<String>,
    /// The region that callers sign for
    #[arg(long)]
    region: String,
    /// The service that callers sign for, such as execute-api
    #[arg(long)]
    service: String,
    /// A time of the first day, such as 2026-01-31T00:00:00Z [default: yesterday]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<UtcTime>,
    /// How many days: each ends at midnight UTC
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Add what verifies SigV4a; it is no secret, and does not end with a day
    #[arg(long)]
    sigv4a: bool,
    /// Where the keys go: a new file, which only its owner can read
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

const DAY: Duration = Duration::from_secs(86_400);

/// Derives and writes.
pub(super) fn run(options: &Options, now: UtcTime) -> anyhow::Result<Answer> {
    let store = match CredentialStore::load(&options.store) {
        Ok(store) => store,
        Err(problems) => return Ok(Err(problems.to_string())),
    };
    let chosen = match choose(&store, options) {
        Ok(chosen) => chosen,
        Err(text) => return Ok(Err(text)),
    };
    let yesterday = UtcTime::from_unix(now.unix().saturating_sub(86_400));
    let first = options.from.unwrap_or(yesterday);
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let room = chosen.len() * (512 + 256 * options.days as usize);
    let mut text = Zeroizing::new(String::with_capacity(room));
    for (credential, secret) in &chosen {
        push(&mut text, credential, secret, first, options)?;
    }
    write(&options.out, &text).with_context(|| options.out.display().to_string())?;
    let last = first.plus(DAY * (options.days - 1));
    Ok(Ok(format!(
        "{}: keys of {} credentials for {} in {}, {} to {}. Put it in the place of the gateway's \
         credential store before the last of these days ends, and reload.",
        options.out.display(),
        chosen.len(),
        options.service,
        options.region,
        day(first),
        day(last),
    )))
}

fn choose<'s>(
    store: &'s CredentialStore,
    options: &Options,
) -> Result<Vec<(&'s Credential, &'s Secret)>, String> {
    let mut all: Vec<_> = store
        .iter()
        .filter_map(|one| Some((one, one.secret_access_key()?)))
        .collect();
    all.sort_by_key(|(credential, _)| &credential.id);
    for id in &options.credential {
        let ids = || all.iter().map(|(credential, _)| credential.id.as_str());
        if !ids().any(|known| known == id) {
            let cure = suggestion(id, ids());
            return Err(format!(
                "{}: there is no SigV4 credential \"{id}\" with a secret{cure}",
                options.store.display()
            ));
        }
    }
    if !options.credential.is_empty() {
        all.retain(|(credential, _)| {
            options
                .credential
                .iter()
                .any(|id| *id == credential.id.as_str())
        });
    }
    match all.is_empty() {
        true => Err(format!(
            "{}: there is no SigV4 credential with a secret",
            options.store.display()
        )),
        false => Ok(all),
    }
}

fn push(
    text: &mut String,
    credential: &Credential,
    secret: &Secret,
    first: UtcTime,
    options: &Options,
) -> anyhow::Result<()> {
    let id = credential.id.as_str();
    writeln!(text, "[[credential]]\nid = \"{id}\"")?;
    let times = [
        ("not_before", credential.not_before),
        ("not_after", credential.not_after),
    ];
    for (key, time) in times {
        if let Some(time) = time {
            writeln!(text, "{key} = {time}")?;
        }
    }
    if options.sigv4a {
        let public = derive_public(secret, id).context("no SigV4a key follows from the secret")?;
        writeln!(text, "sigv4a_public_key = \"{}\"", hex(&public))?;
    }
    text.push_str("signing_keys = [\n");
    for after in 0..options.days {
        let day = day(first.plus(DAY * after));
        let (region, service) = (&options.region, &options.service);
        let key = derive_key(secret, &day, region, service);
        let digits = Zeroizing::new(hex(key.expose()));
        writeln!(
            text,
            "  {{ day = \"{day}\", region = \"{region}\", service = \"{service}\", key = \"{}\" }},",
            *digits
        )?;
    }
    text.push_str("]\n\n");
    Ok(())
}

fn day(time: UtcTime) -> String {
    time.amz()[..8].to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut open = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()
}
