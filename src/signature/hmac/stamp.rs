//! The time that a signature is of. In: its text, as sent. Out: the last second at which the
//! signature is good, or why it is not.

use std::time::Duration;

use crate::clock::UtcTime;
use crate::config::{HmacTimestamp, TimestampUnit};
use crate::refusal::Refusal;

/// RFC 3339 with nanoseconds and an offset.
const MAX_ISO_BYTES: usize = 35;

/// Holds `text` to `now`; the last second at which it would pass.
pub(super) fn check(
    text: &str,
    timestamp: &HmacTimestamp,
    now: UtcTime,
) -> Result<UtcTime, Refusal> {
    let stamp = parse(text, timestamp.unit);
    let stamp = stamp.ok_or(Refusal::SignatureMalformed("the time is none of its unit"))?;
    let tolerance = Duration::from_secs(timestamp.tolerance_secs.into());
    let good_until = stamp.plus(tolerance);
    match () {
        () if good_until < now => Err(Refusal::SignatureExpired),
        () if now.plus(tolerance) < stamp => Err(Refusal::SignatureNotYetValid),
        () => Ok(good_until),
    }
}

fn parse(text: &str, unit: TimestampUnit) -> Option<UtcTime> {
    // A fixed number of digits shows where the time ends in the signed text.
    let digits = |count: usize| {
        let digits = text.len() == count && text.bytes().all(|byte| unit.can_hold(byte));
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    match unit {
        TimestampUnit::Seconds => digits(10).map(UtcTime::from_unix),
        TimestampUnit::Milliseconds => digits(13).map(|ms| UtcTime::from_unix(ms / 1000)),
        TimestampUnit::Iso => {
            let fits = text.len() <= MAX_ISO_BYTES && text.bytes().all(|b| unit.can_hold(b));
            fits.then(|| UtcTime::parse_rfc3339(text)).flatten()
        }
    }
}

/// The text of `now`.
pub(super) fn text(now: UtcTime, unit: TimestampUnit) -> String {
    match unit {
        TimestampUnit::Seconds => now.unix().to_string(),
        TimestampUnit::Milliseconds => format!("{}000", now.unix()),
        TimestampUnit::Iso => now.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_one_spelling_of_a_time() {
        use TimestampUnit::{Iso, Milliseconds, Seconds};
        let want = Some(UtcTime::from_unix(1_531_420_618));
        for (good, unit) in [
            ("1531420618", Seconds),
            ("1531420618999", Milliseconds),
            ("2018-07-12T18:36:58Z", Iso),
            ("2018-07-12T20:36:58.123456789+02:00", Iso),
        ] {
            assert_eq!(parse(good, unit), want, "{good}");
            assert_eq!(
                parse(&text(UtcTime::from_unix(1_531_420_618), unit), unit),
                want
            );
        }
        for (bad, unit) in [
            ("", Seconds),
            ("153142061", Seconds),
            ("01531420618", Seconds),
            ("1531420618 ", Seconds),
            ("+531420618", Seconds),
            ("-531420618", Seconds),
            ("1531420618.", Seconds),
            ("0x5b479fca", Seconds),
            ("1531420618", Milliseconds),
            ("15314206180000", Milliseconds),
            ("", Iso),
            ("1531420618", Iso),
            ("2018-07-12T18:36:58", Iso),
            ("2018-07-12", Iso),
            ("2018-07-12 18:36:58Z", Iso),
            ("2018-02-30T18:36:58Z", Iso),
            ("2018-07-12T18:36:58Z[UTC]", Iso),
        ] {
            assert_eq!(parse(bad, unit), None, "{bad}");
        }
    }
}
