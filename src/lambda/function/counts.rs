//! How invocations have ended, for metrics. Outlives snapshots.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// Invocations by outcome.
#[derive(Default)]
pub(super) struct Counts([AtomicU64; WORDS.len()]);

impl Counts {
    pub(super) fn add(&self, outcome: Outcome) {
        let word = outcome.as_str();
        if let Some(place) = WORDS.iter().position(|known| *known == word) {
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those outcomes that have been.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
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
            F::Unreachable,
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
}
