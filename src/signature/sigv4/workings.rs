//! The canonical request and the string to sign of a request, as text: what `verify` hashes,
//! for people to read.

use crate::config::SigV4Demand;
use crate::digest::sha256;
use crate::refusal::Refusal;
use crate::signature::outcome::Evidence;
use crate::signature::working::{Working, WorkingKind};

use super::canonical::write_string_to_sign;
use super::payload::Payload;
use super::presented::Presented;
use super::scratch::with_scratch;
use super::stamp::Stamp;
use super::{canonical_of, scope_of};

/// Both texts; the second only when the request tells a time.
pub(in crate::signature) fn workings(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &SigV4Demand,
) -> Result<Vec<Working>, Refusal> {
    let call = evidence.call;
    let payload = Payload::of(call, presented, demand, evidence.secure)?;
    let line = payload.canonical_line(evidence.body.as_head_says(call));
    let line = line.ok_or(Refusal::SignatureMalformed("the body is not there"))?;
    with_scratch(|scratch| {
        let canonical = canonical_of(presented, call, demand);
        canonical
            .write(scratch)
            .map_err(Refusal::SignatureMalformed)?;
        scratch.request.extend_from_slice(line.as_bytes());
        let mut all = vec![working(WorkingKind::CanonicalRequest, &scratch.request)];
        if let Ok(stamp) = Stamp::of(call, presented) {
            let hash = sha256(&scratch.request);
            let algorithm = presented.algorithm();
            let scope = scope_of(algorithm, &stamp, demand);
            write_string_to_sign(&mut scratch.request, algorithm, &stamp, &scope, &hash);
            all.push(working(WorkingKind::StringToSign, &scratch.request));
        }
        Ok(all)
    })
}

fn working(kind: WorkingKind, bytes: &[u8]) -> Working {
    Working {
        kind,
        text: String::from_utf8_lossy(bytes).into_owned(),
    }
}
