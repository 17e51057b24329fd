//! The metrics of revoked certificates: how fresh the lists are, and how responders answer.

use prometheus::{GaugeVec, IntCounterVec, IntGauge, Registry};

use super::registry::{counters, named, opts, register};

/// What is told of one source of revoked certificates' lists.
pub struct ListRecord {
    /// Where they come from, without what may be a secret.
    pub source: String,
    /// Certificates that they name.
    pub entries: usize,
    /// When the oldest of them was published, in seconds since 1970.
    pub this_update: i64,
    /// When the first of them ends, in seconds since 1970.
    pub next_update: i64,
    /// Loads that brought lists.
    pub good: u64,
    /// Loads that did not.
    pub failed: u64,
}

/// What is told of OCSP responders.
#[derive(Clone, Copy, Default)]
pub struct OcspRecord {
    /// Answers that can be believed.
    pub answered: u64,
    /// Questions that brought none.
    pub failed: u64,
    /// Questions that were not put, because there was no room.
    pub dropped: u64,
    /// Certificates of which something is known.
    pub entries: usize,
}

pub(super) struct RevocationMetrics {
    entries: GaugeVec,
    this_update: GaugeVec,
    next_update: GaugeVec,
    loads: IntCounterVec,
    questions: IntCounterVec,
    known: IntGauge,
}

impl RevocationMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let of_list = |name: &str, help: &str| {
            register(registry, GaugeVec::new(opts(name, help), &["source"]))
        };
        Self {
            entries: of_list("crl_entries", "Certificates that a CRL revokes."),
            this_update: of_list(
                "crl_this_update_timestamp_seconds",
                "When a CRL was published, in seconds since 1970.",
            ),
            next_update: of_list(
                "crl_next_update_timestamp_seconds",
                "When a CRL ends, in seconds since 1970.",
            ),
            loads: counters(
                registry,
                "crl_loads_total",
                "Loads of CRLs by result.",
                &["source", "result"],
            ),
            questions: counters(
                registry,
                "ocsp_questions_total",
                "Questions to OCSP responders by result.",
                &["result"],
            ),
            known: register(
                registry,
                IntGauge::new(
                    named("ocsp_certificates"),
                    "Certificates of which an OCSP responder has been asked.",
                ),
            ),
        }
    }

    /// Puts what is known now in place.
    pub(super) fn put(&self, lists: impl Iterator<Item = ListRecord>, ocsp: OcspRecord) {
        for gauge in [&self.entries, &self.this_update, &self.next_update] {
            gauge.reset();
        }
        self.loads.reset();
        for list in lists {
            let label = [list.source.as_str()];
            self.entries
                .with_label_values(&label)
                .set(list.entries as f64);
            let times = [
                (&self.this_update, list.this_update),
                (&self.next_update, list.next_update),
            ];
            for (gauge, time) in times {
                gauge.with_label_values(&label).set(time as f64);
            }
            for (result, count) in [("good", list.good), ("failed", list.failed)] {
                let labels = [list.source.as_str(), result];
                self.loads.with_label_values(&labels).inc_by(count);
            }
        }
        self.questions.reset();
        for (result, count) in [
            ("answered", ocsp.answered),
            ("failed", ocsp.failed),
            ("dropped", ocsp.dropped),
        ] {
            self.questions.with_label_values(&[result]).inc_by(count);
        }
        self.known
            .set(i64::try_from(ocsp.entries).unwrap_or(i64::MAX));
    }
}
