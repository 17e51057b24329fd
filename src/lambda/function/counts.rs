//! How many invocations are under way, which is bounded, and how the others have ended. Outlives
//! snapshots, as invocations do.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::refusal::FunctionFailure;

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function answered.
    Answered,
    /// Lambda has taken the event of one that is not waited for.
    Accepted,
    /// The caller left before it ended.
    Abandoned,
    /// It failed.
    Failed(FunctionFailure),
}

const WORDS: [&str; 17] = [
    "answered",
    "accepted",
    "abandoned",
    "function_error",
    "function_answer_malformed",
    "function_answer_too_large",
    "function_busy",
    "function_throttled",
    "function_denied",
    "function_missing",
    "function_service_failed",
    "function_unreachable",
    "function_broken_off",
    "function_timeout",
    "function_not_signed",
    "buffers_full",
    "event_too_large",
];

impl Outcome {
    /// The word for it in metrics: a failure's is its refusal's code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Accepted => "accepted",
            Self::Abandoned => "abandoned",
            Self::Failed(failure) => failure.code(),
        }
    }
}

/// Invocations under way, and the others by outcome.
#[derive(Default)]
pub(super) struct Counts {
    under_way: AtomicUsize,
    ended: [AtomicU64; WORDS.len()],
}

impl Counts {
    /// Begins an invocation, unless `most` are under way; whoever began one ends it.
    pub(super) fn begin(&self, most: usize) -> bool {
        let fits = |count: usize| (count < most).then_some(count + 1);
        let counted = &self.under_way;
        let begun = counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        begun.is_ok()
    }

    /// Ends one.
    pub(super) fn end(&self, outcome: Outcome) {
        self.add(outcome);
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// Invocations that are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Counts an outcome of what never began.
    pub(super) fn add(&self, outcome: Outcome) {
        let word = outcome.as_str();
        if let Some(place) = WORDS.iter().position(|known| *known == word) {
            self.ended[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those outcomes that have been.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.ended.iter().map(|count| count.load(Ordering::Relaxed));
        WORDS
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_under_its_word() {
        use FunctionFailure as F;
        let failures = [
            F::Error,
            F::Malformed(""),
            F::AnswerTooLarge(0),
            F::Busy,
            F::Throttled,
            F::Denied,
            F::Missing,
            F::ServiceFailed,
            F::Unreachable(""),
            F::BrokenOff,
            F::TimedOut,
            F::NotSigned(""),
            F::BuffersFull,
            F::EventTooLarge(0),
        ];
        let others = [Outcome::Answered, Outcome::Accepted, Outcome::Abandoned];
        let counts = Counts::default();
        for outcome in others.into_iter().chain(failures.map(Outcome::Failed)) {
            counts.add(outcome);
        }
        assert_eq!(counts.all().count(), WORDS.len());
        assert!(counts.all().all(|(_, count)| count == 1));
    }

    #[test]
    fn no_more_are_under_way_than_may_be() {
        let counts = Counts::default();
        assert!(counts.begin(2) && counts.begin(2) && !counts.begin(2));
        assert!(!counts.begin(1) && counts.begin(3));
        for left in [2, 1, 0] {
            counts.end(Outcome::Answered);
            assert_eq!(counts.under_way(), left);
        }
    }
}
