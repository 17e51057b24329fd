//! `credentials`: make, list and retire the signing keys of consumers.
//! In: the configuration, which names the store, and the store. Out: the store changed, and what the operator does next.
//! A secret is shown once, when it is made.

mod list;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::config::{Config, Consumer};
use crate::credential::{self, Credential, CredentialStore, EditError, MAX_LIVE, Secret};
use crate::names::CredentialId;
use crate::problem::suggestion;

/// Make, list and retire the credentials with which consumers sign their requests
///
/// A credential is an access key id, which is public, and a secret access key, which only the
/// consumer and the gateway know. They stand in the credential store, a file of its own that
/// only its owner may read; `credential_store` in `[gateway]` names it. A `[[consumer]]` lists the
/// ids of its credentials.
///
/// To replace a credential without a gap: `new`, add the id to the consumer, reload, hand the
/// credential over, wait until the consumer uses it, then `retire` the old one and reload.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a credential for a consumer and show its secret, once
    ///
    /// The credential is added to the credential store, which is created when it is not there.
    /// It works once its id is in the consumer's `credentials` and the gateway has reloaded.
    /// A consumer has at most two live credentials: the old one and the one that replaces it.
    New {
        /// The configuration of the gateway
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The `[[consumer]]` that will sign with it; write `credentials = []` for its first one
        #[arg(long, value_name = "NAME")]
        consumer: String,
        /// The first second at which it is good, such as 2026-01-31T12:00:00Z [default: at once]
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        not_before: Option<UtcTime>,
        /// The last second at which it is good, such as 2027-01-31T12:00:00Z [default: no end]
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        not_after: Option<UtcTime>,
    },
    /// List the credentials with their consumers and times, without their secrets
    ///
    /// When the gateway runs, its admin listener is asked how often and when each was used since
    /// it started. Ends with 1 when a consumer names a credential that is not there, or has more
    /// than two live ones: the gateway would refuse such a configuration.
    List {
        /// The configuration of the gateway
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Where the gateway's admin listener is [default: where the configuration has it]
        #[arg(long, value_name = "ADDRESS")]
        admin: Option<SocketAddr>,
    },
    /// End a credential now
    ///
    /// Writes `not_after` into the credential store. The gateway goes on taking the credential
    /// until it reloads. The credential stays in the store: remove it there and in the
    /// consumer's list whenever you like.
    Retire {
        /// The configuration of the gateway
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The credential's id
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// What the command has to say: to standard output when all is well, else to standard error.
type Answer = Result<String, String>;

/// Runs `command`. The code is 0 when all is well and 1 when what was asked about is wrong.
///
/// # Errors
/// That the command could not do its work.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match answer(command, UtcTime::now())? {
        Ok(text) => {
            println!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(text) => {
            eprintln!("{text}");
            Ok(ExitCode::from(1))
        }
    }
}

fn answer(command: &Command, now: UtcTime) -> anyhow::Result<Answer> {
    let (Command::New { config, .. }
    | Command::List { config, .. }
    | Command::Retire { config, .. }) = command;
    let config = match Config::load(config) {
        Ok(config) => config,
        Err(problems) => return Ok(Err(problems.to_string())),
    };
    let Some(file) = config.process.credential_store.as_deref() else {
        return Ok(Err(format!(
            "{}: there is no credential store; write credential_store = \"credentials.toml\" in [gateway]",
            config.file.display()
        )));
    };
    // The first credential makes the store.
    let store = match file.exists() {
        false => CredentialStore::default(),
        true => match CredentialStore::load(file) {
            Ok(store) => store,
            Err(problems) => return Ok(Err(problems.to_string())),
        },
    };
    match command {
        Command::New {
            consumer,
            not_before,
            not_after,
            ..
        } => {
            let times = (*not_before, *not_after);
            create(&config, file, &store, consumer, times, now)
        }
        Command::List { admin, .. } => Ok(list::list(
            &config,
            &store,
            admin.or(config.process.admin),
            now,
        )),
        Command::Retire { id, .. } => retire(file, &store, id, now),
    }
}

