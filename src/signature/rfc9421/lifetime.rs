//! When a signature is good (RFC 9421 §2.3, §3.2.1). In: `created` and `expires`, the demand
//! and the time. Out: until when it must be remembered, or a `Refusal`.

use crate::clock::UtcTime;
use crate::refusal::Refusal;

use super::member::Member;
use crate::config::Rfc9421Demand;

/// Refuses a signature that is too old, from the future or expired.
pub(super) fn check(
    member: &Member<'_>,
    demand: &Rfc9421Demand,
    now: UtcTime,
) -> Result<UtcTime, Refusal> {
    let created = member.created;
    let created = created.ok_or(Refusal::SignatureMalformed("created is missing"))?;
    let (now, skew) = (now.unix(), i64::from(demand.max_skew_secs));
    if let Some(expires) = member.expires
        && expires <= created
    {
        return Err(Refusal::SignatureMalformed("expires is not after created"));
    }
    if created > now.saturating_add(skew) {
        return Err(Refusal::SignatureNotYetValid);
    }
    let oldest = created.saturating_add(i64::from(demand.max_age_secs));
    let last = member.expires.map_or(oldest, |expires| expires.min(oldest));
    match now > last {
        true => Err(Refusal::SignatureExpired),
        // A sibling's clock may be behind this one's.
        false => Ok(UtcTime::from_unix(last.saturating_add(skew))),
    }
}
