//! What the kernel knows of its clock. In: nothing. Out: how far from the right time it may be, or
//! nothing where it may not be asked. It is asked, and never told.

use std::time::Duration;

/// The kernel's word on its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelClock {
    /// The most that the clock may be wrong; grows until somebody corrects it again.
    pub max_error: Duration,
}

/// From here on the kernel calls its clock unsynchronised (`NTP_PHASE_LIMIT`). Its flag for that
/// (`STA_UNSYNC`) is not looked at: some daemons leave it set so that it keeps off the RTC.
const LIMIT: Duration = Duration::from_secs(16);

impl KernelClock {
    /// Asks the kernel (adjtimex(2)); `None` where it does not say.
    pub fn ask() -> Option<Self> {
        // SAFETY: `timex` is a struct of integers alone, of which zeroes are values.
        let mut answer: libc::timex = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a `timex` that lives and is nobody else's during the call,
        // and `modes` is 0, with which the kernel writes to it and changes nothing.
        let state = unsafe { libc::adjtimex(&raw mut answer) };
        let micros = u64::try_from(answer.maxerror).ok()?;
        (state >= 0).then_some(Self {
            max_error: Duration::from_micros(micros),
        })
    }

    /// Whether somebody keeps the clock right.
    pub fn is_synchronized(&self) -> bool {
        self.max_error < LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_corrects_is_not_synchronised() {
        let clock = |secs| KernelClock {
            max_error: Duration::from_secs(secs),
        };
        assert!(clock(0).is_synchronized() && clock(15).is_synchronized());
        assert!(!clock(16).is_synchronized() && !clock(20).is_synchronized());
    }
}