fn create(
    config: &Config,
    file: &Path,
    store: &CredentialStore,
    consumer: &str,
    (not_before, not_after): (Option<UtcTime>, Option<UtcTime>),
    now: UtcTime,
) -> anyhow::Result<Answer> {
    let consumer = match find_consumer(config, consumer) {
        Ok(consumer) => consumer,
        Err(text) => return Ok(Err(text)),
    };
    if let Err(text) = check_room(consumer, store, now) {
        return Ok(Err(text));
    }
    if not_after.is_some_and(|end| end < now || not_before.is_some_and(|start| end < start)) {
        let text = "the credential would never be good: --not-after is over already, or before --not-before";
        return Ok(Err(text.to_owned()));
    }
    let secret = draw_secret()?;
    let credential = Credential {
        not_before,
        not_after,
        ..Credential::aws(&draw_id()?, secret.clone())
    };
    Ok(wrong_or(credential::append(file, &credential))?
        .map(|()| introduce(config, consumer, &credential, &secret)))
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

fn check_room(consumer: &Consumer, store: &CredentialStore, now: UtcTime) -> Result<(), String> {
    let live: Vec<&str> = consumer
        .credentials
        .iter()
        .filter(|id| store.find(id.as_str()).is_some_and(|c| c.is_live(now)))
        .map(CredentialId::as_str)
        .collect();
    if live.len() < MAX_LIVE {
        return Ok(());
    }
    Err(format!(
        "consumer \"{}\" has {} live credentials ({}); retire one first",
        consumer.name,
        live.len(),
        live.join(", ")
    ))
}

fn introduce(
    config: &Config,
    consumer: &Consumer,
    credential: &Credential,
    secret: &Secret,
) -> String {
    let ids: Vec<String> = consumer
        .credentials
        .iter()
        .chain([&credential.id])
        .map(|id| format!("\"{id}\""))
        .collect();
    format!(
        "access key id      {}\nsecret access key  {}\n\nThe secret is not shown again. Put this line into consumer \"{}\" of {} and reload:\n\n    credentials = [{}]",
        credential.id,
        secret.expose(),
        consumer.name,
        config.file.display(),
        ids.join(", ")
    )
}

fn retire(file: &Path, store: &CredentialStore, id: &str, now: UtcTime) -> anyhow::Result<Answer> {
    if store.find(id).is_none() {
        let ids = store.iter().map(|credential| credential.id.as_str());
        let cure = suggestion(id, ids);
        return Ok(Err(format!(
            "{}: there is no credential \"{id}\"{cure}",
            file.display()
        )));
    }
    Ok(wrong_or(credential::retire(file, id, now))?.map(|()| {
        format!("Credential \"{id}\" ends at {now}. The gateway refuses it once it has reloaded.")
    }))
}

/// Tells what is wrong with the store from what keeps the command from its work.
fn wrong_or(edited: Result<(), EditError>) -> anyhow::Result<Result<(), String>> {
    match edited {
        Err(error @ (EditError::Write(..) | EditError::Busy(_))) => Err(error.into()),
        edited => Ok(edited.map_err(|error| error.to_string())),
    }
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

fn parse_time(text: &str) -> Result<UtcTime, String> {
    UtcTime::parse_rfc3339(text)
        .ok_or_else(|| "write a time with its offset, such as 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        gateway.credential_store = "credentials.toml"
        [[listener]]
        name = "main"
        address = "127.0.0.1:0"
        [[integration]]
        name = "hello"
        type = "mock"
        [[route]]
        path = "/"
        method = "GET"
        policy = "open"
        integration = "hello"
        [[consumer]]
        name = "bank"
        credentials = [IDS]
    "#;

    fn now() -> UtcTime {
        UtcTime::from_unix(1_800_000_000)
    }

    /// Writes the configuration with `ids` for the consumer.
    fn configure(dir: &Path, ids: &[String]) -> PathBuf {
        let file = dir.join("gateway.toml");
        let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        std::fs::write(&file, CONFIG.replace("IDS", &ids.join(", "))).unwrap();
        file
    }

    fn new(config: &Path, consumer: &str) -> Answer {
        let command = Command::New {
            config: config.to_owned(),
            consumer: consumer.to_owned(),
            not_before: None,
            not_after: None,
        };
        answer(&command, now()).unwrap()
    }

    fn retire(config: &Path, id: &str, now: UtcTime) -> Answer {
        let (config, id) = (config.to_owned(), id.to_owned());
        answer(&Command::Retire { config, id }, now).unwrap()
    }

    fn id_in(text: &str) -> String {
        text.split_whitespace().nth(3).unwrap().to_owned()
    }

    #[test]
    fn a_consumer_gets_two_credentials_and_a_third_once_one_is_retired() {
        let dir = tempfile::tempdir().unwrap();
        let config = configure(dir.path(), &[]);
        let mut ids = Vec::new();
        for _ in 0..2 {
            let said = new(&config, "bank").unwrap();
            ids.push(id_in(&said));
            configure(dir.path(), &ids);
        }
        let said = new(&config, "bank").unwrap_err();
        assert!(said.contains("2 live credentials"), "{said}");

        retire(&config, &ids[0], now()).unwrap();
        new(&config, "bank").unwrap();
    }

    #[test]
    fn a_secret_has_forty_characters_and_is_shown_once() {
        let dir = tempfile::tempdir().unwrap();
        let config = configure(dir.path(), &[]);
        let said = new(&config, "bank").unwrap();
        let (id, secret) = (id_in(&said), said.split_whitespace().nth(7).unwrap());
        assert_eq!((id.len(), &id[..2], secret.len()), (20, "CS", 40));
        configure(dir.path(), std::slice::from_ref(&id));
        let listed = answer(
            &Command::List {
                config,
                admin: None,
            },
            now(),
        )
        .unwrap()
        .unwrap();
        assert!(listed.contains(&id) && listed.contains("live"), "{listed}");
        assert!(!listed.contains(secret));
    }

    #[test]
    fn what_is_not_there_is_said_with_what_was_perhaps_meant() {
        let dir = tempfile::tempdir().unwrap();
        let config = configure(dir.path(), &["CSGONE".to_owned()]);
        let said = new(&config, "bnak").unwrap_err();
        assert!(said.ends_with("did you mean \"bank\"?"), "{said}");
        assert!(retire(&config, "CSGONE", now()).is_err());
        let listed = answer(
            &Command::List {
                config,
                admin: None,
            },
            now(),
        )
        .unwrap();
        assert!(listed.unwrap_err().contains("CSGONE"));
    }
}
