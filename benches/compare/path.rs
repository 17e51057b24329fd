//! A path that is up and can be measured.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;

use crate::load::{Asked, Caller, Outcome};
use crate::results::{Latency, Loop, PathResult, Round};
use crate::stage::origin::FILES;
use crate::stage::{Failure, Ground, PathKind, Stand};

/// A path, its programs, a caller of it, and what it has come to so far.
pub struct Up {
    pub path: &'static PathKind,
    pub stand: Stand,
    pub caller: Caller,
    result: PathResult,
}

impl Up {
    /// Brings it up, and sees that it serves every file to who shows what it wants, and nothing to
    /// who does not: a generator that is refused measures how fast refusals are.
    ///
    /// # Errors
    /// Something is missing for it, or it does not do that.
    pub fn bring(ground: &Ground, path: &'static PathKind) -> Result<Self, Failure> {
        let stand = (path.start)(ground, path.checks)?;
        let up = Self {
            caller: ground.caller(stand.address, path.checks)?,
            result: PathResult {
                name: path.name.to_owned(),
                label: path.label.to_owned(),
                family: path.family,
                checks: path.checks.words(),
                notes: stand.notes.clone(),
                closed: Vec::new(),
                open: Vec::new(),
            },
            path,
            stand,
        };
        for (target, bytes) in FILES {
            up.serves(Asked { target, bytes })
                .with_context(|| target.to_owned())?;
        }
        up.refuses(ground)?;
        Ok(up)
    }

    fn serves(&self, asked: Asked<'_>) -> anyhow::Result<()> {
        let tried = self.caller.closed(asked, 1, TRIAL);
        let is_good = tried.served > 0 && tried.failed.is_empty();
        anyhow::ensure!(is_good, "it answers {:?}", tried.failed);
        Ok(())
    }

    fn refuses(&self, ground: &Ground) -> anyhow::Result<()> {
        let mut bare = self.path.checks;
        if bare.signature.take().is_none() && !std::mem::take(&mut bare.certificate) {
            return Ok(());
        }
        let caller = ground.caller(self.stand.address, bare)?;
        let (target, bytes) = FILES[0];
        let tried = caller.closed(Asked { target, bytes }, 1, TRIAL);
        anyhow::ensure!(tried.served == 0, "it serves who shows nothing");
        Ok(())
    }

    /// One measurement.
    pub fn round(&self, ground: &Ground, load: impl FnOnce(&Caller) -> Outcome) -> Round {
        let before = self.times(ground);
        let outcome = load(&self.caller);
        let after = self.times(ground);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / outcome.served.max(1) as f64;
        let used = after.iter().map(|(name, time)| {
            let used = time.saturating_sub(before[name]);
            (name.clone(), each(used))
        });
        let mut cpu: BTreeMap<String, f64> = used.collect();
        cpu.insert("load".to_owned(), each(outcome.processor));
        let parts = self.stand.parts.iter();
        Round {
            seconds: outcome.took.as_secs_f64(),
            served: outcome.served,
            bytes: outcome.bytes,
            latency: latency(&outcome),
            failed: outcome.failed,
            cpu,
            memory: parts
                .map(|(name, program)| (name.clone(), program.most_memory()))
                .collect(),
        }
    }

    /// The closed loops, or the open ones.
    pub fn loops(&mut self, rate: Option<u64>) -> &mut Vec<Loop> {
        match rate {
            None => &mut self.result.closed,
            Some(_) => &mut self.result.open,
        }
    }

    /// What it has come to. Its programs end.
    pub fn into_result(self) -> PathResult {
        self.result
    }

    fn times(&self, ground: &Ground) -> BTreeMap<String, Duration> {
        let own = self.stand.parts.iter();
        let own = own.map(|(name, program)| (name.clone(), program.processor_time()));
        let origin = ("origin".to_owned(), ground.origin().processor_time());
        own.chain([origin]).collect()
    }
}

/// How long a path is tried with each file.
const TRIAL: Duration = Duration::from_millis(20);

fn latency(outcome: &Outcome) -> Latency {
    /// Shares of a curve.
    const CURVE: [f64; 16] = [
        0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999,
        0.99999, 1.0,
    ];
    let at = |share: f64| outcome.latencies.value_at_quantile(share) as f64 / 1000.0;
    Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
        curve: CURVE.map(|share| (share, at(share))).to_vec(),
    }
}
