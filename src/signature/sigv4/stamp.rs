//! The time at which a request was signed. In: a `Call` and the list of signed headers. Out:
//! a `Stamp`, or a `Refusal` when no signed header tells the time, or the time is too far off.

use http::header::DATE as HTTP_DATE;

use crate::call::Call;
use crate::clock::UtcTime;
use crate::refusal::Refusal;

use super::coverage;
use super::names::DATE;
use super::presented::{Carrier, Presented};

/// A point in time and its `YYYYMMDDTHHMMSSZ`.
pub(super) struct Stamp {
    time: UtcTime,
    text: [u8; 16],
}

impl Stamp {
    /// The time that `x-amz-date` tells; when it is absent, the one that a signed `Date` tells
    /// (AWS SigV4 "Elements of a request signature").
    pub(super) fn of(call: &Call<'_>, presented: &Presented<'_>) -> Result<Self, Refusal> {
        let found = match presented.carrier() {
            Carrier::Header => Self::find(call, presented.signed_headers()),
            Carrier::Query(_) if call.headers().contains_key(DATE) => {
                Err("both X-Amz-Date and x-amz-date tell the time")
            }
            Carrier::Query(expiry) => Self::read(&expiry.date).ok_or("X-Amz-Date is not a time"),
        };
        found.map_err(Refusal::SignatureMalformed)
    }

    /// The stamp of `time`, unless it is outside of the years 0 to 9999.
    pub(super) fn at(time: UtcTime) -> Option<Self> {
        let text: [u8; 16] = time.amz().as_bytes().try_into().ok()?;
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        (digits == 14).then_some(Self { time, text })
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).expect("a stamp is made of ASCII only")
    }

    /// The time `secs` later.
    pub(super) fn plus(&self, secs: u32) -> UtcTime {
        UtcTime::from_unix(self.time.unix().saturating_add(i64::from(secs)))
    }

    /// `YYYYMMDD`.
    pub(super) fn day(&self) -> &str {
        &self.text()[..8]
    }

    /// Refuses a stamp that is more than `max_skew_secs` ahead of `now`, or more than
    /// `expires_secs` behind it.
    pub(super) fn check(
        &self,
        now: UtcTime,
        max_skew_secs: u32,
        expires_secs: u32,
    ) -> Result<(), Refusal> {
        let age = now.unix().saturating_sub(self.time.unix());
        match age {
            age if age > i64::from(expires_secs) => Err(Refusal::SignatureExpired),
            age if age < -i64::from(max_skew_secs) => Err(Refusal::SignatureNotYetValid),
            _ => Ok(()),
        }
    }

    fn find(call: &Call<'_>, signed_headers: &str) -> Result<Self, &'static str> {
        if call.headers().contains_key(DATE) {
            // Coverage was checked before, but a date that is not signed is no date.
            if !coverage::names(signed_headers, DATE.as_str()) {
                return Err("x-amz-date is not signed");
            }
            let text = call.header(&DATE);
            let text = text.ok_or("x-amz-date was sent twice, or is not text")?;
            return Self::read(text).ok_or("x-amz-date is not a time");
        }
        if !coverage::names(signed_headers, "date") {
            return Err("no signed header tells the time");
        }
        let text = call.header(&HTTP_DATE);
        let text = text.ok_or("Date was sent twice, or is not text")?;
        let time = UtcTime::parse_http(text).and_then(Self::at);
        time.ok_or("Date is not a time")
    }

    fn read(text: &str) -> Option<Self> {
        let time = UtcTime::parse_amz(text.as_bytes())?;
        let text = text.as_bytes().try_into().ok()?;
        Some(Self { time, text })
    }
}
