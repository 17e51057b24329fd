//! The metrics that are made anew for each reader, from what the gateway knows then: of
//! credentials and their sources, of the memory of used signatures, of revoked certificates, of
//! functions and of the process.

use std::sync::{Mutex, PoisonError};

use prometheus::{GaugeVec, IntCounterVec, IntGauge, Registry};

use super::functions::{FunctionMetrics, FunctionRecord};
use super::process::{ProcessMetrics, ProcessRecord};
use super::registry::{counters, named, opts, register};
use super::revocation::{ListRecord, OcspRecord, RevocationMetrics};

/// What is told of one credential. Never more than its name.
pub struct CredentialRecord<'a> {
    /// Its public id.
    pub id: &'a str,
    /// Whose it is; empty when no consumer names it.
    pub consumer: &'a str,
    /// Requests that were permitted with it since the gateway started.
    pub uses: u64,
    /// When it was last used, in seconds since 1970.
    pub last_used: Option<i64>,
    /// Its last good second, in seconds since 1970.
    pub not_after: Option<i64>,
    /// Whether it is good now and ends soon.
    pub is_expiring: bool,
}

/// What is told of one credential source.
pub struct SourceRecord<'a> {
    /// Its name.
    pub name: &'a str,
    /// Fetches that brought a store.
    pub good: u64,
    /// Fetches that did not.
    pub failed: u64,
    /// When the last good one was, in seconds since 1970.
    pub last_good: i64,
}

/// What is told of the memory of used signatures.
#[derive(Clone, Copy, Default)]
pub struct ReplayRecord {
    /// Signatures remembered in the process.
    pub entries: u64,
    /// Signatures found used before.
    pub replayed: u64,
    /// Questions that the store did not answer, and that were denied.
    pub store_denied: u64,
    /// Questions that the store did not answer, and that were allowed.
    pub store_allowed: u64,
    /// Signatures for which there was no room.
    pub full: u64,
}

/// Everything that is told when a reader asks.
pub struct Pulled<C, S, L, F> {
    /// Every credential.
    pub credentials: C,
    /// Every credential source.
    pub sources: S,
    /// The memory of used signatures.
    pub replay_memory: ReplayRecord,
    /// Every source of lists of revoked certificates.
    pub lists: L,
    /// OCSP responders.
    pub ocsp: OcspRecord,
    /// Every function.
    pub functions: F,
    /// The process itself.
    pub process: ProcessRecord,
}

/// The metrics.
pub(super) struct PulledMetrics {
    uses: IntCounterVec,
    last_used: GaugeVec,
    expiry: GaugeVec,
    expiring: IntGauge,
    fetches: IntCounterVec,
    last_fetch: GaugeVec,
    replay_entries: IntGauge,
    replay_answers: IntCounterVec,
    revocation: RevocationMetrics,
    functions: FunctionMetrics,
    process: ProcessMetrics,
    /// One reader at a time: the numbers are put in place for each.
    reading: Mutex<()>,
}

const LABELS: [&str; 2] = ["credential", "consumer"];

impl PulledMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let seconds =
            |name: &str, help: &str| register(registry, GaugeVec::new(opts(name, help), &LABELS));
        Self {
            uses: counters(
                registry,
                "credential_uses_total",
                "Requests permitted with a credential.",
                &LABELS,
            ),
            last_used: seconds(
                "credential_last_used_timestamp_seconds",
                "When a credential was last used, in seconds since 1970.",
            ),
            expiry: seconds(
                "credential_expiry_timestamp_seconds",
                "When a credential ends, in seconds since 1970.",
            ),
            expiring: register(
                registry,
                IntGauge::new(
                    named("credentials_expiring"),
                    "Credentials that are good now and end within credential_warning_days.",
                ),
            ),
            fetches: counters(
                registry,
                "credential_source_fetches_total",
                "Fetches from credential sources by result.",
                &["source", "result"],
            ),
            last_fetch: register(
                registry,
                GaugeVec::new(
                    opts(
                        "credential_source_last_good_timestamp_seconds",
                        "When a credential source was last fetched, in seconds since 1970.",
                    ),
                    &["source"],
                ),
            ),
            replay_entries: register(
                registry,
                IntGauge::new(
                    named("replay_memory_entries"),
                    "Used signatures that are remembered in the process.",
                ),
            ),
            replay_answers: counters(
                registry,
                "replay_memory_answers_total",
                "What the memory of used signatures said, but for \"fresh\".",
                &["answer"],
            ),
            revocation: RevocationMetrics::new(registry),
            functions: FunctionMetrics::new(registry),
            process: ProcessMetrics::new(registry),
            reading: Mutex::new(()),
        }
    }

    /// Puts what is known now in place and reads.
    pub(super) fn read<'a, T>(
        &self,
        now: Pulled<
            impl Iterator<Item = CredentialRecord<'a>>,
            impl Iterator<Item = SourceRecord<'a>>,
            impl Iterator<Item = ListRecord>,
            impl Iterator<Item = FunctionRecord<'a>>,
        >,
        read: impl FnOnce() -> T,
    ) -> T {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_credentials(now.credentials);
        self.put_sources(now.sources);
        self.put_replay_memory(now.replay_memory);
        self.revocation.put(now.lists, now.ocsp);
        self.functions.put(now.functions);
        self.process.put(now.process);
        read()
    }

    fn put_credentials<'a>(&self, all: impl Iterator<Item = CredentialRecord<'a>>) {
        self.uses.reset();
        self.last_used.reset();
        self.expiry.reset();
        let mut expiring = 0;
        for one in all {
            let labels = [one.id, one.consumer];
            self.uses.with_label_values(&labels).inc_by(one.uses);
            if let Some(last) = one.last_used {
                self.last_used.with_label_values(&labels).set(last as f64);
            }
            if let Some(end) = one.not_after {
                self.expiry.with_label_values(&labels).set(end as f64);
            }
            expiring += i64::from(one.is_expiring);
        }
        self.expiring.set(expiring);
    }

    fn put_sources<'a>(&self, sources: impl Iterator<Item = SourceRecord<'a>>) {
        self.fetches.reset();
        self.last_fetch.reset();
        for source in sources {
            for (result, count) in [("good", source.good), ("failed", source.failed)] {
                let fetches = self.fetches.with_label_values(&[source.name, result]);
                fetches.inc_by(count);
            }
            let last = self.last_fetch.with_label_values(&[source.name]);
            last.set(source.last_good as f64);
        }
    }

    fn put_replay_memory(&self, memory: ReplayRecord) {
        self.replay_entries.set(memory.entries.cast_signed());
        self.replay_answers.reset();
        for (answer, count) in [
            ("replayed", memory.replayed),
            ("store_down_denied", memory.store_denied),
            ("store_down_allowed", memory.store_allowed),
            ("full", memory.full),
        ] {
            self.replay_answers
                .with_label_values(&[answer])
                .inc_by(count);
        }
    }
}
