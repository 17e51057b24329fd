//! Has a function answer a request. In: a request that has its plan and its body. Out: the
//! function's answer, written to the caller as it comes or whole, or a `Refusal`. A caller who
//! leaves ends the invocation.

use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, StatusCode, Version};
use pingora_core::protocols::http::ServerSession;
use pingora_core::{BError, Error, ErrorSource, ErrorType};
use pingora_http::ResponseHeader;

use crate::config::Invocation;
use crate::integration::Lambda;
use crate::lambda::{Invoked, Prelude, PreludeReader, Reply};
use crate::refusal::{FunctionFailure, Refusal};
use crate::response::{self, REQUEST_ID};
use crate::snapshot::Snapshot;

use super::buffers::Held;
use super::inbound;
use super::reply::{refuse, send};
use super::request::Request;
use super::state::State;
use super::told::Told;

/// Why there is no answer.
enum Stopped {
    /// Nothing has been written yet: the caller is told.
    Refused(Refusal),
    /// The caller has left, or has got a part of the answer.
    Broken(BError),
}

impl From<BError> for Stopped {
    fn from(error: BError) -> Self {
        Self::Broken(error)
    }
}

/// Has the function answer.
pub(super) async fn answer(
    state: &State,
    session: &mut ServerSession,
    request: &mut Request,
    snapshot: &Snapshot,
    lambda: &Lambda,
) -> Result<bool, BError> {
    let mut held = state.hold(snapshot);
    match invoke(session, request, snapshot, lambda, &mut held).await {
        Ok(()) => Ok(true),
        Err(Stopped::Refused(refusal)) => refuse(session, request, refusal).await,
        Err(Stopped::Broken(error)) => {
            // Its body was read before the function heard of it.
            if matches!(error.esource, ErrorSource::Downstream) {
                request.refusal.get_or_insert(Refusal::CallerLeft);
            }
            Err(error)
        }
    }
}

async fn invoke(
    session: &mut ServerSession,
    request: &mut Request,
    snapshot: &Snapshot,
    lambda: &Lambda,
    held: &mut Held,
) -> Result<(), Stopped> {
    let refused = |failure| Stopped::Refused(lambda.refusal(failure));
    // What it is told of the trace names the try as its parent.
    request.set_out();
    let told = Told::of_planned(session, request, snapshot)?;
    let event = event_of(&told, request, snapshot, lambda).map_err(|refusal| {
        request.try_failed(refusal.code());
        Stopped::Refused(refusal)
    })?;
    held.grow(event.len()).map_err(Stopped::Refused)?;
    // The event holds what was in it.
    (request.body, request.held) = (None, None);
    request.upstream_since = Some(Instant::now());
    let invoked = lambda.function().invoke(event, Some(told.trace()));
    let invoked = unless_left(session, invoked).await?.map_err(refused)?;
    // Lambda has the event.
    held.give_back();
    match lambda.invocation() {
        Invocation::ResponseStream => stream(session, request, lambda, invoked).await,
        Invocation::RequestResponse | Invocation::Event => {
            whole(session, request, lambda, invoked, held).await
        }
    }
}

/// Passes an answer on once it is whole.
async fn whole(
    session: &mut ServerSession,
    request: &mut Request,
    lambda: &Lambda,
    invoked: Invoked,
    held: &mut Held,
) -> Result<(), Stopped> {
    let refused = |failure| Stopped::Refused(lambda.refusal(failure));
    let hold = |bytes| {
        let grown = held.grow(bytes);
        grown.map_err(|_| FunctionFailure::BuffersFull)
    };
    let reply = unless_left(session, invoked.whole(hold)).await?;
    let mut reply = reply.map_err(refused)?;
    request.upstream_answered();
    let read = read(session, request, lambda, &reply);
    let answer = read.map_err(|failure| {
        reply.failed(failure);
        refused(failure)
    })?;
    // Its place is free before the caller can come again.
    drop(reply);
    Ok(send(session, answer).await?)
}

