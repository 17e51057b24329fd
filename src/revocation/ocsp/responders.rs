//! Responders that do not answer. In: how asking went. Out: whether it is worth asking again:
//! one that is down must take neither the time of those who wait nor the places of others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// By scheme, host and port.
#[derive(Default)]
pub(super) struct Responders(Mutex<HashMap<String, Down>>);

#[derive(Clone, Copy)]
struct Down {
    failures: u32,
    until: Instant,
}

const FIRST: Duration = Duration::from_secs(1);
const MAX_DOUBLINGS: u32 = 5;
/// Certificates name them, so their number is bounded.
const MOST: usize = 1000;

impl Responders {
    /// Whether `responder` has failed so lately that it is left alone.
    pub(super) fn is_down(&self, responder: &str, now: Instant) -> bool {
        let down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        down.get(responder).is_some_and(|down| now < down.until)
    }

    /// Takes that it has answered something, whatever it was.
    pub(super) fn is_up(&self, responder: &str) {
        let mut down = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        down.remove(responder);
    }

    /// Takes that it has not answered.
    pub(super) fn failed(&self, responder: &str, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, down| now < down.until);
        }
        let room = all.len() < MOST;
        let failures = match all.get(responder) {
            // Whoever was asked at the same time tells nothing new.
            Some(down) if now < down.until => return,
            Some(down) => down.failures + 1,
            None if room => 0,
            None => return,
        };
        let until = now + FIRST * (1 << failures.min(MAX_DOUBLINGS));
        all.insert(responder.to_owned(), Down { failures, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_down_is_left_alone_for_longer_and_longer() {
        let responders = Responders::default();
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 32] {
            assert!(!responders.is_down("one", now));
            responders.failed("one", now);
            responders.failed("one", now);
            assert!(responders.is_down("one", now));
            assert!(!responders.is_down("other", now));
            now += Duration::from_secs(seconds);
        }
        responders.failed("one", now);
        responders.is_up("one");
        assert!(!responders.is_down("one", now));
    }
}
