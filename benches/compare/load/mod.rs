//! The load: one thread that speaks HTTP/1.1 over many kept connections, each request signed
//! freshly where the path wants it. In: where to go and for how long. Out: what was answered, how
//! soon, and what the load itself has cost.
//!
//! One generator serves all paths, so that ratios between them hold none between generators; that
//! it is as good as others are is checked in `generators`.

mod answer;
mod closed;
mod connection;
mod endpoint;
mod open;
mod signer;
pub mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustls::ClientConfig;

use crate::checks::Checks;
use crate::material::Material;

use connection::Connection;

pub use connection::{Trust, tls};
pub use endpoint::Endpoint;
pub use signer::Signer;

/// What a histogram can hold, in nanoseconds.
const LONGEST: u64 = 120_000_000_000;

/// A caller of one path.
pub struct Caller {
    pub endpoint: Endpoint,
    tls: Option<Arc<ClientConfig>>,
    signer: Option<Signer>,
}

/// What a while of load came to.
pub struct Outcome {
    pub took: Duration,
    pub served: u64,
    /// By status or by what went wrong.
    pub failed: BTreeMap<String, u64>,
    /// Of bodies.
    pub bytes: u64,
    /// In nanoseconds.
    pub latencies: Histogram<u64>,
    /// Processor time of this process.
    pub processor: Duration,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub target: &'a str,
    /// How long its body must be.
    pub bytes: u64,
}

impl Caller {
    /// One that has what the path asks for, and takes a server for what it says if `trust` does.
    ///
    /// # Errors
    /// The material cannot be read.
    pub fn new(
        material: &Material,
        endpoint: Endpoint,
        checks: Checks,
        trust: &Trust<'_>,
    ) -> anyhow::Result<Self> {
        let certificate = checks.certificate.then_some(material);
        let tls = match endpoint.tls {
            true => Some(tls(trust, certificate)?),
            false => None,
        };
        let signer = match checks.signature {
            Some(scheme) => Some(Signer::new(material, scheme, checks.tls)?),
            None => None,
        };
        Ok(Self {
            endpoint,
            tls,
            signer,
        })
    }

    /// As many requests as `connections` bear, each as soon as the one before is answered.
    pub fn closed(&self, asked: Asked<'_>, connections: usize, time: Duration) -> Outcome {
        measured(|outcome| closed::run(self, asked, (connections, true), time, outcome))
    }

    /// The same with a new connection for each request.
    pub fn closed_anew(&self, asked: Asked<'_>, connections: usize, time: Duration) -> Outcome {
        measured(|outcome| closed::run(self, asked, (connections, false), time, outcome))
    }

    /// Calls `look` each time that as many connections are open as one of `counts`, which rise; each
    /// has had one answer.
    ///
    /// # Errors
    /// One of them cannot be opened, or is not served.
    pub fn with_idle(
        &self,
        asked: Asked<'_>,
        counts: &[usize],
        mut look: impl FnMut(usize),
    ) -> anyhow::Result<()> {
        block_on(async {
            let mut all = Vec::new();
            for count in counts.iter().copied() {
                while all.len() < count {
                    let mut one = Connection::new(self);
                    let answer = one.ask(asked).await?;
                    let stays = answer.status == 200 && !answer.closes;
                    anyhow::ensure!(stays, "it does not stay open");
                    all.push(one);
                }
                look(count);
            }
            Ok(())
        })
    }

    /// `rate` requests a second over at most `connections`; latencies count from when each should
    /// have been sent, whether or not a connection was free then.
    pub fn open(&self, asked: Asked<'_>, connections: usize, rate: u64, time: Duration) -> Outcome {
        measured(|outcome| open::run(self, asked, (connections, rate), time, outcome))
    }
}

impl Caller {
    fn connections(&self, count: usize) -> Vec<Connection<'_>> {
        (0..count).map(|_| Connection::new(self)).collect()
    }
}

/// Runs on this thread to its end.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be had").block_on(work)
}

impl Outcome {
    fn new() -> Self {
        Self {
            took: Duration::ZERO,
            served: 0,
            failed: BTreeMap::new(),
            bytes: 0,
            latencies: Histogram::new_with_bounds(1, LONGEST, 3).expect("good bounds"),
            processor: Duration::ZERO,
        }
    }

    fn count(&mut self, asked: Asked<'_>, answer: anyhow::Result<answer::Answer>, took: Duration) {
        let wrong = match answer {
            Ok(answer) if answer.status == 200 && answer.bytes == asked.bytes => {
                self.served += 1;
                self.bytes += answer.bytes;
                let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                self.latencies.saturating_record(nanoseconds.max(1));
                return;
            }
            Ok(answer) if answer.status == 200 => "a body of another length".to_owned(),
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.root_cause().to_string(),
        };
        *self.failed.entry(wrong).or_default() += 1;
    }
}

fn measured(run: impl FnOnce(&mut Outcome)) -> Outcome {
    let mut outcome = Outcome::new();
    let before = processor_time();
    run(&mut outcome);
    outcome.processor = processor_time().saturating_sub(before);
    outcome
}

/// Of this process, user and system.
fn processor_time() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("RUSAGE_SELF is always there");
    let times = [usage.user_time(), usage.system_time()];
    let micros = times
        .map(|time| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or_default());
    Duration::from_micros(micros.iter().sum())
}
