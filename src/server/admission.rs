//! Lets a request in, or refuses it: has decided what `flow` decides, gets what that needs (the
//! body, an answer of somebody else), and checks what is to be checked before the upstream hears of
//! the request. In: a session whose head was read. Out: a `Plan`, or a `Refusal`.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use pingora_core::protocols::http::ServerSession;

use crate::authorize::{Answers, Question};
use crate::call::{Body, Call, Parts, host_of};
use crate::clock::UtcTime;
use crate::distrust::Distrust;
use crate::flow::body::BodyWatch;
use crate::flow::{self, Circumstances, Decision};
use crate::identity::Shown;
use crate::integration::{Answer, Lambda, Plan};
use crate::refusal::Refusal;
use crate::signature::{BodyDuty, KnownBody};
use crate::snapshot::Snapshot;

use super::buffers::Held;
use super::headers::{self, authority_of};
use super::inbound;
use super::outgoing;
use super::request::Request;
use super::state::State;
use super::told::Told;

/// One decision more than what may have to be had for it: what a responder says, who calls, the
/// body, a function's leave, and whether the signature was used before.
const MOST_ROUNDS: usize = 6;
/// What is set aside for a body before it has come.
const CLAIMED: u64 = 64 * 1024;
/// A responder may be about to answer.
const NOT_YET_KNOWN: Refusal = Refusal::CertificateUntrusted(Distrust::RevocationUnknown);

/// Lets a request in: plans its answer, and finds out everything that must be known before the
/// upstream hears of it. What was planned is kept in `request`, for the log of a refusal too.
///
/// # Errors
/// Why it is refused.
pub(super) async fn admit(
    state: &State,
    session: &mut ServerSession,
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
    session: &mut ServerSession,
    request: &mut Request,
    snapshot: &Snapshot,
) -> Result<Plan, Refusal> {
    let mut answers = Answers::default();
    let mut settled = false;
    for _ in 0..MOST_ROUNDS {
        // Read anew: a caller takes its time with a body, and the memory of used signatures
        // forgets one as soon as it is no longer good.
        let now = UtcTime::now();
        let decided = decide(session, request, snapshot, &answers, now);
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
                ask(session, request, snapshot, question, &mut answers).await?;
            }
        }
    }
    Err(Refusal::Internal("deciding came to no end"))
}

/// Has a question answered; a function is told of the request.
async fn ask(
    session: &mut ServerSession,
    request: &Request,
    snapshot: &Snapshot,
    question: Question,
    answers: &mut Answers,
) -> Result<(), Refusal> {
    const UNTOLD: Refusal = Refusal::Internal("the request cannot be told");
    let authorizer = snapshot.authorizer();
    let now = UtcTime::now();
    let Some(stage) = question.stage().cloned() else {
        return authorizer.ask(question, None, now, answers).await;
    };
    let told = Told::of_asking(session, request, snapshot).map_err(|_| UNTOLD)?;
    let (Some(connection), Some(route)) = (&request.connection, &request.route) else {
        return Err(UNTOLD);
    };
    let told = told.request(request, connection, route, &stage, snapshot);
    authorizer.ask(question, Some(&told), now, answers).await
}

