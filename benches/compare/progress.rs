//! What is shown while it runs: the path, the round, and how long it will take yet.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Counts measurements down.
pub struct Progress {
    all: usize,
    done: usize,
    each: Duration,
    since: Instant,
}

impl Progress {
    /// Of so many measurements, each of which takes about so long.
    pub fn of(all: usize, each: Duration) -> Self {
        Self {
            all,
            done: 0,
            each,
            since: Instant::now(),
        }
    }

    /// Says what begins.
    pub fn begin(&self, what: &str) {
        let left = self.left().as_secs();
        let line = format!(
            "{}/{} · {what} · {}:{:02} left",
            self.done + 1,
            self.all,
            left / 60,
            left % 60
        );
        let mut out = std::io::stderr();
        // Nobody needs it who cannot see it.
        let _ = match out.is_terminal() {
            true => write!(out, "\r\x1b[K{line}"),
            false => writeln!(out, "{line}"),
        };
    }

    /// Counts one.
    pub fn done(&mut self) {
        self.done += 1;
    }

    /// Leaves the line.
    pub fn end(&self) {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
    }

    fn left(&self) -> Duration {
        let each = match u32::try_from(self.done) {
            Ok(done) if done > 0 => self.since.elapsed() / done,
            _ => self.each,
        };
        each * u32::try_from(self.all - self.done).unwrap_or(u32::MAX)
    }
}
