//! Lets a request in, or refuses it: has decided what `flow` decides, gets what that needs (the
//! body, an answer of somebody else), and checks what is to be checked before the upstream hears of
//! the request. In: a session whose head was read. Out: a `Plan`, or a `Refusal`.

use std::time::Instant;

use bytes::Bytes;
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use crate::call::{Body, Call, Parts, host_of};
use crate::clock::UtcTime;
use crate::distrust::Distrust;
use crate::flow::body::BodyWatch;
use crate::flow::{self, Circumstances, Decision};
use crate::identity::Shown;
use crate::integration::{Answer, Plan};
use crate::refusal::Refusal;
use crate::replay::Remembered;
use crate::signature::{BodyDuty, KnownBody};
use crate::snapshot::Snapshot;

use super::buffers::Held;
use super::headers;
use super::inbound;
use super::outgoing;
use super::request::Request;
use super::state::State;

/// One decision more than what may have to be had for it: what a responder says, who calls, the
/// body, and whether the signature was used before.
const MOST_ROUNDS: usize = 5;
/// A responder may be about to answer.
const NOT_YET_KNOWN: Refusal = Refusal::CertificateUntrusted(Distrust::RevocationUnknown);

/// Lets a request in: plans its answer, and finds out everything that must be known before the
/// upstream hears of it. What was planned is kept in `request`, for the log of a refusal too.
///
/// # Errors
/// Why it is refused.
pub(super) async fn admit(
    state: &State,
    session: &mut Session,
    request: &mut Request,
    snapshot: &Snapshot,
) -> Result<(), Refusal> {
    let plan = decide_whole(state, session, request, snapshot).await?;
    let checked = match tell_certificate(session, request, &plan, snapshot).await {
        Ok(()) => check_early(session, request, &plan, state.hold(snapshot)).await,
        Err(refusal) => Err(refusal),
    };
    request.plan = Some(plan);
    checked
}

/// Decides about a request, reading its body first when its signature needs that.
async fn decide_whole(
    state: &State,
    session: &mut Session,
    request: &mut Request,
    snapshot: &Snapshot,
) -> Result<Plan, Refusal> {
    let mut remembered = None;
    let mut settled = false;
    for _ in 0..MOST_ROUNDS {
        // Read anew: a caller takes its time with a body, and the memory of used signatures
        // forgets one as soon as it is no longer good.
        let now = UtcTime::now();
        let decided = decide(session, request, snapshot, remembered.as_ref(), now);
        let (body, decision) = match (decided, &request.connection) {
            (Err(NOT_YET_KNOWN), Some(connection)) if !settled => {
                settled = true;
                connection.clone().settle(snapshot, now).await;
                continue;
            }
            (decided, _) => decided?,
        };
        match decision {
            Decision::Serve(plan) => return Ok(plan),
            Decision::ReadBody { .. } if request.body.is_some() => break,
            Decision::ReadBody { limit } => {
                let mut held = state.hold(snapshot);
                let whole = inbound::read_whole(session, body, limit, &mut held).await?;
                request.body = Some(whole);
                request.held = Some(held);
            }
            Decision::Ask(question) => {
                let told = snapshot.authorizer().ask(question, now).await?;
                remembered = told.or(remembered);
            }
        }
    }
    Err(Refusal::Internal("deciding came to no end"))
}

