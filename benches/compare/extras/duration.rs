//! How long a function takes for one request when nobody else asks.

use std::time::Duration;

use crate::load::{Asked, Caller};
use crate::results::Extra;
use crate::stage::Ground;
use crate::stage::origin::FILES;

use super::{Amounts, Subject, extra_of};

pub(super) fn measure(
    _: &Ground,
    subject: &Subject<'_>,
    amounts: Amounts,
) -> anyhow::Result<Vec<Extra>> {
    let taken = duration_of(subject.path.name, subject.caller, amounts.time)?;
    Ok(vec![taken])
}

/// The same of a path wherever it is.
///
/// # Errors
/// It serves nothing.
pub fn duration_of(path: &str, caller: &Caller, time: Duration) -> anyhow::Result<Extra> {
    let (target, bytes) = FILES[1];
    let alone = caller.closed(Asked { target, bytes }, 1, time);
    anyhow::ensure!(alone.served > 0, "{:?}", alone.failed);
    let median = alone.latencies.value_at_quantile(0.5) as f64 / 1e6;
    let note = "the median of one caller, with the relay and what stands in front of the function; \
                Lambda bills the function's part";
    Ok(extra_of(
        path,
        "duration of an invocation",
        median,
        "ms",
        note,
    ))
}
