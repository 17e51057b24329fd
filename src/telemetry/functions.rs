//! The metrics of functions: how invocations have ended, and how many are under way.

use prometheus::{IntCounterVec, IntGaugeVec, Registry};

use super::registry::{counters, gauges};

/// What is told of one function.
pub struct FunctionRecord<'a> {
    /// Whom it serves: the name of an integration, or of an authorizer.
    pub serves: Served<'a>,
    /// Invocations that are under way.
    pub in_flight: usize,
    /// The others, by how they ended.
    pub ended: Vec<(&'static str, u64)>,
}

/// Whom a function serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served<'a> {
    /// The integration of this name.
    Integration(&'a str),
    /// The authorizer of this name.
    Authorizer(&'a str),
}

/// The metrics, those of integrations first.
pub(super) struct FunctionMetrics([Family; 2]);

struct Family {
    invocations: IntCounterVec,
    in_flight: IntGaugeVec,
}

impl FunctionMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let family = |name: &str, label: &str| Family {
            invocations: counters(
                registry,
                &format!("{name}_invocations_total"),
                "Invocations of functions by result.",
                &[label, "result"],
            ),
            in_flight: gauges(
                registry,
                &format!("{name}_in_flight"),
                "Invocations of functions that are under way.",
                &[label],
            ),
        };
        Self([
            family("lambda", "integration"),
            family("authorizer", "authorizer"),
        ])
    }

    pub(super) fn put<'a>(&self, functions: impl Iterator<Item = FunctionRecord<'a>>) {
        for family in &self.0 {
            family.invocations.reset();
            family.in_flight.reset();
        }
        let [integrations, authorizers] = &self.0;
        for function in functions {
            let (family, name) = match function.serves {
                Served::Integration(name) => (integrations, name),
                Served::Authorizer(name) => (authorizers, name),
            };
            let under_way = family.in_flight.with_label_values(&[name]);
            under_way.set(function.in_flight as i64);
            for (result, count) in function.ended {
                let ended = family.invocations.with_label_values(&[name, result]);
                ended.inc_by(count);
            }
        }
    }
}