/// One run of the stages, over the body as well when it was read.
fn decide(
    session: &mut Session,
    request: &mut Request,
    snapshot: &Snapshot,
    remembered: Option<&Remembered>,
    now: UtcTime,
) -> Result<(Body, Decision), Refusal> {
    let connection = request.connection.clone();
    let connection = connection.ok_or(Refusal::Internal("the stream is not ours"))?;
    let started = Instant::now();
    let ended = session.as_mut().is_body_empty();
    let head = session.req_header();
    let authority = head.uri.authority().filter(|_| connection.http2);
    // RFC 9113 §8.3.1 wants it of whoever speaks HTTP/2; without it, the call would be taken for
    // one of HTTP/1, in which a body that is not announced is none.
    if connection.http2 && authority.is_none() {
        return Err(Refusal::Malformed(":authority is missing"));
    }
    let call = Call::admit(&Parts {
        method: head.method.as_str(),
        target: head.raw_path(),
        authority: authority.map(|authority| authority.as_str()),
        headers: &head.headers,
        ended,
    })
    .map_err(|why| Refusal::Malformed(why.0))?;
    let listener = snapshot.listener(&connection.listener);
    // A reload has removed it: the caller may come back where there is one.
    let listener = listener.ok_or(Refusal::Misdirected)?;
    let caller = connection.caller(snapshot, now);
    request.certificate_verdict = caller.certificate.verdict();
    let decided = flow::decide(
        snapshot,
        &call,
        &Circumstances {
            caller,
            tls: listener.tls.as_deref(),
            remembered,
            body: match (&request.body, call.body()) {
                (Some(whole), _) => KnownBody::Whole(whole),
                (None, Body::Empty) => KnownBody::Empty,
                (None, _) => KnownBody::Unread,
            },
            max_body_bytes: listener.settings.limits.max_body_bytes,
            now,
        },
    );
    request.decided_in += started.elapsed();
    request.route = decided.route;
    if let Some(explained) = decided.explained
        && connection.state.explanations.admits(now)
    {
        // As one line, whatever a caller sent: `text` is escaped.
        tracing::info!(
            request_id = request.id.as_str(),
            consumer = %explained.consumer,
            checked_against = ?explained.text,
            "A signature was refused."
        );
    }
    decided.outcome.map(|decision| (call.body(), decision))
}

/// Finds what the upstream is to be told of the certificate, before it hears of the request.
async fn tell_certificate(
    session: &Session,
    request: &mut Request,
    plan: &Plan,
    snapshot: &Snapshot,
) -> Result<(), Refusal> {
    if let (Answer::Proxy(upstream), Some(connection)) = (plan.answer(), &request.connection) {
        let host = host_of(authority_of(session.req_header()));
        if upstream.certificate_headers().names().is_empty() {
            return Ok(());
        }
        // A route that demands no certificate has not waited for what a responder says of it.
        let now = UtcTime::now();
        let certificate = connection.caller(snapshot, now).certificate;
        if matches!(certificate, Shown::Untrusted(Distrust::RevocationUnknown)) {
            connection.settle(snapshot, now).await;
        }
        let fields = headers::of_certificate(upstream, connection, snapshot, host)?;
        request.certificate = fields;
    }
    Ok(())
}

/// Checks a small signed body before the upstream hears of the request; sets a watch over
/// what streams. A mock has no upstream to wait for, so its bodies are checked whole.
async fn check_early(
    session: &mut Session,
    request: &mut Request,
    plan: &Plan,
    mut held: Held,
) -> Result<(), Refusal> {
    if !request.has_body {
        return Ok(());
    }
    let mut watch = BodyWatch::new(plan.duty(), plan.max_body_bytes());
    if let Some(whole) = request.body.take() {
        // It was read to judge the signature, and owes what any other body does.
        request.body = Some(watch.pass(whole, true)?);
        return Ok(());
    }
    let length = session
        .req_header()
        .headers
        .get(http::header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let small = length.is_some_and(|length| length <= inbound::REPLAYED);
    let is_mock = matches!(plan.answer(), Answer::Mock(_));
    let early = match (small, plan.duty(), outgoing::holds_body(plan)) {
        (_, _, Some(limit)) => Some(limit),
        // Its head alone would make a complete request of it.
        (_, BodyDuty::Chunked(duty), None) if duty.decoded_length() == 0 => Some(inbound::REPLAYED),
        (true, BodyDuty::Sha256(_) | BodyDuty::Digest(_) | BodyDuty::Chunked(_), None) => {
            Some(inbound::REPLAYED)
        }
        _ => None,
    };
    if is_mock {
        inbound::invite(session).await?;
        while let Some(chunk) = session
            .read_request_body()
            .await
            .map_err(|e| inbound::broken(&e))?
        {
            watch.pass(chunk, false)?;
        }
        watch.pass(Bytes::new(), true)?;
    } else if let Some(limit) = early {
        let body = match length {
            Some(length) => Body::Length(length),
            None => Body::Unknown,
        };
        let whole = inbound::read_whole(session, body, limit, &mut held).await?;
        request.body = Some(watch.pass(whole, true)?);
        request.held = Some(held);
    } else {
        inbound::invite(session).await?;
        request.watch = Some(watch);
    }
    Ok(())
}

pub(super) fn authority_of(head: &RequestHeader) -> &str {
    let host = || head.headers.get(http::header::HOST)?.to_str().ok();
    head.uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(host)
        .unwrap_or_default()
}
