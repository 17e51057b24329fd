//! What idle connections take: so many are opened, have had one answer, and stay.

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
    let (target, bytes) = FILES[0];
    let asked = Asked { target, bytes };
    let programs = subject.stand.parts.iter().map(|(_, program)| program);
    let memory = || -> u64 { programs.clone().map(|one| one.memory()).sum() };
    let (before, mut all) = (memory(), Vec::new());
    subject.caller.with_idle(asked, &amounts.idle, |count| {
        let each = memory().saturating_sub(before) as f64 / count as f64 / 1024.0;
        let what = format!("memory of an idle connection, of {count}");
        all.push(extra(subject, &what, each, "KiB", "after one answer each"));
    })?;
    Ok(all)
}
