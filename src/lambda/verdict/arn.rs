//! The name of what is called, as policies write it. In: where and what. Out: an ARN
//! ("Control access to an API with IAM permissions"), and the other ways to spell it.

use std::borrow::Cow;

use crate::config::Stage;
use crate::pattern;

/// The longest ARN of a method ("Quotas for configuring and running a REST API").
const MAX_ARN: usize = 1600;

/// The ARN of a method: of the stage that the gateway stands for, a method's token and a path as
/// received. `None` when it is longer than API Gateway's 1,600 bytes: such a call is refused.
pub fn method_arn(region: &str, stage: &Stage, method: &str, path: &str) -> Option<String> {
    let Stage {
        name,
        account_id,
        api_id,
        ..
    } = stage;
    let path = path.strip_prefix('/').unwrap_or(path);
    // Nothing is put together that is too long anyway.
    if path.len() > MAX_ARN {
        return None;
    }
    let arn = format!("arn:aws:execute-api:{region}:{account_id}:{api_id}/{name}/{method}/{path}");
    (arn.len() <= MAX_ARN).then_some(arn)
}

/// The spellings that lead to the same route: as it is, percent-decoded, and each of them without
/// the slashes at its end. The first one is the ARN itself.
pub(super) fn spellings(arn: &str) -> Vec<Cow<'_, [u8]>> {
    let mut all = vec![Cow::Borrowed(arn.as_bytes())];
    let mut add = |spelling: Cow<'_, [u8]>| {
        if !all.contains(&spelling) {
            all.push(Cow::Owned(spelling.into_owned()));
        }
    };
    let decoded = pattern::decoded(arn);
    add(Cow::Borrowed(without_slashes(arn.as_bytes())));
    add(Cow::Borrowed(without_slashes(&decoded)));
    add(decoded);
    all
}

fn without_slashes(mut path: &[u8]) -> &[u8] {
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    path
}
