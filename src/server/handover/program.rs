//! How the gateway was started, so that a successor can be started the same way. In: the process's
//! own arguments. Out: another process, of whatever the program's file is by then.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// Set for a successor, whose standard input is the way to its predecessor.
pub(super) const MARK: &str = "COUNTERSIGN_PREDECESSOR";

/// What the service manager said to this process and to no other (sd_watchdog_enabled(3),
/// sd_listen_fds(3)).
const FOR_ONE_PROCESS: [&str; 4] = ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The program by the name that it was called by, and its arguments.
pub(in crate::server) struct Program(Vec<OsString>);

/// A process that ends with this, unless it is released.
pub(super) struct Started(Option<Child>);

impl Program {
    /// That of this process.
    pub(in crate::server) fn of_this_process() -> Self {
        Self(std::env::args_os().collect())
    }

    /// Starts it with `channel` as its standard input.
    ///
    /// # Errors
    /// The file is missing or none that the system runs.
    pub(super) fn start(&self, channel: OwnedFd) -> Result<Started, String> {
        let Some((name, arguments)) = self.0.split_first() else {
            return Err("the program's own name is not known".to_owned());
        };
        let mut command = Command::new(name);
        command
            .args(arguments)
            .env(MARK, "stdin")
            .stdin(Stdio::from(channel));
        for name in FOR_ONE_PROCESS {
            command.env_remove(name);
        }
        let started = command.spawn();
        let started =
            started.map_err(|e| format!("{} cannot be started: {e}", name.to_string_lossy()))?;
        Ok(Started(Some(started)))
    }
}

impl Started {
    /// Its process's id.
    pub(super) fn id(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// How it ended: by itself, or now.
    pub(super) fn end(&mut self) -> String {
        let Some(mut child) = self.0.take() else {
            return "it has ended".to_owned();
        };
        // It is no error that it has ended already.
        let _ = child.kill();
        match child.wait() {
            Ok(status) => status.to_string(),
            Err(e) => e.to_string(),
        }
    }

    /// Lets it live on.
    pub(super) fn release(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.end();
        }
    }
}
