//! Reads bodies before an upstream is chosen: to hash one whose signature needs it, to check
//! one that is small enough to be checked first, or to get one out of the way of the next
//! request. In: a session whose head was read. Out: the body, or a `Refusal`.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::EXPECT;
use pingora_core::protocols::http::ServerSession;
use pingora_core::{BError, Error, ErrorType};

use crate::call::Body;
use crate::refusal::Refusal;

use super::buffers::Held;

/// What Pingora keeps of a body that was read early, and hands to its upstream side again.
pub(super) const REPLAYED: u64 = 64 * 1024;
/// How much of an unwanted body is read, and for how long, to keep the connection.
const DRAIN_BYTES: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Reads a body whole, at most `limit` bytes of it, and as long as `held` has leave for it.
///
/// Pingora calls its body filter for a body that was read early only when it has kept some
/// of it, which it does up to 64 KiB. Of a longer body it is told to keep the end; the filter
/// then puts the whole in its place. A body of unknown length that is longer cannot be told
/// in time, so it is refused.
///
/// # Errors
/// It is too large, breaks off, or takes too long; or too much is held already.
pub(super) async fn read_whole(
    session: &mut ServerSession,
    body: Body,
    limit: u64,
    held: &mut Held,
) -> Result<Bytes, Refusal> {
    let (length, limit) = match body {
        Body::Empty => return Ok(Bytes::new()),
        Body::Length(length) if length > limit => return Err(Refusal::BodyTooLarge),
        Body::Length(length) => (Some(length), limit),
        Body::Unknown => (None, limit.min(REPLAYED)),
    };
    invite(session).await?;
    // A length is a claim until the bytes are here.
    let mut whole = BytesMut::with_capacity(length.unwrap_or_default().min(REPLAYED) as usize);
    loop {
        let left = length.map_or(0, |length| length.saturating_sub(whole.len() as u64));
        if left <= REPLAYED {
            session.enable_retry_buffering();
        }
        match session.read_request_body().await {
            Ok(Some(chunk)) => {
                held.grow(chunk.len())?;
                whole.extend_from_slice(&chunk);
            }
            Ok(None) => break,
            Err(e) => return Err(broken(&e)),
        }
        if whole.len() as u64 > limit {
            return Err(Refusal::BodyTooLarge);
        }
    }
    Ok(whole.freeze())
}

/// Waits until a caller who has sent everything leaves.
pub(super) async fn left(session: &mut ServerSession) -> BError {
    let error = match session.read_body_or_idle(true).await {
        Err(error) => error,
        Ok(_) => Error::explain(ErrorType::ConnectionClosed, "the caller left"),
    };
    error.into_down()
}

/// Tells a caller that waits for it that its body is welcome (RFC 9110 §10.1.1).
pub(super) async fn invite(session: &mut ServerSession) -> Result<(), Refusal> {
    if !waits_for_invitation(session) {
        return Ok(());
    }
    match session.write_continue_response().await {
        Ok(()) => Ok(()),
        Err(e) => Err(broken(&e)),
    }
}

/// Reads an unwanted body, within bounds; false when the connection cannot be kept.
pub(super) async fn drain(session: &mut ServerSession) -> bool {
    if session.is_body_done() {
        return true;
    }
    // This caller sends only when told to, which it will not be.
    if waits_for_invitation(session) {
        return false;
    }
    let read = async {
        let mut taken = 0;
        while taken <= DRAIN_BYTES {
            match session.read_request_body().await {
                Ok(Some(chunk)) => taken += chunk.len(),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    };
    tokio::time::timeout(DRAIN_TIME, read)
        .await
        .unwrap_or(false)
}

fn waits_for_invitation(session: &ServerSession) -> bool {
    let expects = session.req_header().headers.get(EXPECT);
    !session.is_http2()
        && expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// What an error in reading a body comes to.
pub(super) fn broken(error: &pingora_core::Error) -> Refusal {
    let cause = error
        .cause
        .as_ref()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    let by_our_deadline = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut);
    match error.etype {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Refusal::BodyTimeout,
        _ if by_our_deadline => Refusal::BodyTimeout,
        _ => Refusal::Malformed("the body broke off or is not framed as it says"),
    }
}
