//! `credentials new`: a credential for a consumer, with a secret that is drawn here or that a
//! sender dictates. In: what is wished and the store. Out: the store with one credential more.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::config::{Config, Consumer};
use crate::credential::{self, Credential, CredentialStore, Key, MAX_LIVE, Secret};
use crate::names::CredentialId;
use crate::private_file;
use crate::problem::suggestion;

use super::{Answer, Scheme, wrong_or};

/// Longer than any secret that a sender gives out.
const MAX_SECRET_BYTES: usize = 4096;

/// The credential that is to be made.
pub(super) struct Wish<'a> {
    pub(super) consumer: &'a str,
    pub(super) scheme: Scheme,
    /// Where the secret is; `None` when it is to be drawn.
    pub(super) secret_file: Option<&'a Path>,
    pub(super) not_before: Option<UtcTime>,
    pub(super) not_after: Option<UtcTime>,
}

/// Makes it, and says what the operator does next.
pub(super) fn create(
    config: &Config,
    file: &Path,
    store: &CredentialStore,
    wish: &Wish<'_>,
    now: UtcTime,
) -> anyhow::Result<Answer> {
    let Wish {
        not_before,
        not_after,
        ..
    } = *wish;
    let consumer = match find_consumer(config, wish.consumer) {
        Ok(consumer) => consumer,
        Err(text) => return Ok(Err(text)),
    };
    if not_after.is_some_and(|end| end < now || not_before.is_some_and(|start| end < start)) {
        let text = "the credential would never be good: --not-after is over already, or before --not-before";
        return Ok(Err(text.to_owned()));
    }
    let secret = match (wish.secret_file, wish.scheme) {
        (None, _) => draw_secret()?,
        (Some(_), Scheme::SigV4) => {
            let text = "--secret-file is for --scheme hmac: a secret access key is drawn here";
            return Ok(Err(text.to_owned()));
        }
        (Some(path), Scheme::Hmac) => match import_secret(path)? {
            Ok(secret) => secret,
            Err(text) => return Ok(Err(text)),
        },
    };
    let id = draw_id()?;
    let credential = Credential {
        not_before,
        not_after,
        ..match wish.scheme {
            Scheme::SigV4 => Credential::aws(&id, secret.clone()),
            Scheme::Hmac => Credential::hmac(&id, secret.clone()),
        }
    };
    if let Err(text) = check_room(consumer, store, &credential, now) {
        return Ok(Err(text));
    }
    let shown = wish.secret_file.is_none().then_some(&secret);
    Ok(wrong_or(credential::append(file, &credential))?
        .map(|()| introduce(config, consumer, &credential, shown)))
}

/// The secret that a sender dictates, without the line break behind it. A file must be private,
/// as the credential store must.
fn import_secret(path: &Path) -> anyhow::Result<Result<Secret, String>> {
    let text = match path.as_os_str() == "-" {
        false => match private_file::read(path) {
            Ok(text) => text,
            Err(problems) => return Ok(Err(problems.to_string())),
        },
        true => {
            let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET_BYTES + 2));
            let mut input = std::io::stdin().take(MAX_SECRET_BYTES as u64 + 2);
            input
                .read_to_string(&mut text)
                .context("cannot read the secret from standard input")?;
            text
        }
    };
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || secret.len() > MAX_SECRET_BYTES || secret.contains(char::is_control) {
        let path = path.display();
        return Ok(Err(format!(
            "{path}: the secret must be one line of 1 to {MAX_SECRET_BYTES} bytes"
        )));
    }
    Ok(Ok(Secret::new(secret.to_owned())))
}

fn find_consumer<'c>(config: &'c Config, name: &str) -> Result<&'c Consumer, String> {
    let found = config.consumers.iter().find(|c| c.name.as_str() == name);
    found.ok_or_else(|| {
        let names = config.consumers.iter().map(|c| c.name.as_str());
        format!(
            "{}: there is no consumer \"{name}\"{}",
            config.file.display(),
            suggestion(name, names)
        )
    })
}

fn check_room(
    consumer: &Consumer,
    store: &CredentialStore,
    new: &Credential,
    now: UtcTime,
) -> Result<(), String> {
    let is_like = |other: &Credential| other.key.scheme() == new.key.scheme();
    let live: Vec<&str> = consumer
        .credentials
        .iter()
        .filter(|id| {
            let found = store.find(id.as_str());
            found.is_some_and(|found| found.is_live(now) && is_like(found))
        })
        .map(CredentialId::as_str)
        .collect();
    if live.len() < MAX_LIVE {
        return Ok(());
    }
    Err(format!(
        "consumer \"{}\" has {} live credentials for {} ({}); retire one first",
        consumer.name,
        live.len(),
        new.key.scheme(),
        live.join(", ")
    ))
}

/// What the operator does next; with the secret, unless the sender has it already.
fn introduce(
    config: &Config,
    consumer: &Consumer,
    credential: &Credential,
    secret: Option<&Secret>,
) -> String {
    let ids: Vec<String> = consumer
        .credentials
        .iter()
        .chain([&credential.id])
        .map(|id| format!("\"{id}\""))
        .collect();
    let (id, is_aws) = (&credential.id, matches!(credential.key, Key::Aws(_)));
    let (id_name, secret_name) = match is_aws {
        true => ("access key id    ", "secret access key"),
        false => ("id    ", "secret"),
    };
    let shown = match secret {
        Some(secret) => format!(
            "{secret_name}  {}\n\nThe secret is not shown again. ",
            secret.expose()
        ),
        None => "\n".to_owned(),
    };
    let policy = match is_aws {
        true => "",
        false => "\n\nand its id into \"credentials\" of \"hmac\" in the policy.",
    };
    format!(
        "{id_name}  {id}\n{shown}Put this line into consumer \"{}\" of {} and reload:\n\n    credentials = [{}]{policy}",
        consumer.name,
        config.file.display(),
        ids.join(", ")
    )
}

/// 90 random bits behind "CS".
fn draw_id() -> anyhow::Result<String> {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut drawn = [0; 18];
    aws_lc_rs::rand::fill(&mut drawn).context("cannot draw random bytes")?;
    let digits = drawn
        .iter()
        .map(|byte| char::from(BASE32[usize::from(byte & 31)]));
    Ok("CS".chars().chain(digits).collect())
}

/// 240 random bits in 40 characters.
fn draw_secret() -> anyhow::Result<Secret> {
    let mut drawn = Zeroizing::new([0; 30]);
    aws_lc_rs::rand::fill(&mut *drawn).context("cannot draw random bytes")?;
    Ok(Secret::new(STANDARD.encode(drawn.as_slice())))
}
