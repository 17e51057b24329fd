//! How long a function takes for one request when nobody else asks.

use crate::load::Asked;
use crate::results::Extra;
use crate::stage::Ground;
use crate::stage::origin::FILES;

use super::{Amounts, Subject, extra};

pub(super) fn measure(
    _: &Ground,
    subject: &Subject<'_>,
    amounts: Amounts,
) -> anyhow::Result<Vec<Extra>> {
    let (target, bytes) = FILES[1];
    let asked = Asked { target, bytes };
    let alone = subject.caller.closed(asked, 1, amounts.time);
    anyhow::ensure!(alone.served > 0, "{:?}", alone.failed);
    let median = alone.latencies.value_at_quantile(0.5) as f64 / 1e6;
    let note =
        "the median of one caller, gateway and relay included; Lambda bills the function's part";
    Ok(vec![extra(
        subject,
        "duration of an invocation",
        median,
        "ms",
        note,
    )])
}
