//! A sandbox over Lambda's Runtime API, served here: the function's process asks for its next
//! invocation and posts what it answers, whole or bit by bit. Each bit is passed on as it comes.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use crate::error::FunctionError;
use crate::function::Function;
use crate::http1::{Body, collect, serve, text, whole};
use crate::process::{Process, Processes};
use crate::work::{Last, Outcome, Part, Work};

/// The largest answer that is not streamed: that of AWS's emulator.
const MAX_RESPONSE_BYTES: usize = 6_291_556;
/// The largest description of an error.
const MAX_ERROR_BYTES: usize = 256 * 1024;

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

pub(crate) struct RuntimeApi {
    pub process: Process,
    desk: Arc<Desk>,
    timeout: Duration,
    timeout_secs: u32,
    server: AbortHandle,
}

impl RuntimeApi {
    /// # Errors
    /// When the process or a port cannot be had.
    pub fn start(function: &Function, processes: &Arc<Processes>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let mut command = Command::new(&function.command[0]);
        command.args(&function.command[1..]);
        let mut command = function.sandboxed(command);
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        let desk = Arc::new(Desk::default());
        let answered = desk.clone();
        let server = tokio::spawn(serve(listener, move |request| {
            let desk = answered.clone();
            async move { desk.answer(request).await }
        }));
        Ok(Self {
            process: processes.start(function, command)?,
            desk,
            timeout: function.timeout(),
            timeout_secs: function.timeout_secs,
            server: server.abort_handle(),
        })
    }

