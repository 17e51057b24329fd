//! The gateway's own signature on what it passes on: the last thing that happens to a head
//! before it goes. In: the head as it will be sent, and what is known of the body. Out: the same,
//! signed, or a `Refusal`.

use http::HeaderName;
use pingora_http::RequestHeader;

use crate::clock::UtcTime;
use crate::digest::{EMPTY_HASH, sha256};
use crate::integration::{Answer, OutgoingRequest, Plan, Upstream};
use crate::refusal::Refusal;
use crate::signature::BodyDuty;

use super::request::Request;

/// The largest body that must be read before the request can be signed; `None` when its hash is
/// known without.
pub(super) fn holds_body(plan: &Plan) -> Option<u64> {
    let Answer::Proxy(upstream) = plan.answer() else {
        return None;
    };
    match plan.duty() {
        // Signed by the caller, and not passed on whole unless it is right.
        BodyDuty::Sha256(_) => None,
        BodyDuty::Digest(digest) if digest.sha256().is_some() => None,
        BodyDuty::None | BodyDuty::Digest(_) | BodyDuty::Chunked(_) => {
            upstream.signer()?.holds_bodies()
        }
    }
}

/// SHA-256 of the body that will be sent, if it is known.
pub(super) fn body_hash(request: &Request) -> Option<[u8; 32]> {
    if !request.has_body {
        return Some(EMPTY_HASH);
    }
    if let Some(whole) = &request.body {
        return Some(sha256(whole));
    }
    match request.plan.as_ref()?.duty() {
        BodyDuty::Sha256(hash) => Some(*hash),
        BodyDuty::Digest(digest) => digest.sha256().copied(),
        BodyDuty::None | BodyDuty::Chunked(_) => None,
    }
}

/// Signs `head`, if the upstream wants that.
pub(super) async fn sign(
    head: &mut RequestHeader,
    upstream: &Upstream,
    authority: &str,
    body_hash: Option<[u8; 32]>,
) -> Result<(), Refusal> {
    let Some(signer) = upstream.signer() else {
        return Ok(());
    };
    let names = head.headers.keys();
    let replaced: Vec<HeaderName> = names
        .filter(|name| signer.replaces(name.as_str()))
        .cloned()
        .collect();
    for name in replaced {
        head.remove_header(&name);
    }
    let target = head.uri.path_and_query();
    let outgoing = OutgoingRequest {
        method: head.method.as_str(),
        target: target.map_or("/", |target| target.as_str()),
        authority,
        secure: upstream.is_secure(),
        headers: &head.headers,
        body_hash,
        now: UtcTime::now(),
    };
    // In a box: every request would take as much room, and few are signed.
    let signed = Box::pin(signer.sign(&outgoing)).await;
    let signed = signed.map_err(|why| Refusal::UpstreamNotSigned(why.0))?;
    for (name, value) in signed {
        head.insert_header(name, value)
            .map_err(|_| Refusal::UpstreamNotSigned("there are too many fields"))?;
    }
    Ok(())
}