/// One run of the stages, over the body as well when it was read.
fn decide(
    session: &mut ServerSession,
    request: &mut Request,
    snapshot: &Snapshot,
    answers: &Answers,
    now: UtcTime,
) -> Result<(Body, Decision), Refusal> {
    let connection = request.connection.clone();
    let connection = connection.ok_or(Refusal::Internal("the stream is not ours"))?;
    let started = Instant::now();
    let ended = session.is_body_empty();
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
            answers,
            body: match (&request.body, call.body()) {
                (Some(whole), _) => KnownBody::Whole(whole),
                (None, Body::Empty) => KnownBody::Empty,
                (None, _) => KnownBody::Unread,
            },
            max_body_bytes: listener.settings.limits.max_body_bytes,
            now,
            timely: connection.state.is_timely(snapshot),
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

/// Finds what the upstream or the function is to be told of the certificate, before it hears of the
/// request.
async fn tell_certificate(
    session: &ServerSession,
    request: &mut Request,
    plan: &Plan,
    snapshot: &Snapshot,
) -> Result<(), Refusal> {
    let Some(connection) = &request.connection else {
        return Ok(());
    };
    let upstream = match plan.answer() {
        Answer::Proxy(upstream) if upstream.certificate_headers().names().is_empty() => {
            return Ok(());
        }
        Answer::Proxy(upstream) => Some(upstream),
        Answer::Lambda(_) => None,
        Answer::Mock(_) => return Ok(()),
    };
    // A route that demands no certificate has not waited for what a responder says of it.
    let now = UtcTime::now();
    let certificate = connection.caller(snapshot, now).certificate;
    if matches!(certificate, Shown::Untrusted(Distrust::RevocationUnknown)) {
        connection.settle(snapshot, now).await;
    }
    if let Some(upstream) = upstream {
        let host = host_of(authority_of(session.req_header()));
        let fields = headers::of_certificate(upstream, connection, snapshot, host)?;
        request.certificate = fields;
    }
    Ok(())
}

/// Checks a body before anybody hears of the request, as far as it must be: one that streams to
/// an upstream gets a watch, if it is not small; one of which an event is made is held whole.
async fn check_early(
    session: &mut ServerSession,
    request: &mut Request,
    plan: &Plan,
    held: Held,
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
    match plan.answer() {
        Answer::Proxy(_) => check_for_upstream(session, request, plan, watch, held).await,
        Answer::Lambda(lambda) => {
            let (whole, held) = hold_for_function(session, plan, lambda, watch, held).await?;
            (request.body, request.held) = (Some(whole), Some(held));
            Ok(())
        }
        Answer::Mock(_) => read_through(session, watch).await,
    }
}

/// What the head says of the length.
fn announced(session: &ServerSession) -> Option<u64> {
    let headers = &session.req_header().headers;
    let length = headers.get(http::header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

async fn check_for_upstream(
    session: &mut ServerSession,
    request: &mut Request,
    plan: &Plan,
    mut watch: BodyWatch,
    mut held: Held,
) -> Result<(), Refusal> {
    let length = announced(session);
    let small = length.is_some_and(|length| length <= inbound::REPLAYED);
    let early = match (small, plan.duty(), outgoing::holds_body(plan)) {
        (_, _, Some(limit)) => Some(limit),
        // Its head alone would make a complete request of it.
        (_, BodyDuty::Chunked(duty), None) if duty.decoded_length() == 0 => Some(inbound::REPLAYED),
        (true, BodyDuty::Sha256(_) | BodyDuty::Digest(_) | BodyDuty::Chunked(_), None) => {
            Some(inbound::REPLAYED)
        }
        _ => None,
    };
    if let Some(limit) = early {
        let body = match length {
            Some(length) => Body::Length(length),
            None => Body::Unknown,
        };
        let whole = inbound::read_whole(session, body, limit, &mut held).await?;
        (request.body, request.held) = (Some(watch.pass(whole, true)?), Some(held));
    } else {
        inbound::invite(session).await?;
        request.watch = Some(watch);
    }
    Ok(())
}

/// Reads the body of which an event will be made. What could make none is refused before it is
/// read.
async fn hold_for_function(
    session: &mut ServerSession,
    plan: &Plan,
    lambda: &Lambda,
    mut watch: BodyWatch,
    mut held: Held,
) -> Result<(Bytes, Held), Refusal> {
    let most = lambda.function().max_event_bytes();
    let length = match plan.duty() {
        BodyDuty::Chunked(duty) => Some(duty.decoded_length()),
        BodyDuty::None | BodyDuty::Sha256(_) | BodyDuty::Digest(_) => announced(session),
    };
    if length.is_some_and(|length| length > most) {
        return Err(lambda.too_large());
    }
    inbound::invite(session).await?;
    // A length is a claim until the bytes are here.
    let mut whole = BytesMut::with_capacity(length.unwrap_or_default().min(CLAIMED) as usize);
    loop {
        let chunk = session.read_request_body().await;
        let chunk = chunk.map_err(|e| inbound::broken(&e))?;
        let end = chunk.is_none();
        let passed = watch.pass(chunk.unwrap_or_default(), end)?;
        if (whole.len() + passed.len()) as u64 > most {
            return Err(lambda.too_large());
        }
        held.grow(passed.len())?;
        whole.extend_from_slice(&passed);
        if end {
            return Ok((whole.freeze(), held));
        }
    }
}

/// Reads a body that goes nowhere, but must be right.
async fn read_through(session: &mut ServerSession, mut watch: BodyWatch) -> Result<(), Refusal> {
    inbound::invite(session).await?;
    loop {
        let chunk = session.read_request_body().await;
        let chunk = chunk.map_err(|e| inbound::broken(&e))?;
        let end = chunk.is_none();
        watch.pass(chunk.unwrap_or_default(), end)?;
        if end {
            return Ok(());
        }
    }
}
