//! Holds what strangers can cause, such as long lines in the log, to so many times a second.
//! In: the time. Out: whether it may be done once more.

use std::sync::{Mutex, PoisonError};

use crate::clock::UtcTime;

/// A pace that is kept.
pub(super) struct Pace {
    most: u32,
    /// The second, and how often it was done in it.
    done: Mutex<(i64, u32)>,
}

impl Pace {
    /// At most `most` times a second.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            done: Mutex::new((0, 0)),
        }
    }

    /// Whether it may be done once more, which then counts.
    pub(super) fn admits(&self, now: UtcTime) -> bool {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.0 != now.unix() {
            *done = (now.unix(), 0);
        }
        let admitted = done.1 < self.most;
        done.1 += u32::from(admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_held_to_the_pace_second_by_second() {
        let pace = Pace::new(3);
        for second in [7, 8, 20] {
            let now = UtcTime::from_unix(second);
            let admitted = (0..100).filter(|_| pace.admits(now)).count();
            assert_eq!(admitted, 3, "{second}");
        }
    }
}
