//! How the gateway was started, so that a successor can be started the same way. In: the process's
//! own arguments. Out: another process, of whatever the program's file is by then.
//!
//! Between the two stands a **launcher**, a process of the program that runs now, which starts the
//! successor and tells how it ended. Once the successor serves, the launcher is sent away: so the
//! successor becomes a child of the service manager, which then knows when it ends.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::wire::Said;

/// Set for a successor and its launcher, whose standard input is the way to the predecessor.
pub(super) const MARK: &str = "COUNTERSIGN_PREDECESSOR";
const LAUNCHER: &str = "launcher";
pub(super) const SUCCESSOR: &str = "successor";

/// What the service manager said to this process and to no other (sd_watchdog_enabled(3),
/// sd_listen_fds(3)).
const FOR_ONE_PROCESS: [&str; 4] = ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
/// The longest that the launcher may take to tell how a successor ended that has ended.
const LONGEST_END: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(5);

/// The program by the name that it was called by, and its arguments.
pub(in crate::server) struct Program(Vec<OsString>);

/// A successor and its launcher, which end with this, unless they are released.
pub(super) struct Started(Option<Child>);

impl Program {
    /// That of this process.
    pub(in crate::server) fn of_this_process() -> Self {
        Self(std::env::args_os().collect())
    }

    /// Starts it by a launcher with `channel` as its standard input.
    ///
    /// # Errors
    /// The system has no process to give.
    pub(super) fn start(&self, channel: OwnedFd) -> Result<Started, String> {
        // The program that runs now, whatever lies where it did.
        let mut command = Command::new("/proc/self/exe");
        if let Some((name, arguments)) = self.0.split_first() {
            command.arg0(name).args(arguments);
        }
        command
            .env(MARK, LAUNCHER)
            .stdin(Stdio::from(channel))
            // By which both can be ended.
            .process_group(0);
        for name in FOR_ONE_PROCESS {
            command.env_remove(name);
        }
        let started = command.spawn();
        let started = started.map_err(|e| format!("no successor can be started: {e}"))?;
        Ok(Started(Some(started)))
    }
}

/// What the launcher does, if this process is one: starts the successor, waits for its end, and
/// returns with its exit code.
pub(in crate::server) fn launch() -> Option<i32> {
    (std::env::var_os(MARK)? == LAUNCHER).then(|| {
        let Program(words) = Program::of_this_process();
        let (name, arguments) = words.split_first()?;
        let successor = Command::new(name)
            .args(arguments)
            .env(MARK, SUCCESSOR)
            .status();
        Some(match successor {
            Ok(status) => code_of(status),
            Err(e) => {
                let why = format!("{} cannot be started: {e}", name.to_string_lossy());
                // If the predecessor has ended, there is nobody to tell.
                let _ = tell(&Said::Failed(why));
                1
            }
        })
    })?
}

fn tell(said: &Said) -> io::Result<()> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    std::os::unix::net::UnixStream::from(channel).write_all(&said.bytes())
}

/// As a shell tells it.
fn code_of(status: ExitStatus) -> i32 {
    let by_a_signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(by_a_signal).unwrap_or(1)
}

impl Started {
    /// How the successor ended: by itself, or, if it has not, now.
    pub(super) fn end(&mut self) -> String {
        let Some(mut launcher) = self.0.take() else {
            return "it has ended".to_owned();
        };
        let since = Instant::now();
        while since.elapsed() < LONGEST_END {
            if let Ok(Some(status)) = launcher.try_wait() {
                return status.to_string();
            }
            std::thread::sleep(TICK);
        }
        end_both(launcher);
        "it did not end by itself".to_owned()
    }

    /// Lets the successor live on, and sends the launcher away.
    pub(super) fn release(mut self) {
        if let Some(mut launcher) = self.0.take() {
            // It is no error that it has ended already.
            let _ = launcher.kill();
            let _ = launcher.wait();
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(launcher) = self.0.take() {
            end_both(launcher);
        }
    }
}

fn end_both(mut launcher: Child) {
    // The group's number is the launcher's, and nobody else's before the launcher is waited for.
    let group = i32::try_from(launcher.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = launcher.wait();
}
