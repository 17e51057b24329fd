//! Points in time, to the second, and the spellings in which callers send them.
//! In: bytes from a header, or the system's clock. Out: a `UtcTime`, or nothing.
//! Stages never ask for the time: it is handed to them. And what the kernel knows of its clock.

mod kernel;
mod watch;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

pub use kernel::KernelClock;
pub use watch::ClockWatch;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime(i64);

impl UtcTime {
    /// The time that the system's clock tells.
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(since.as_secs() as i64)
    }

    /// The time `seconds` after the epoch.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Reads SigV4's `YYYYMMDDTHHMMSSZ`: exactly 16 characters and a date of the calendar.
    pub fn parse_amz(text: &[u8]) -> Option<Self> {
        let text: &[u8; 16] = text.try_into().ok()?;
        if text[8] != b'T' || text[15] != b'Z' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            text[range].iter().try_fold(0i16, |sum, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| sum * 10 + i16::from(digit - b'0'))
            })
        };
        let small = |range| number(range).map(|n| n as i8);
        let civil = DateTime::new(
            number(0..4)?,
            small(4..6)?,
            small(6..8)?,
            small(9..11)?,
            small(11..13)?,
            small(13..15)?,
            0,
        )
        .ok()?;
        Some(Self::from_civil(civil))
    }

    /// Reads an HTTP date (RFC 9110 §5.6.7, the IMF-fixdate form) or SigV4's own form.
    pub fn parse_http(text: &str) -> Option<Self> {
        if let Some(time) = Self::parse_amz(text.as_bytes()) {
            return Some(time);
        }
        let civil = DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
        Some(Self::from_civil(civil))
    }

    /// Reads RFC 3339, as TOML writes its dates: `2026-01-31T12:00:00Z`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|t| Self(t.as_second()))
    }

    /// The time `later`, in whole seconds.
    pub fn plus(self, later: Duration) -> Self {
        let secs = i64::try_from(later.as_secs()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(secs))
    }

    /// SigV4's `YYYYMMDDTHHMMSSZ`.
    pub fn amz(self) -> String {
        self.civil().strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// As OpenSSL prints the times of a certificate (`ASN1_TIME_print`).
    pub fn asn1_print(self) -> String {
        let text = self.civil().strftime("%b %e %H:%M:%S %Y GMT");
        text.to_string()
    }

    /// As the Common Log Format has it: `04/Mar/2020:19:15:17 +0000`.
    pub fn common_log(self) -> String {
        let text = self.civil().strftime("%d/%b/%Y:%H:%M:%S +0000");
        text.to_string()
    }

    /// By the calendar alone: a `Timestamp` ends a day before the last that a certificate names.
    fn civil(self) -> DateTime {
        EPOCH.saturating_add(SignedDuration::from_secs(self.0))
    }

    fn from_civil(civil: DateTime) -> Self {
        Self(civil.duration_since(EPOCH).as_secs())
    }
}

/// RFC 3339 in UTC: `2026-01-31T12:00:00Z`.
impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.civil().strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_name_the_same_second() {
        let want = Some(UtcTime::from_unix(1_440_938_160));
        assert_eq!(UtcTime::parse_amz(b"20150830T123600Z"), want);
        assert_eq!(UtcTime::parse_http("Sun, 30 Aug 2015 12:36:00 GMT"), want);
        assert_eq!(UtcTime::parse_rfc3339("2015-08-30T12:36:00Z"), want);
        assert_eq!(want.map(UtcTime::amz).as_deref(), Some("20150830T123600Z"));
        assert_eq!(
            want.map(|t| t.to_string()).as_deref(),
            Some("2015-08-30T12:36:00Z")
        );
        let log = want.map(UtcTime::common_log);
        assert_eq!(log.as_deref(), Some("30/Aug/2015:12:36:00 +0000"));
    }

    #[test]
    fn what_is_no_date_of_the_calendar_is_no_time() {
        for text in [
            "",
            "20150830T123600",
            "20150830T123600z",
            "20150230T123600Z",
            "20150830T243600Z",
            "2015083 T123600Z",
            "+0150830T123600Z",
            "20150830T123600ZZ",
        ] {
            assert_eq!(UtcTime::parse_amz(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_that_has_none_is_told_as_it_is() {
        // RFC 5280 §4.1.2.5 writes it so.
        let never = UtcTime::from_unix(253_402_300_799);
        assert_eq!(never.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(never.asn1_print(), "Dec 31 23:59:59 9999 GMT");
        assert_eq!(UtcTime::parse_amz(b"99991231T235959Z"), Some(never));
        let beyond = never.plus(Duration::from_secs(1));
        assert_eq!(beyond.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(UtcTime::from_unix(-1).to_string(), "1969-12-31T23:59:59Z");
    }
}
