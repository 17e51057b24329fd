//! The region set of SigV4a, which stands in the place of a region in the scope (AWS IAM User
//! Guide, "How AWS SigV4a works"). In: a `Call` and the policy's region. Out: nothing, or a
//! `Refusal`.

use std::borrow::Cow;

use crate::call::Call;
use crate::config::SigV4Algorithm;
use crate::refusal::Refusal;

use super::names::REGION_SET;
use super::presented::{Carrier, Presented};
use super::presigned;

/// Refuses a call signed for other regions. SigV4's region is a part of its scope.
pub(super) fn check(
    call: &Call<'_>,
    presented: &Presented<'_>,
    region: &str,
) -> Result<(), Refusal> {
    if presented.algorithm() == SigV4Algorithm::Hmac {
        return Ok(());
    }
    let set = find(call, presented.carrier()).map_err(Refusal::SignatureMalformed)?;
    match set.split(',').any(|entry| holds(entry.trim(), region)) {
        true => Ok(()),
        false => Err(Refusal::SignatureScope),
    }
}

/// The set, from where the signature is. Coverage has found the header signed.
fn find<'a>(call: &Call<'a>, carrier: &Carrier<'_>) -> Result<Cow<'a, str>, &'static str> {
    match carrier {
        Carrier::Header => call
            .header(&REGION_SET)
            .map(Cow::Borrowed)
            .ok_or("x-amz-region-set is absent, sent twice, or not text"),
        Carrier::Query(_) if call.headers().contains_key(REGION_SET) => {
            Err("x-amz-region-set beside the presigned query form")
        }
        Carrier::Query(_) => presigned::region_set(call.query().unwrap_or_default()),
    }
}

/// Whether an entry, of which one part may be open (`us-*`), holds the region.
fn holds(entry: &str, region: &str) -> bool {
    match entry.split_once('*') {
        None => entry == region,
        Some((start, end)) => region
            .strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn an_entry_holds_the_regions_that_it_says() {
        for (entry, region, held) in [
            ("us-east-1", "us-east-1", true),
            ("us-east-1", "us-east-10", false),
            ("us-east-1", "US-EAST-1", false),
            ("us-*", "us-east-1", true),
            ("us-*", "us-", true),
            ("us-*", "eu-east-1", false),
            ("*", "eu-east-1", true),
            ("*-1", "eu-east-1", true),
            ("us-*-1", "us-east-1", true),
            ("us-*-1", "us-1", false),
            ("us-*-2", "us-east-1", false),
            // More than one star is no entry of AWS's.
            ("**", "us-east-1", false),
            ("us-*-*", "us-east-1", false),
            ("", "us-east-1", false),
        ] {
            assert_eq!(holds(entry, region), held, "{entry} {region}");
        }
    }
}
