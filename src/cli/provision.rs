//! `countersign provision`: the files of a machine from where its user data says, and
//! `countersign provision signal`: the word to its Auto Scaling group.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use nix::unistd::{User, geteuid};
use zeroize::Zeroizing;

use crate::aws::Metadata;
use crate::config::Config;
use crate::problem::Problems;
use crate::provision::{self, Fetched, MAX_USER_DATA, Outcome, Owner, Staged, UserData};

use super::ConfigFile;

/// Fetch the files that the instance's user data names, check them, and put them in place.
///
/// Everything is fetched first, then checked as `countersign check` would, and only then put in
/// the place of what was there, whole or not at all. Files that are no longer named go; files that
/// others have put there stay. Run again, it takes up what has changed.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    from: From,
    /// The gateway's directory.
    #[arg(long, value_name = "DIRECTORY", default_value = "/etc/countersign")]
    directory: PathBuf,
    /// Whose the secrets will be, when root fetches them: the user that the gateway runs as.
    #[arg(long, value_name = "USER", default_value = "countersign")]
    owner: String,
}

#[derive(Subcommand)]
enum Command {
    /// Wait until the gateway is ready, and tell the Auto Scaling group that user data names.
    Signal(Signal),
}

/// Whom to tell, and when.
#[derive(Args)]
struct Signal {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    file: ConfigFile,
    /// How long the gateway may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout_secs: u64,
}

/// Where user data is.
#[derive(Args)]
struct From {
    /// Where the user data is: `imds`, the instance's metadata, or a file.
    #[arg(long, value_name = "imds|FILE", default_value = "imds")]
    from: PathBuf,
}

/// Does what was asked for.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match &options.command {
        Some(Command::Signal(signal)) => runtime.block_on(tell(signal)),
        None => take_up(options, &runtime),
    }
}

fn take_up(options: &Options, runtime: &tokio::runtime::Runtime) -> anyhow::Result<ExitCode> {
    let directory = options.directory.display();
    let data = runtime.block_on(options.from.read())?;
    if data.files.is_empty() {
        println!("The user data names no file: {directory} stays as it is.");
        return Ok(ExitCode::SUCCESS);
    }
    let owner = owner(&options.owner)?;
    let name = options.from.name();
    let fetched = runtime.block_on(provision::fetch(name, data.files, |path, source| {
        println!("{path}: from {source}");
    }));
    let outcome = fetched
        .map_err(anyhow::Error::from)
        .and_then(|fetched| put(name, &options.directory, &fetched, owner));
    match outcome {
        Ok(outcome) => {
            tell_outcome(&options.directory, &outcome);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error:#}");
            eprintln!("{directory} stays as it was.");
            Ok(ExitCode::from(1))
        }
    }
}

/// Through the check into their places.
fn put(
    name: &Path,
    directory: &Path,
    fetched: &[Fetched],
    owner: Option<Owner>,
) -> anyhow::Result<Outcome> {
    let staged = Staged::write(name, directory, fetched, owner)?;
    let checked = staged.check(|file| super::open(file).map(drop))?;
    let place = || format!("{}: a file cannot be put in its place", directory.display());
    checked.put_in_place().with_context(place)
}

fn tell_outcome(directory: &Path, outcome: &Outcome) {
    for path in &outcome.changed {
        println!("{path}: new or changed");
    }
    for path in &outcome.gone {
        println!("{path}: gone, as the user data no longer names it");
    }
    let (changed, gone) = (outcome.changed.len(), outcome.gone.len());
    let unchanged = outcome.unchanged;
    let directory = directory.display();
    println!("{directory}: good: {changed} files changed, {unchanged} as they were, {gone} gone");
}

/// Whose the secrets will be; nobody else's when it is not root who writes them.
fn owner(name: &str) -> anyhow::Result<Option<Owner>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let known = User::from_name(name).with_context(|| format!("user \"{name}\""))?;
    let Some(user) = known else {
        bail!("there is no user \"{name}\"; name the one that the gateway runs as with --owner");
    };
    Ok(Some(Owner {
        user: user.uid.as_raw(),
        group: user.gid.as_raw(),
    }))
}

async fn tell(options: &Signal) -> anyhow::Result<ExitCode> {
    let data = options.from.read().await?;
    let Some(signal) = data.signal else {
        println!("The user data names no Auto Scaling group: nobody is told.");
        return Ok(ExitCode::SUCCESS);
    };
    let admin = admin(&options.file.config)?;
    let patience = Duration::from_secs(options.timeout_secs);
    provision::wait_until_ready(admin, patience)
        .await
        .map_err(anyhow::Error::msg)?;
    let group = format!("group \"{}\", hook \"{}\"", signal.group, signal.hook);
    match provision::tell_group(&signal).await {
        Ok(instance) => println!("{group}: told that {instance} is ready."),
        Err(why) => bail!("{group}: {why}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn admin(file: &Path) -> anyhow::Result<SocketAddr> {
    let config = Config::load(file)?;
    let admin = config.process.admin.filter(|admin| admin.port() != 0);
    let place = file.display();
    admin.with_context(|| {
        format!(
            "{place}: only an [admin] listener with a port tells when the gateway is ready; add one"
        )
    })
}

impl From {
    /// What it is called in problems.
    fn name(&self) -> &Path {
        match self.is_imds() {
            true => Path::new("user data"),
            false => &self.from,
        }
    }

    fn is_imds(&self) -> bool {
        self.from == Path::new("imds")
    }

    async fn read(&self) -> anyhow::Result<UserData> {
        let bytes = match self.is_imds() {
            true => {
                let metadata = Metadata::open().await?;
                metadata.user_data(MAX_USER_DATA).await?.unwrap_or_default()
            }
            false => read_file(&self.from)?,
        };
        Ok(UserData::parse(self.name(), &bytes)?)
    }
}

fn read_file(file: &Path) -> Result<Zeroizing<Vec<u8>>, Problems> {
    use std::io::Read as _;
    let fail = |e: std::io::Error| Problems::with_file(file, format!("cannot be read: {e}"));
    let open = std::fs::File::open(file).map_err(fail)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_USER_DATA + 1));
    // One byte more tells what is too long.
    let most = MAX_USER_DATA as u64 + 1;
    open.take(most).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}
