//! A program of a path: started on its cores, measured, and ended when it is dropped. In: its
//! command. Out: what it and its children have used of processor and memory.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// What callers speak to: the first core.
    Measured,
    /// What stands behind it: the other cores, as the load.
    Behind,
}

/// A program that is to be started.
pub struct Launch<'a> {
    /// E.g. `nginx`, for messages and its log.
    pub name: &'a str,
    pub program: &'a Path,
    pub words: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub directory: &'a Path,
    pub cores: Cores,
    /// Something answers here when it is ready.
    pub ready: SocketAddr,
}

/// A program at work.
pub struct Program {
    child: Child,
    log: PathBuf,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Program {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or ends before it is ready; what it said is told.
    pub fn start(launch: &Launch<'_>) -> anyhow::Result<Self> {
        let log = launch.directory.join(format!("{}.log", launch.name));
        let said = || fs::File::create(&log).context("a log");
        let mut command = Command::new("taskset");
        command
            .args(["-c", &cores_of(launch.cores)])
            .arg(launch.program)
            .args(&launch.words)
            .envs(launch.environment.iter().cloned())
            .current_dir(launch.directory)
            .stdin(Stdio::null())
            .stdout(said()?)
            .stderr(fs::File::options().append(true).open(&log)?)
            .process_group(0);
        let child = command.spawn().context("taskset of util-linux starts")?;
        let mut program = Self { child, log };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(launch.ready).is_err() {
            if let Some(status) = program.child.try_wait()? {
                bail!("{} ended with {status}: {}", launch.name, program.said());
            }
            if Instant::now() > deadline {
                bail!("{} is not ready: {}", launch.name, program.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(program)
    }

    /// Processor time used so far, of user and system, by it and all that it started.
    pub fn processor_time(&self) -> Duration {
        let ticks: u64 = self.tree().into_iter().filter_map(ticks_of).sum();
        Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
    }

    /// The most memory that each of them has had, together, in bytes.
    pub fn most_memory(&self) -> u64 {
        self.tree().into_iter().filter_map(most_memory_of).sum()
    }

    /// What is in memory of it just now, in bytes.
    pub fn memory(&self) -> u64 {
        let of = |id| status_line(id, "VmRSS:");
        self.tree().into_iter().filter_map(of).sum()
    }

    /// The end of what it wrote.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.char_indices().rev().nth(2000).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    }

    /// The process that was started.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn tree(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(id) = all.get(at).copied() {
            all.extend(children_of(id));
            at += 1;
        }
        all
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The whole group: some start others, and end without them.
        let group = format!("-{}", self.child.id());
        let signal = |name: &str| {
            let kill = Command::new("kill")
                .args(["-s", name, "--", &group])
                .stderr(Stdio::null())
                .status();
            kill.is_ok_and(|status| status.success())
        };
        signal("TERM");
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        signal("KILL");
        let _ = self.child.wait();
    }
}

/// `USER_HZ`, which is 100 on every Linux that this runs on.
const TICKS_A_SECOND: u64 = 100;

fn ticks_of(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let rest = text.rsplit_once(") ")?.1;
    let mut words = rest.split(' ').skip(11);
    // Of itself, and of children that have ended.
    let times = [words.next()?, words.next()?, words.next()?, words.next()?];
    times.iter().map(|word| word.parse::<u64>().ok()).sum()
}

fn most_memory_of(id: u32) -> Option<u64> {
    status_line(id, "VmHWM:")
}

fn status_line(id: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn children_of(id: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(
            text.split_whitespace()
                .filter_map(|word| word.parse::<u32>().ok()),
        );
    }
    all
}

/// The cores, as `taskset -c` has them. A machine with one core has but that.
pub fn cores_of(cores: Cores) -> String {
    match (cores, core_count()) {
        (_, 1) | (Cores::Measured, _) => "0".to_owned(),
        (Cores::Behind, 2) => "1".to_owned(),
        (Cores::Behind, count) => format!("1-{}", count - 1),
    }
}

/// How many cores this process had when it was first asked: later it has only those of the load.
pub fn core_count() -> usize {
    static COUNT: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    *COUNT
}

/// Puts this process, and the threads that it will start, where the load runs.
///
/// # Errors
/// `taskset` is missing.
pub fn become_load() -> io::Result<()> {
    let id = std::process::id().to_string();
    let words = ["-a", "-c", "-p", &cores_of(Cores::Behind), &id];
    let done = Command::new("taskset")
        .args(words)
        .stdout(Stdio::null())
        .status()?;
    match done.success() {
        true => Ok(()),
        false => Err(io::Error::other("taskset cannot choose the cores")),
    }
}

/// An address on loopback that was free just now.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