/// What the caller is to get of a whole answer.
fn read(
    session: &ServerSession,
    request: &Request,
    lambda: &Lambda,
    reply: &Reply,
) -> Result<response::Answer, FunctionFailure> {
    let id = &request.id;
    if reply.is_error {
        return Err(FunctionFailure::Error);
    }
    if lambda.invocation() == Invocation::Event {
        return Ok(response::answer(StatusCode::ACCEPTED, [], Bytes::new(), id));
    }
    let accept = session.req_header().headers.get(ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    let answer = lambda.read(reply.payload.clone(), accept)?;
    Ok(response::answer(
        answer.status,
        answer.fields,
        answer.body,
        id,
    ))
}

fn event_of(
    told: &Told,
    request: &Request,
    snapshot: &Snapshot,
    lambda: &Lambda,
) -> Result<Bytes, Refusal> {
    let (Some(plan), Some(connection)) = (&request.plan, &request.connection) else {
        return Err(Refusal::Internal("there is no plan"));
    };
    let told = told.request(request, connection, plan.route(), lambda.stage(), snapshot);
    let body = request.body.as_deref().unwrap_or_default();
    lambda.event(&told, body)
}

/// Passes an answer on as it comes.
async fn stream(
    session: &mut ServerSession,
    request: &mut Request,
    lambda: &Lambda,
    mut invoked: Invoked,
) -> Result<(), Stopped> {
    let prelude = match read_prelude(session, &mut invoked).await? {
        Ok(prelude) => prelude,
        Err(failure) => return Err(Stopped::Refused(lambda.refusal(failure))),
    };
    request.upstream_answered();
    let has_body = session.req_header().method != Method::HEAD
        && !matches!(prelude.status.as_u16(), 204 | 304);
    let head = head_of(session, request, &prelude, has_body)?;
    if let Some(connection) = &request.connection {
        connection.send_at_once();
    }
    let written = session.write_response_header(Box::new(head));
    written.await.map_err(|e| e.into_down())?;
    if !has_body {
        invoked.suffices();
        return Ok(());
    }
    let mut left = prelude.content_length;
    let mut next = Some(prelude.rest);
    while let Some(bytes) = next {
        if !bytes.is_empty() {
            spend(&mut left, bytes.len()).map_err(|failure| {
                invoked.failed(failure);
                broken(request, lambda.refusal(failure))
            })?;
            write(session, Some(bytes)).await?;
        }
        next = unless_left(session, invoked.next())
            .await?
            .map_err(|failure| broken(request, lambda.refusal(failure)))?;
    }
    if left.is_some_and(|left| left > 0) {
        let failure = FunctionFailure::Malformed("the stream is shorter than its Content-Length");
        invoked.failed(failure);
        return Err(broken(request, lambda.refusal(failure)));
    }
    drop(invoked);
    Ok(write(session, None).await?)
}

/// Writes a piece of a body, or its end. A failure is the caller's.
async fn write(session: &mut ServerSession, piece: Option<Bytes>) -> Result<(), BError> {
    let is_end = piece.is_none();
    let piece = piece.unwrap_or_default();
    let written = session.write_response_body(piece, is_end).await;
    written.map_err(|e| e.into_down())
}

async fn read_prelude(
    session: &mut ServerSession,
    invoked: &mut Invoked,
) -> Result<Result<Prelude, FunctionFailure>, BError> {
    let mut reader = PreludeReader::default();
    loop {
        let next = match unless_left(session, invoked.next()).await? {
            Ok(next) => next,
            Err(failure) => return Ok(Err(failure)),
        };
        let read = match next {
            Some(bytes) => reader.push(bytes).map_err(|why| why.0),
            None => Err("the stream ends before its prelude does"),
        };
        match read {
            Ok(None) => {}
            Ok(Some(prelude)) => return Ok(Ok(prelude)),
            Err(why) => {
                let failure = FunctionFailure::NoPrelude(why);
                invoked.failed(failure);
                return Ok(Err(failure));
            }
        }
    }
}

fn head_of(
    session: &ServerSession,
    request: &Request,
    prelude: &Prelude,
    has_body: bool,
) -> Result<ResponseHeader, BError> {
    let mut head = ResponseHeader::build(prelude.status, Some(prelude.fields.len() + 2))?;
    for (name, value) in &prelude.fields {
        head.append_header(name, value)?;
    }
    match prelude.content_length {
        Some(length) => head.insert_header(CONTENT_LENGTH, length)?,
        None if has_body && session.req_header().version == Version::HTTP_11 => {
            head.insert_header(TRANSFER_ENCODING, "chunked")?;
        }
        None => {}
    }
    head.insert_header(REQUEST_ID, request.id.as_str())?;
    Ok(head)
}

/// Takes bytes off a length that was announced.
fn spend(left: &mut Option<u64>, bytes: usize) -> Result<(), FunctionFailure> {
    let Some(announced) = left else {
        return Ok(());
    };
    let rest = announced.checked_sub(bytes as u64);
    *announced = rest.ok_or(FunctionFailure::Malformed(
        "the stream is longer than its Content-Length",
    ))?;
    Ok(())
}

/// The caller has a part of the answer and must not take it for the whole.
fn broken(request: &mut Request, refusal: Refusal) -> Stopped {
    request.refusal = Some(refusal);
    let error = Error::explain(ErrorType::InternalError, "the function's answer broke off");
    Stopped::Broken(error)
}

/// What `work` comes to, unless the caller leaves first.
async fn unless_left<T>(
    session: &mut ServerSession,
    work: impl Future<Output = T>,
) -> Result<T, BError> {
    tokio::select! {
        biased;
        done = work => Ok(done),
        left = inbound::left(session) => Err(left),
    }
}
