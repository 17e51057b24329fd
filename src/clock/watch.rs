//! The kernel's word on its clock, kept at hand. In: whom to ask, from time to time. Out: what was
//! said last, at the cost of reading a number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::KernelClock;

/// What was last heard of the clock.
pub struct ClockWatch {
    ask: fn() -> Option<KernelClock>,
    /// Microseconds; `UNKNOWN` when the kernel does not say.
    max_error: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl ClockWatch {
    /// Asks `ask` for the first time.
    pub fn new(ask: fn() -> Option<KernelClock>) -> Self {
        let watch = Self {
            ask,
            max_error: AtomicU64::new(UNKNOWN),
        };
        watch.look();
        watch
    }

    /// Asks again; whether the clock has become synchronised or ceased to be.
    pub fn look(&self) -> bool {
        let before = self.is_synchronized();
        let heard = (self.ask)().map(|clock| clock.max_error.as_micros());
        let micros = heard.map_or(UNKNOWN, |micros| u64::try_from(micros).unwrap_or(UNKNOWN));
        self.max_error.store(micros, Ordering::Relaxed);
        before != self.is_synchronized()
    }

    /// What was last heard; `None` when the kernel does not say.
    pub fn last(&self) -> Option<KernelClock> {
        let micros = self.max_error.load(Ordering::Relaxed);
        (micros != UNKNOWN).then_some(KernelClock {
            max_error: Duration::from_micros(micros),
        })
    }

    /// Whether somebody keeps the clock right; not where the kernel does not say.
    pub fn is_synchronized(&self) -> bool {
        self.last().is_some_and(|clock| clock.is_synchronized())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    #[test]
    fn what_was_heard_last_holds_and_a_change_is_told_once() {
        static ERROR_SECS: AtomicI64 = AtomicI64::new(16);
        fn ask() -> Option<KernelClock> {
            let secs = u64::try_from(ERROR_SECS.load(Ordering::Relaxed)).ok()?;
            Some(KernelClock {
                max_error: Duration::from_secs(secs),
            })
        }
        let watch = ClockWatch::new(ask);
        assert!(!watch.is_synchronized() && !watch.look());
        // A daemon has come; then it goes; then nothing can be known.
        for (secs, changes, is_synchronized) in [
            (1, true, true),
            (2, false, true),
            (16, true, false),
            (-1, false, false),
            (0, true, true),
        ] {
            ERROR_SECS.store(secs, Ordering::Relaxed);
            assert_eq!(
                (watch.look(), watch.is_synchronized()),
                (changes, is_synchronized)
            );
            assert_eq!(watch.last().is_none(), secs < 0);
        }
    }
}
