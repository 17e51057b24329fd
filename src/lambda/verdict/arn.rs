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

/// The spellings that lead to the same place: as it is, percent-decoded, as a server may read it
/// that resolves paths, and each of them without the slashes at its end. The first one is the ARN
/// itself.
pub(super) fn spellings(arn: &str) -> Vec<Cow<'_, [u8]>> {
    let mut all = vec![Cow::Borrowed(arn.as_bytes())];
    let decoded = pattern::decoded(arn);
    let resolved = resolved(&decoded);
    for spelling in [arn.as_bytes(), &decoded, &resolved] {
        for spelling in [spelling, without_slashes(spelling)] {
            if !all.iter().any(|known| **known == *spelling) {
                all.push(Cow::Owned(spelling.to_vec()));
            }
        }
    }
    all
}

/// With the path as servers read it that resolve dot segments, take `\` for `/`, many slashes for
/// one, and what stands behind a `;` for a parameter of its segment.
fn resolved(arn: &[u8]) -> Vec<u8> {
    /// API, stage and method.
    const BEFORE_PATH: usize = 3;
    let mut slashes = arn.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let path = slashes
        .nth(BEFORE_PATH - 1)
        .map_or(arn.len(), |(at, _)| at + 1);
    let (name, path) = arn.split_at(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| b"/\\".contains(byte)) {
        let segment = segment.split(|byte| *byte == b';').next();
        match segment.unwrap_or_default() {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut all = [name, &segments.join(&b'/')].concat();
    if path.ends_with(b"/") && !segments.is_empty() {
        all.push(b'/');
    }
    all
}

fn without_slashes(mut path: &[u8]) -> &[u8] {
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    path
}