    pub async fn run(&mut self, work: &Work, parts: &Sender<Part>) -> Outcome {
        let finished = self.desk.lay_out(work, parts, self.timeout);
        let id = &work.request_id;
        let outcome = tokio::select! {
            biased;
            Ok(outcome) = finished => outcome,
            status = self.process.exited() => {
                let error = FunctionError::exited(id, &status.to_string());
                Outcome::spent(Last::Failed(error))
            }
            () = tokio::time::sleep(self.timeout) => {
                let error = FunctionError::timed_out(id, self.timeout_secs);
                Outcome::spent(Last::Failed(error))
            }
        };
        self.desk.clear();
        outcome
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Where the invocation lies on which a function works.
#[derive(Default)]
struct Desk {
    job: Mutex<Option<Job>>,
    laid_out: Notify,
}

struct Job {
    work: Work,
    deadline_ms: u128,
    is_taken: bool,
    parts: Sender<Part>,
    finish: Option<oneshot::Sender<Outcome>>,
}

impl Desk {
    fn lay_out(
        &self,
        work: &Work,
        parts: &Sender<Part>,
        timeout: Duration,
    ) -> oneshot::Receiver<Outcome> {
        let (finish, finished) = oneshot::channel();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        *self.job() = Some(Job {
            work: work.clone(),
            deadline_ms: (now + timeout).as_millis(),
            is_taken: false,
            parts: parts.clone(),
            finish: Some(finish),
        });
        self.laid_out.notify_one();
        finished
    }

    fn clear(&self) {
        *self.job() = None;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_string();
        let is_post = request.method() == Method::POST;
        if path == INIT_ERROR && is_post {
            return self.take_init_error(request.into_body()).await;
        }
        match path.strip_prefix(INVOCATION) {
            Some("next") if request.method() == Method::GET => self.next().await,
            Some(rest) if is_post => match rest.split_once('/') {
                Some((id, "response")) => self.take_response(id, request).await,
                Some((id, "error")) => self.take_error(id, request.into_body()).await,
                _ => told(StatusCode::NOT_FOUND, "NotFound"),
            },
            _ => told(StatusCode::NOT_FOUND, "NotFound"),
        }
    }

    /// The invocation that lies here, once there is one.
    async fn next(&self) -> Response<Body> {
        loop {
            if let Some(response) = self.take() {
                return response;
            }
            self.laid_out.notified().await;
        }
    }

    fn take(&self) -> Option<Response<Body>> {
        let mut desk = self.job();
        let job = desk.as_mut().filter(|job| !job.is_taken)?;
        job.is_taken = true;
        Some(described(job))
    }

    async fn take_response(&self, id: &str, request: Request<Incoming>) -> Response<Body> {
        let Some((parts, finish)) = self.begin(id) else {
            return told(StatusCode::BAD_REQUEST, "InvalidRequestID");
        };
        let (head, body) = request.into_parts();
        if let Some(kind) = text(&head.headers, "content-type") {
            let _ = parts.send(Part::ContentType(kind)).await;
        }
        let mode = text(&head.headers, "lambda-runtime-function-response-mode");
        let outcome = match mode.as_deref() {
            Some("streaming") => pass_on(body, &parts).await,
            _ => pass_whole(body, &parts).await,
        };
        let status = match outcome.reusable {
            true => StatusCode::ACCEPTED,
            false => StatusCode::PAYLOAD_TOO_LARGE,
        };
        let _ = finish.send(outcome);
        told(status, "OK")
    }

    async fn take_error(&self, id: &str, body: Incoming) -> Response<Body> {
        let Some((_, finish)) = self.begin(id) else {
            return told(StatusCode::BAD_REQUEST, "InvalidRequestID");
        };
        let error = collect(body, MAX_ERROR_BYTES).await.unwrap_or_default();
        let _ = finish.send(Outcome::reusable(Last::Failed(FunctionError(error))));
        told(StatusCode::ACCEPTED, "OK")
    }

    /// A function that cannot begin fails the invocation for which it was started.
    async fn take_init_error(&self, body: Incoming) -> Response<Body> {
        let error = collect(body, MAX_ERROR_BYTES).await.unwrap_or_default();
        if let Some(finish) = self.job().as_mut().and_then(|job| job.finish.take()) {
            let _ = finish.send(Outcome::spent(Last::Failed(FunctionError(error))));
        }
        told(StatusCode::ACCEPTED, "OK")
    }

    /// Where the answer to an invocation goes, the first time that one is posted.
    fn begin(&self, id: &str) -> Option<(Sender<Part>, oneshot::Sender<Outcome>)> {
        let mut desk = self.job();
        let job = desk.as_mut().filter(|job| job.work.request_id == id)?;
        Some((job.parts.clone(), job.finish.take()?))
    }

    fn job(&self) -> MutexGuard<'_, Option<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes each piece on as it comes. Nobody need take them: the function goes on.
async fn pass_on(mut body: Incoming, parts: &Sender<Part>) -> Outcome {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Outcome::spent(Last::Failed(truncated()));
        };
        match frame.into_data() {
            Ok(bytes) => drop(parts.send(Part::Chunk(bytes)).await),
            Err(frame) => {
                if let Some(error) = frame.trailers_ref().and_then(error_in) {
                    return Outcome::reusable(Last::Failed(error));
                }
            }
        }
    }
    Outcome::reusable(Last::Complete)
}

async fn pass_whole(body: Incoming, parts: &Sender<Part>) -> Outcome {
    match collect(body, MAX_RESPONSE_BYTES).await {
        Some(bytes) => {
            let _ = parts.send(Part::Chunk(bytes)).await;
            Outcome::reusable(Last::Complete)
        }
        None => {
            let error = FunctionError::response_too_large(MAX_RESPONSE_BYTES);
            Outcome::spent(Last::Failed(error))
        }
    }
}

/// What a function says in trailers when it fails with half of its answer out.
fn error_in(trailers: &HeaderMap) -> Option<FunctionError> {
    let error_type = text(trailers, "lambda-runtime-function-error-type")?;
    let told = text(trailers, "lambda-runtime-function-error-body");
    Some(match told.and_then(|body| from_base64(&body)) {
        Some(body) => FunctionError(body),
        None => FunctionError::new(&error_type, ""),
    })
}

fn from_base64(text: &str) -> Option<Bytes> {
    aws_smithy_types::base64::decode(text).ok().map(Bytes::from)
}

fn truncated() -> FunctionError {
    FunctionError::new("Runtime.TruncatedResponse", "The response was broken off.")
}

fn described(job: &Job) -> Response<Body> {
    let work = &job.work;
    let mut response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &work.request_id)
        .header("lambda-runtime-deadline-ms", job.deadline_ms.to_string())
        .header("lambda-runtime-invoked-function-arn", &work.arn);
    if let Some(trace_id) = &work.trace_id {
        response = response.header("lambda-runtime-trace-id", trace_id);
    }
    if let Some(context) = &work.client_context {
        response = response.header("lambda-runtime-client-context", context);
    }
    response
        .body(whole(work.payload.clone()))
        .unwrap_or_else(|_| told(StatusCode::INTERNAL_SERVER_ERROR, "Unspeakable"))
}

fn told(status: StatusCode, word: &str) -> Response<Body> {
    let mut response = Response::new(whole(json!({"status": word}).to_string()));
    *response.status_mut() = status;
    response
}
