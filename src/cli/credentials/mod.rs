//! `credentials`: make, list and retire the signing keys of consumers.
//! In: the configuration, which names the store, and the store. Out: the store changed, and what the operator does next.
//! A secret is shown once, when it is made.

mod derive;
mod list;
mod new;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::clock::UtcTime;
use crate::config::Config;
use crate::credential::{self, CredentialStore, EditError};
use crate::problem::suggestion;

/// Make, list and retire the credentials with which consumers sign their requests
///
/// A credential is an id, which is public, and a secret, which only the consumer and the gateway
/// know: an access key id and a secret access key for SigV4, or the secret of an HMAC. They stand in the credential store, a file of its own that
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
        /// What it is for: SigV4 signatures, or an HMAC that a policy describes
        #[arg(long, value_name = "SCHEME", default_value = "sigv4")]
        scheme: Scheme,
        /// Take the secret that the sender dictates from this file, or from standard input (`-`),
        /// instead of drawing one; for `--scheme hmac`
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
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
    /// Make a credential store without secrets: SigV4 signing keys of some days only
    ///
    /// For a gateway that must not hold the secrets. Each key verifies the requests of one day,
    /// region and service, and opens nothing else. Run it where the secrets are, every few days;
    /// carry the new store to the gateway and reload.
    Derive(derive::Options),
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

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// AWS Signature Version 4.
    #[value(name = "sigv4")]
    SigV4,
    /// An HMAC that a policy describes.
    #[value(name = "hmac")]
    Hmac,
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
    match command {
        Command::Derive(options) => derive::run(options, now),
        Command::New {
            config,
            consumer,
            scheme,
            secret_file,
            not_before,
            not_after,
        } => with_store(config, |config, file, store| {
            let wish = new::Wish {
                consumer,
                scheme: *scheme,
                secret_file: secret_file.as_deref(),
                not_before: *not_before,
                not_after: *not_after,
            };
            new::create(config, file, store, &wish, now)
        }),
        Command::List { config, admin } => with_store(config, |config, _, store| {
            let admin = admin.or(config.process.admin);
            Ok(list::list(config, store, admin, now))
        }),
        Command::Retire { config, id } => {
            with_store(config, |_, file, store| retire(file, store, id, now))
        }
    }
}

/// Opens the configuration and the store that it names.
fn with_store(
    config: &Path,
    answer: impl FnOnce(&Config, &Path, &CredentialStore) -> anyhow::Result<Answer>,
) -> anyhow::Result<Answer> {
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
    answer(&config, file, &store)
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

fn parse_time(text: &str) -> Result<UtcTime, String> {
    UtcTime::parse_rfc3339(text)
        .ok_or_else(|| "write a time with its offset, such as 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::credential::{Key, Secret};

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
        new_for(config, consumer, Scheme::SigV4, None)
    }

    fn new_for(
        config: &Path,
        consumer: &str,
        scheme: Scheme,
        secret_file: Option<PathBuf>,
    ) -> Answer {
        let command = Command::New {
            config: config.to_owned(),
            consumer: consumer.to_owned(),
            scheme,
            secret_file,
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
        assert!(said.contains("2 live credentials for sigv4"), "{said}");

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
    fn a_secret_for_hmac_is_drawn_or_taken_as_the_sender_dictates_it() {
        let dir = tempfile::tempdir().unwrap();
        let config = configure(dir.path(), &[]);
        let key = |id: &str| {
            let store = CredentialStore::load(&dir.path().join("credentials.toml")).unwrap();
            store.find(id).unwrap().key.clone()
        };
        let said = new_for(&config, "bank", Scheme::Hmac, None).unwrap();
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!((words[0], words[2], words[3].len()), ("id", "secret", 40));
        assert_eq!(key(words[1]), Key::Hmac(Secret::new(words[3].to_owned())));

        let file = dir.path().join("stripe.secret");
        let dictated = "whsec_0123456789abcdef0123456789";
        std::fs::write(&file, format!("{dictated}\n")).unwrap();
        let import = |scheme| new_for(&config, "bank", scheme, Some(file.clone()));
        let set_mode = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&file, mode).unwrap();
        };
        set_mode(0o644);
        assert!(import(Scheme::Hmac).unwrap_err().contains("chmod 600"));
        set_mode(0o600);
        let said = import(Scheme::Hmac).unwrap();
        let id = said.split_whitespace().nth(1).unwrap();
        assert_eq!(key(id), Key::Hmac(Secret::new(dictated.to_owned())));
        assert!(!said.contains("whsec"), "{said}");
        assert!(import(Scheme::SigV4).unwrap_err().contains("--scheme hmac"));
        for bad in ["", "short", "one-line-of-a-secret-and\nanother-line-of-it"] {
            std::fs::write(&file, bad).unwrap();
            assert!(import(Scheme::Hmac).is_err(), "{bad}");
        }
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
