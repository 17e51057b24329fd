//! The processes of all sandboxes, and their end. A process may have children in groups of their
//! own, as those of AWS's emulator are: they end with it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::function::Function;
use crate::share::{Share, Shares};

/// Set to anything, it shows what the sandboxes print.
const SHOW_OUTPUT: &str = "LOCAL_LAMBDA_OUTPUT";
/// How long killed processes are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(crate) struct Processes {
    running: Mutex<Running>,
    ended: Condvar,
    shares: Shares,
}

#[derive(Default)]
struct Running {
    pids: HashSet<i32>,
    closed: bool,
}

/// A running process; ends when it is dropped.
pub(crate) struct Process {
    pid: i32,
    all: Arc<Processes>,
    share: Option<Share>,
    exited: watch::Receiver<Option<ExitStatus>>,
}

impl Processes {
    /// Starts a command of a function in a group of its own.
    ///
    /// # Errors
    /// What the system says, or that everything is being ended.
    pub fn start(
        self: &Arc<Self>,
        function: &Function,
        mut command: Command,
    ) -> io::Result<Process> {
        command.process_group(0).stdin(Stdio::null());
        if std::env::var_os(SHOW_OUTPUT).is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let mut running = self.lock();
        if running.closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        running.pids.insert(pid);
        drop(running);
        let share = match function.holds_processor_share {
            true => self.shares.give(pid).ok(),
            false => None,
        };
        let exited = self.watch(child, pid);
        Ok(Process {
            pid,
            all: self.clone(),
            share,
            exited,
        })
    }

    /// Tells the end of a process to whoever wants to know.
    fn watch(self: &Arc<Self>, mut child: Child, pid: i32) -> watch::Receiver<Option<ExitStatus>> {
        let (tell, exited) = watch::channel(None);
        let all = self.clone();
        std::thread::spawn(move || {
            let status = child.wait().unwrap_or_default();
            all.lock().pids.remove(&pid);
            all.ended.notify_all();
            let _ = tell.send(Some(status));
        });
        exited
    }

    /// Ends everything that runs, waits for the end, and starts nothing any more.
    pub fn end_all(&self) {
        let mut running = self.lock();
        running.closed = true;
        let trees: Vec<_> = running.pids.iter().map(|pid| end_tree(*pid)).collect();
        let alive = |running: &mut Running| !running.pids.is_empty();
        drop(self.ended.wait_while(running, alive));
        // Of their children nobody tells us.
        trees.concat().into_iter().for_each(wait_for_end);
        self.shares.take_back();
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Waits for the end of the process.
    pub async fn exited(&mut self) -> ExitStatus {
        match self.exited.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            Err(_) => ExitStatus::default(),
        }
    }

    /// Holds it to the share of a processor that comes with so much memory, if it has one.
    pub fn hold_to_share(&self, memory_mb: u32) {
        if let Some(share) = &self.share {
            let _ = share.hold(memory_mb);
        }
    }

    pub fn has_exited(&self) -> bool {
        self.exited.borrow().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Under the lock, so that the number is still that of this process.
        let running = self.all.lock();
        if running.pids.contains(&self.pid) {
            end_tree(self.pid);
        }
    }
}

/// Ends a process, its descendants, and their groups: all of them, the root first.
fn end_tree(root: i32) -> Vec<i32> {
    // Stopped first, so that it makes no more children while they are looked for.
    let _ = kill(Pid::from_raw(root), Signal::SIGSTOP);
    let mut tree = vec![root];
    let parents = parents();
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        let children = parents.iter().filter(|(_, of)| *of == parent);
        tree.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    for pid in &tree {
        let _ = killpg(Pid::from_raw(*pid), Signal::SIGKILL);
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    tree
}

/// Waits for the end of a killed process, which the system may put off.
fn wait_for_end(pid: i32) {
    let deadline = Instant::now() + PATIENCE;
    while is_alive(pid) && Instant::now() < deadline {
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// What has ended and was not yet asked about it is a zombie.
fn is_alive(pid: i32) -> bool {
    field_of(pid, 0).is_some_and(|state| state != "Z" && state != "X")
}

/// Every process with its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| Some((pid, parent_of(pid)?)))
        .collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    field_of(pid, 1)?.parse().ok()
}

/// A field of a process's `stat`, counted from its state.
fn field_of(pid: i32, place: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it is in parentheses, and may hold some itself.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(place).map(str::to_string)
}
