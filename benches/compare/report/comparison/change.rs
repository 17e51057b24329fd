//! A figure of one run by the same of another. In: both runs and what to compare. Out: quotients,
//! each with whether the rounds tell it from none.

use crate::report::document::Tone;
use crate::report::families;
use crate::report::sections::{total, total_of, typical};
use crate::report::text;
use crate::results::{Family, Loop, PathResult, Round, Run};

/// What is compared of a round.
pub struct Measure {
    pub title: &'static str,
    pub words: &'static str,
    /// Whether more is better.
    is_more_better: bool,
    of: fn(&Round) -> Option<f64>,
    /// The figure of all rounds.
    typical: fn(&Loop) -> Option<f64>,
    pub text: fn(f64) -> String,
    /// Whether it is of the open loop, if there is one.
    is_open: bool,
}

/// In the order in which they are told.
pub const MEASURES: [Measure; 3] = [
    Measure {
        title: "Throughput",
        words: "Requests a second in the closed loop; above 1 is faster.",
        is_more_better: true,
        of: |round| Some(round.rate()),
        typical: |measured| Some(measured.rate_served()),
        text: text::rate,
        is_open: false,
    },
    Measure {
        title: "Processor time",
        words: "Microseconds a request of all components but the load; below 1 is cheaper.",
        is_more_better: false,
        of: total_of,
        typical: total,
        text: text::time,
        is_open: false,
    },
    Measure {
        title: "Latency, p99",
        words: "In the open loop at a fixed rate; below 1 is faster.",
        is_more_better: false,
        of: |round| (round.served > 0).then_some(round.latency.p99),
        typical: |measured| typical(measured).map(|round| round.latency.p99),
        text: text::time,
        is_open: true,
    },
];

/// A figure of a path, file and rate in both runs.
pub struct Change {
    pub label: String,
    pub family: Family,
    /// With the rate, in the open loop.
    pub file: String,
    pub before: f64,
    pub after: f64,
    /// The least and the most that the quotient may be, by the rounds.
    pub bounds: (f64, f64),
    pub tone: Tone,
}

impl Change {
    pub fn quotient(&self) -> f64 {
        self.after / self.before
    }
}

/// What both runs have, in the order of the first.
pub fn all(a: &Run, b: &Run, measure: &Measure) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &a.paths {
        let Some(after) = families::path(b, &before.name) else {
            continue;
        };
        let pairs = pairs(before, after, measure.is_open).into_iter();
        changes.extend(pairs.filter_map(|(one, other)| change(before, one, other, measure)));
    }
    changes
}

/// Loops of the same file and rate.
fn pairs<'a>(a: &'a PathResult, b: &'a PathResult, is_open: bool) -> Vec<(&'a Loop, &'a Loop)> {
    let of = |path: &'a PathResult| if is_open { &path.open } else { &path.closed };
    let same = |one: &'a Loop| {
        let other = of(b)
            .iter()
            .find(|other| other.file == one.file && other.rate == one.rate)?;
        Some((one, other))
    };
    of(a).iter().filter_map(same).collect()
}

fn change(path: &PathResult, one: &Loop, other: &Loop, measure: &Measure) -> Option<Change> {
    let bounds = bounds(one, other, measure.of)?;
    let rounds = one.rounds.len().min(other.rounds.len());
    let rate = one
        .rate
        .map(|rate| format!(", {}", text::rate(rate as f64)));
    Some(Change {
        label: families::label(path),
        family: path.family,
        file: one.file.clone() + &rate.unwrap_or_default(),
        before: (measure.typical)(one)?,
        after: (measure.typical)(other)?,
        bounds,
        tone: tone(bounds, rounds, measure.is_more_better),
    })
}

/// The least and the most that a round of the second may be of one of the first.
fn bounds(one: &Loop, other: &Loop, of: fn(&Round) -> Option<f64>) -> Option<(f64, f64)> {
    let range = |measured: &Loop| {
        let values: Vec<f64> = measured.rounds.iter().filter_map(of).collect();
        let least = values.iter().copied().reduce(f64::min)?;
        Some((least, values.into_iter().fold(0.0, f64::max)))
    };
    let (before, after) = (range(one)?, range(other)?);
    (before.0 > 0.0).then(|| (after.0 / before.1, after.1 / before.0))
}

/// One round has no spread, so nothing can be said of it.
fn tone((least, most): (f64, f64), rounds: usize, is_more_better: bool) -> Tone {
    match (least > 1.0, most < 1.0) {
        _ if rounds < 2 => Tone::Grey,
        (false, false) => Tone::Grey,
        (is_more, _) if is_more == is_more_better => Tone::Better,
        _ => Tone::Worse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_inside_the_spread_is_grey() {
        for (bounds, rounds, is_more_better, is) in [
            ((0.9, 1.1), 3, true, Tone::Grey),
            ((1.1, 1.3), 3, true, Tone::Better),
            ((0.7, 0.9), 3, true, Tone::Worse),
            ((1.1, 1.3), 3, false, Tone::Worse),
            ((0.7, 0.9), 3, false, Tone::Better),
            ((1.1, 1.1), 1, true, Tone::Grey),
        ] {
            assert_eq!(tone(bounds, rounds, is_more_better), is, "{bounds:?}");
        }
    }

    #[test]
    fn bounds_are_of_the_least_by_the_most() {
        let measured = |served: &[u64]| Loop {
            file: "/".to_owned(),
            bytes: 1,
            rate: None,
            rounds: served
                .iter()
                .map(|&served| Round {
                    seconds: 1.0,
                    served,
                    ..Round::default()
                })
                .collect(),
        };
        let of = |round: &Round| Some(round.rate());
        let (before, after) = (measured(&[100, 200]), measured(&[300, 400]));
        assert_eq!(bounds(&before, &after, of), Some((1.5, 4.0)));
        assert_eq!(bounds(&measured(&[]), &after, of), None);
        assert_eq!(bounds(&measured(&[0]), &after, of), None);
    }
}
