//! The API in front, as Lambda serves it: finds the function, holds the request to Lambda's
//! limits, and tells what the function answers, whole, as a stream, or to nobody.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::IgnoredAny;
use tokio::sync::mpsc::Receiver;

use crate::error::{FunctionError, ServiceError};
use crate::function::{ServiceFailure, arn};
use crate::http1::{self, Body, JSON, collect, text, whole};
use crate::ledger::{Ending, Entry, Invocation, Kind};
use crate::pool::Pool;
use crate::stream::EventStream;
use crate::target::Target;
use crate::work::{Last, MAX_PAYLOAD_BYTES, Part, Work};

const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// How much is read of what is refused anyway, so that its sender hears why.
const MAX_READ_BYTES: usize = 64 * 1024 * 1024;

pub(crate) type Pools = HashMap<String, Arc<Pool>>;

/// Serves Lambda's API until it is dropped.
pub(crate) async fn serve(listener: TcpListener, pools: Arc<Pools>) {
    http1::serve(listener, move |request| {
        let pools = pools.clone();
        async move { answer(&pools, request).await }
    })
    .await;
}

async fn answer(pools: &Pools, request: Request<Incoming>) -> Response<Body> {
    let request_id = new_request_id();
    let mut response = match invoke(pools, request, &request_id).await {
        Ok(response) => response,
        Err(error) => error.response(),
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

async fn invoke(
    pools: &Pools,
    request: Request<Incoming>,
    request_id: &str,
) -> Result<Response<Body>, ServiceError> {
    let (head, body) = request.into_parts();
    let target = Target::find(&head.method, &head.uri, &head.headers)?;
    let pool = pools
        .get(&target.function)
        .ok_or_else(|| ServiceError::not_found(&arn(&target.function)))?;
    if let Some(failure) = &pool.function.answers {
        return Err(on_purpose(failure));
    }
    let payload = read(body, target.kind).await?;
    let (work, invocation) = describe(head.headers, &target, request_id, payload);
    start(pool, &target, work, invocation).await
}

fn on_purpose(failure: &ServiceFailure) -> ServiceError {
    let status = StatusCode::from_u16(failure.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    ServiceError::new(status, &failure.error_type, "On purpose.")
}

/// What the function sees of a request, and what the account keeps of it.
fn describe(
    headers: HeaderMap,
    target: &Target,
    request_id: &str,
    payload: Bytes,
) -> (Work, Invocation) {
    let work = Work {
        request_id: request_id.to_string(),
        arn: target.arn(),
        trace_id: text(&headers, "x-amzn-trace-id"),
        client_context: text(&headers, "x-amz-client-context"),
        payload: payload.clone(),
    };
    let invocation = Invocation {
        request_id: request_id.to_string(),
        kind: target.kind,
        named: target.named.clone(),
        qualifier: target.qualifier.clone(),
        headers,
        body: payload,
        ending: None,
    };
    (work, invocation)
}

async fn start(
    pool: &Arc<Pool>,
    target: &Target,
    work: Work,
    invocation: Invocation,
) -> Result<Response<Body>, ServiceError> {
    let function = &pool.function;
    if target.kind == Kind::Event {
        let entry = pool.ledger.open(function, invocation);
        tokio::spawn(run_event(pool.clone(), work, entry));
        return Ok(target.accepted());
    }
    let place = pool.admit().await.ok_or_else(ServiceError::throttled)?;
    let entry = pool.ledger.open(function, invocation);
    let parts = pool.run(place, work);
    match target.kind {
        Kind::Stream => answer_as_it_comes(parts, entry, target).await,
        _ => answer_whole(parts, entry, target).await,
    }
}

/// What Lambda does behind a 202, but for its retries.
async fn run_event(pool: Arc<Pool>, work: Work, entry: Entry) {
    if let Some(place) = pool.queue().await {
        let (_, ending) = gather(pool.run(place, work)).await;
        entry.close(ending);
    }
}

async fn answer_whole(
    parts: Receiver<Part>,
    entry: Entry,
    target: &Target,
) -> Result<Response<Body>, ServiceError> {
    let (body, ending) = gather(parts).await;
    let failed = ending == Ending::FunctionError;
    let broken = ending == Ending::ServiceError;
    entry.close(ending);
    if broken {
        return Err(broken_sandbox(&String::from_utf8_lossy(&body)));
    }
    let mut response = target.answered(StatusCode::OK, whole(body));
    let headers = response.headers_mut();
    headers.insert("content-type", JSON);
    if failed {
        let unhandled = HeaderValue::from_static("Unhandled");
        headers.insert("x-amz-function-error", unhandled);
    }
    Ok(response)
}

/// All of an answer, or what is told instead of it.
async fn gather(mut parts: Receiver<Part>) -> (Bytes, Ending) {
    let mut body = BytesMut::new();
    let mut is_too_large = false;
    while let Some(part) = parts.recv().await {
        match part {
            Part::ContentType(_) => {}
            // Taken to its end, so that the function gets to its own.
            Part::Chunk(bytes) => match body.len() + bytes.len() > MAX_PAYLOAD_BYTES {
                true => is_too_large = true,
                false => body.extend_from_slice(&bytes),
            },
            Part::Last(Last::Complete) if is_too_large => {
                let error = FunctionError::response_too_large(MAX_PAYLOAD_BYTES);
                return (error.0, Ending::FunctionError);
            }
            Part::Last(Last::Complete) => return (body.freeze(), Ending::Answered),
            Part::Last(Last::Failed(error)) => return (error.0, Ending::FunctionError),
            Part::Last(Last::Broken(what)) => return (what.into(), Ending::ServiceError),
        }
    }
    let lost = Bytes::from_static(b"the sandbox is gone");
    (lost, Ending::ServiceError)
}

/// Answers with the first byte of the function, or its failure, in hand.
async fn answer_as_it_comes(
    mut parts: Receiver<Part>,
    entry: Entry,
    target: &Target,
) -> Result<Response<Body>, ServiceError> {
    let (content_type, first) = begin(&mut parts).await;
    let first = match first {
        Some(Part::Last(Last::Broken(what))) => {
            entry.close(Ending::ServiceError);
            return Err(broken_sandbox(&what));
        }
        Some(part) => part,
        None => return Err(broken_sandbox("the sandbox is gone")),
    };
    let events = EventStream::new(first, parts, entry).boxed_unsync();
    let mut response = target.answered(StatusCode::OK, events);
    let headers = response.headers_mut();
    let of_events = HeaderValue::from_static("application/vnd.amazon.eventstream");
    headers.insert("content-type", of_events);
    if let Some(content_type) = content_type {
        headers.insert("x-amzn-remapped-content-type", content_type);
    }
    Ok(response)
}

/// The content type that a function tells, if it does, and the part after it.
async fn begin(parts: &mut Receiver<Part>) -> (Option<HeaderValue>, Option<Part>) {
    match parts.recv().await {
        Some(Part::ContentType(kind)) => {
            let kind = HeaderValue::from_str(&kind).ok();
            (kind, parts.recv().await)
        }
        first => (None, first),
    }
}

fn broken_sandbox(what: &str) -> ServiceError {
    ServiceError::new(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", what)
}

/// The payload; none at all is an empty event.
async fn read(body: Incoming, kind: Kind) -> Result<Bytes, ServiceError> {
    let (limit, operation) = match kind {
        Kind::Event => (MAX_EVENT_BYTES, "InvokeFunction"),
        Kind::RequestResponse => (MAX_PAYLOAD_BYTES, "InvokeFunction"),
        Kind::Stream => (MAX_PAYLOAD_BYTES, "InvokeWithResponseStream"),
    };
    let payload = collect(body, MAX_READ_BYTES).await;
    let payload = payload
        .filter(|payload| payload.len() <= limit)
        .ok_or_else(|| ServiceError::too_large(limit, operation))?;
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(IgnoredAny) => Ok(payload),
        Err(error) => Err(ServiceError::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            &format!("Could not parse request body into json: {error}"),
        )),
    }
}

/// In the shape of those that Lambda gives, and countable.
fn new_request_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    format!("{:08x}-0000-4000-8000-{number:012x}", std::process::id())
}
