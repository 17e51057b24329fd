//! `countersign upgrade`: has the gateway that runs hand over to the program as it is now, and tells
//! what came of it. Whose process that is, and how it ended, the gateway's own status says.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::tls;

use super::ConfigFile;

/// Longer than a successor may take in all.
const LONGEST: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(100);
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigFile,
    /// The process that serves; without it, the one that answers on the admin listener.
    #[arg(long, value_name = "ID")]
    pid: Option<u32>,
}

/// What the gateway says of itself, as far as it matters here.
#[derive(Deserialize)]
struct Status {
    version: String,
    process: u32,
    upgrades_failed: u64,
    last_upgrade: Option<LastUpgrade>,
}

#[derive(Deserialize)]
struct LastUpgrade {
    why: Option<String>,
}

/// Checks the configuration with this program, which is the new one, and then asks for the upgrade.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let snapshot = super::open(&options.config.config)?;
    let Some(admin) = snapshot.process().admin else {
        return ask_blindly(options);
    };
    tls::install_crypto();
    let asker = Asker::new(admin)?;
    let before = asker.status().with_context(|| {
        format!("no gateway answers on its admin listener, {admin}: is it running?")
    })?;
    let process = options.pid.unwrap_or(before.process);
    if process != before.process {
        bail!(
            "process {process} is not the one that answers on {admin}, which is {}; is it an old one \
             that still leaves?",
            before.process
        );
    }
    ask(process)?;
    let after = asker.wait(&before)?;
    if after.process == process {
        let why = after.last_upgrade.and_then(|last| last.why);
        bail!(
            "the program was not upgraded; process {process} serves on.\n{}",
            why.unwrap_or_default()
        );
    }
    println!(
        "process {} serves, of version {}; process {process} leaves when what it has begun is done",
        after.process, after.version
    );
    Ok(ExitCode::SUCCESS)
}

fn ask_blindly(options: &Options) -> anyhow::Result<ExitCode> {
    let Some(process) = options.pid else {
        bail!(
            "which process serves cannot be told without [admin] in {}; give --pid, and look into \
             the gateway's log",
            options.config.config.display()
        );
    };
    ask(process)?;
    println!(
        "process {process} was asked; without [admin], what comes of it is told in its log only"
    );
    Ok(ExitCode::SUCCESS)
}

/// Sends the signal, to a gateway only: most other programs would end.
fn ask(process: u32) -> anyhow::Result<()> {
    let own = std::env::current_exe()
        .ok()
        .and_then(|own| program_of(&own));
    let file = format!("/proc/{process}/exe");
    let theirs = std::fs::read_link(&file)
        .with_context(|| format!("process {process} is not there, or not this user's to ask"))?;
    if program_of(&theirs) != own {
        bail!("process {process} is no gateway but {}", theirs.display());
    }
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    let id = id.context("that is no id of a process")?;
    kill_process(id, Signal::USR2)
        .with_context(|| format!("process {process} cannot be asked by this user"))
}

/// The name of a program's file. The kernel says so when it has been replaced.
fn program_of(file: &Path) -> Option<OsString> {
    let text = file.to_string_lossy();
    let file = PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(&text));
    file.file_name().map(ToOwned::to_owned)
}

/// Asks a gateway for its status.
struct Asker {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    url: String,
}

impl Asker {
    fn new(admin: SocketAddr) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // A connection of its own for each question: kept ones stay with the process that leaves.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(LONGEST_ANSWER)
            .build()?;
        Ok(Self {
            runtime,
            client,
            url: format!("http://{admin}/status.json"),
        })
    }

    fn status(&self) -> anyhow::Result<Status> {
        let text = self.runtime.block_on(async {
            let answer = self.client.get(&self.url).send().await?;
            answer.error_for_status()?.bytes().await
        })?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The status after the upgrade that was asked for: another process's, or a failure more.
    fn wait(&self, before: &Status) -> anyhow::Result<Status> {
        let since = Instant::now();
        while since.elapsed() < LONGEST {
            std::thread::sleep(TICK);
            // For a moment nobody may answer.
            let Ok(now) = self.status() else { continue };
            let other = now.process != before.process;
            if other || now.upgrades_failed > before.upgrades_failed {
                return Ok(now);
            }
        }
        bail!(
            "nothing came of it in {} s; look into the gateway's log",
            LONGEST.as_secs()
        )
    }
}
