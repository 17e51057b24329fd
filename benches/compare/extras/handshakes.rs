//! Full handshakes: a connection of its own for each request, no session resumed.

use std::time::Duration;

use crate::load::Asked;
use crate::results::Extra;
use crate::stage::Ground;
use crate::stage::origin::FILES;

use super::{Amounts, Subject, extra};

/// Connections at once.
const CONNECTIONS: usize = 8;

pub(super) fn measure(
    _: &Ground,
    subject: &Subject<'_>,
    amounts: Amounts,
) -> anyhow::Result<Vec<Extra>> {
    let (target, bytes) = FILES[0];
    let asked = Asked { target, bytes };
    let programs = subject.stand.parts.iter().map(|(_, program)| program);
    let time = || -> Duration { programs.clone().map(|one| one.processor_time()).sum() };
    let before = time();
    let outcome = subject.caller.closed_anew(asked, CONNECTIONS, amounts.time);
    let used = time().saturating_sub(before);
    anyhow::ensure!(outcome.failed.is_empty(), "{:?}", outcome.failed);
    let rate = outcome.served as f64 / outcome.took.as_secs_f64();
    let each = used.as_secs_f64() * 1e6 / outcome.served.max(1) as f64;
    let note = "TCP, full handshake, one GET, close; 8 at once";
    Ok(vec![
        extra(subject, "full handshakes a second", rate, "1/s", note),
        extra(
            subject,
            "processor time of a full handshake",
            each,
            "µs",
            note,
        ),
    ])
}
