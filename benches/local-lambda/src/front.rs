//! The API in front, as Lambda serves it: finds the function, holds the request to Lambda's
//! limits, and tells what the function answers, whole, as a stream, or to nobody.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc::Receiver;

use crate::error::{FunctionError, ServiceError};
use crate::function::arn;
use crate::http1::{self, Body, JSON, collect, whole};
use crate::ledger::{Ending, Entry, Invocation, Kind};
use crate::pool::Pool;
use crate::sandbox::{Last, MAX_PAYLOAD_BYTES, Part, Work};
use crate::stream::EventStream;

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
        let status = StatusCode::from_u16(failure.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return Err(ServiceError::new(
            status,
            &failure.error_type,
            "On purpose.",
        ));
    }
    let payload = read(body, target.kind).await?;
    let work = Work {
        request_id: request_id.to_string(),
        arn: target.arn(),
        trace_id: text(&head.headers, "x-amzn-trace-id"),
        client_context: text(&head.headers, "x-amz-client-context"),
        payload: payload.clone(),
    };
    let invocation = Invocation {
        request_id: request_id.to_string(),
        kind: target.kind,
        named: target.named.clone(),
        qualifier: target.qualifier.clone(),
        headers: head.headers,
        body: payload,
        ending: None,
    };
    start(pool, &target, work, invocation).await
}

async fn start(
    pool: &Arc<Pool>,
    target: &Target,
    work: Work,
    invocation: Invocation,
) -> Result<Response<Body>, ServiceError> {
    let name = &pool.function.name;
    if target.kind == Kind::Event {
        let entry = pool.ledger.open(name, invocation);
        tokio::spawn(run_event(pool.clone(), work, entry));
        return Ok(target.accepted());
    }
    let place = pool.admit().await.ok_or_else(ServiceError::throttled)?;
    let entry = pool.ledger.open(name, invocation);
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
    let mut remapped = None;
    let mut first = parts.recv().await;
    if let Some(Part::ContentType(kind)) = first {
        remapped = HeaderValue::from_str(&kind).ok();
        first = parts.recv().await;
    }
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
    let content_type = HeaderValue::from_static("application/vnd.amazon.eventstream");
    headers.insert("content-type", content_type);
    if let Some(kind) = remapped {
        headers.insert("x-amzn-remapped-content-type", kind);
    }
    Ok(response)
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
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => {
            let message = format!("Could not parse request body into json: {error}");
            let error_type = "InvalidRequestContentException";
            Err(ServiceError::new(
                StatusCode::BAD_REQUEST,
                error_type,
                &message,
            ))
        }
    }
}

/// What a request invokes.
struct Target {
    kind: Kind,
    /// As in the path, decoded.
    named: String,
    function: String,
    qualifier: Option<String>,
}

impl Target {
    fn find(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, ServiceError> {
        let unknown = |what: &str| {
            ServiceError::new(StatusCode::NOT_FOUND, "UnknownOperationException", what)
        };
        let segments: Vec<_> = uri.path().split('/').collect();
        let (name, kind) = match segments[..] {
            ["", "2015-03-31", "functions", name, "invocations"] => (name, asked_kind(headers)?),
            [
                "",
                "2021-11-15",
                "functions",
                name,
                "response-streaming-invocations",
            ] => (name, Kind::Stream),
            _ => return Err(unknown("No such operation.")),
        };
        if method != Method::POST {
            return Err(unknown("No such operation by this method."));
        }
        let named = percent_decode_str(name).decode_utf8_lossy().into_owned();
        let (function, in_name) = split_name(&named);
        Ok(Self {
            kind,
            function: function.to_string(),
            qualifier: qualifier(uri).or(in_name.map(str::to_string)),
            named,
        })
    }

    /// With the qualifier, as a function is told it.
    fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", arn(&self.function)),
            None => arn(&self.function),
        }
    }

    fn accepted(&self) -> Response<Body> {
        self.answered(StatusCode::ACCEPTED, whole(""))
    }

    fn answered(&self, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if self.kind != Kind::Event {
            let version = HeaderValue::from_str(self.version());
            let headers = response.headers_mut();
            headers.insert(
                "x-amz-executed-version",
                version.unwrap_or_else(|_| HeaderValue::from_static("$LATEST")),
            );
        }
        response
    }

    /// A version is asked for by its number; every alias here leads to the latest.
    fn version(&self) -> &str {
        match self.qualifier.as_deref() {
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => "$LATEST",
        }
    }
}

fn asked_kind(headers: &HeaderMap) -> Result<Kind, ServiceError> {
    match text(headers, "x-amz-invocation-type").as_deref() {
        None | Some("RequestResponse") => Ok(Kind::RequestResponse),
        Some("Event") => Ok(Kind::Event),
        Some(other) => Err(ServiceError::new(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            &format!("The invocation type {other} is not known here."),
        )),
    }
}

/// The name in a name, a partial or a whole ARN, and the qualifier behind it.
fn split_name(named: &str) -> (&str, Option<&str>) {
    let tail = match named.rsplit_once("function:") {
        Some((_, tail)) => tail,
        None => named,
    };
    match tail.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (tail, None),
    }
}

fn qualifier(uri: &Uri) -> Option<String> {
    let mut pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == "Qualifier")?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// In the shape of those that Lambda gives, and countable.
fn new_request_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    format!("{:08x}-0000-4000-8000-{number:012x}", std::process::id())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn a_function_is_named_alone_or_by_an_arn_and_with_or_without_a_qualifier() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:";
        for (named, expected) in [
            ("echo".to_string(), ("echo", None)),
            ("echo:live".to_string(), ("echo", Some("live"))),
            (format!("{arn}echo"), ("echo", None)),
            (format!("{arn}echo:7"), ("echo", Some("7"))),
            ("123456789012:function:echo".to_string(), ("echo", None)),
        ] {
            assert_eq!(split_name(&named), expected, "{named}");
        }
    }
}
