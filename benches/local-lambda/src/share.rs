//! A sandbox's share of a processor: Lambda gives it by memory, 1,769 MB are one vCPU (AWS Lambda
//! Developer Guide, "Configure Lambda function memory"). In: a process. Out: a cgroup around it
//! and its children, of version 1 or 2, where the machine permits that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of how much memory a whole vCPU comes, in MB.
const MB_OF_A_PROCESSOR: u64 = 1769;
/// Over which a share is granted, as Lambda's own sandboxes have it, in microseconds.
const PERIOD_US: u64 = 20_000;
/// The least that the kernel takes.
const LEAST_US: u64 = 1_000;
/// How long a group is emptied by processes that were killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// All groups that were made, until they are taken back.
#[derive(Default)]
pub(crate) struct Shares(Mutex<Vec<Share>>);

/// The group of a sandbox.
#[derive(Clone)]
pub(crate) struct Share {
    directory: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Whether this machine lets this user hold sandboxes to their shares.
pub fn processor_shares_are_permitted() -> bool {
    let Ok(share) = Share::make() else {
        return false;
    };
    let held = share.hold(128);
    share.remove();
    held.is_ok()
}

impl Shares {
    /// Puts a process, and the children that it will have, into a group, without a limit so far:
    /// Lambda starts functions at full speed.
    ///
    /// # Errors
    /// The machine does not permit it.
    pub fn give(&self, pid: i32) -> io::Result<Share> {
        let share = Share::make()?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(share.clone());
        fs::write(share.directory.join("cgroup.procs"), pid.to_string())?;
        Ok(share)
    }

    /// Removes the groups, whose processes have been killed.
    pub fn take_back(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for share in all.drain(..) {
            share.remove();
        }
    }
}

impl Share {
    fn make() -> io::Result<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let (root, version) = hierarchy()?;
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("local-lambda-{}-{number}", std::process::id());
        let directory = root.join(name);
        fs::create_dir(&directory)?;
        Ok(Self { directory, version })
    }

    /// Holds the group to what comes with so much memory.
    ///
    /// # Errors
    /// The machine does not permit it.
    pub fn hold(&self, memory_mb: u32) -> io::Result<()> {
        let quota = quota_us(memory_mb);
        let write = |file: &str, text: String| fs::write(self.directory.join(file), text);
        match self.version {
            Version::One => {
                write("cpu.cfs_period_us", PERIOD_US.to_string())?;
                write("cpu.cfs_quota_us", quota.to_string())
            }
            Version::Two => write("cpu.max", format!("{quota} {PERIOD_US}")),
        }
    }

    fn remove(&self) {
        let deadline = Instant::now() + PATIENCE;
        while fs::remove_dir(&self.directory).is_err_and(|error| is_busy(&error)) {
            if Instant::now() > deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ResourceBusy
}

/// Where groups are made: what has the controller of processor time.
fn hierarchy() -> io::Result<(PathBuf, Version)> {
    let first = Path::new("/sys/fs/cgroup/cpu");
    if first.join("cpu.shares").is_file() || first.join("cgroup.procs").is_file() {
        return Ok((first.to_owned(), Version::One));
    }
    let second = Path::new("/sys/fs/cgroup");
    fs::write(second.join("cgroup.subtree_control"), "+cpu")?;
    Ok((second.to_owned(), Version::Two))
}

fn quota_us(memory_mb: u32) -> u64 {
    let quota = u64::from(memory_mb) * PERIOD_US / MB_OF_A_PROCESSOR;
    quota.max(LEAST_US)
}

#[cfg(test)]
mod tests {
    use super::quota_us;

    #[test]
    fn a_whole_processor_comes_with_1769_mb() {
        for (memory_mb, quota) in [(128, 1_447), (512, 5_788), (1_024, 11_577), (1_769, 20_000)] {
            assert_eq!(quota_us(memory_mb), quota, "{memory_mb}");
        }
    }
}
