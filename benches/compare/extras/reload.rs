//! Reloads under load: the closed loop goes on while the configuration is read anew, again and
//! again.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::load::Asked;
use crate::results::Extra;
use crate::stage::Ground;
use crate::stage::origin::FILES;

use super::{Amounts, Subject, extra};

/// Connections at once.
const CONNECTIONS: usize = 20;

pub(super) fn measure(
    _: &Ground,
    subject: &Subject<'_>,
    amounts: Amounts,
) -> anyhow::Result<Vec<Extra>> {
    let (target, bytes) = FILES[1];
    let asked = Asked { target, bytes };
    let calm = subject.caller.closed(asked, CONNECTIONS, amounts.time);
    let Some((_, program)) = subject.stand.parts.first() else {
        return Ok(Vec::new());
    };
    let id = program.id().to_string();
    let done = AtomicBool::new(false);
    let shaken = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // It is there as long as the path is up.
                let _ = Command::new("kill").args(["-s", "HUP", &id]).status();
                std::thread::sleep(Duration::from_millis(250));
            }
        });
        let shaken = subject.caller.closed(asked, CONNECTIONS, amounts.time);
        done.store(true, Ordering::Relaxed);
        shaken
    });
    let failed = shaken.failed.values().sum::<u64>() as f64;
    let p99 = |outcome: &crate::load::Outcome| outcome.latencies.value_at_quantile(0.99) as f64;
    let note = "four reloads a second, 20 connections";
    Ok(vec![
        extra(subject, "requests failed in reloads", failed, "", note),
        extra(
            subject,
            "p99 in reloads ÷ without",
            p99(&shaken) / p99(&calm),
            "",
            note,
        ),
    ])
}
