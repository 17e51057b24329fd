//! A sandbox in AWS's runtime interface emulator. It takes one invocation at a time, and answers
//! when it is over.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;

use crate::error::FunctionError;
use crate::function::{Function, emulator};
use crate::http1::collect;
use crate::process::{Process, Processes};
use crate::work::{Last, MAX_PAYLOAD_BYTES, Outcome, Part, Work};

/// Free ports are found before the emulator takes them; another program may be faster.
const ATTEMPTS: usize = 3;
/// Between two looks at whether the emulator listens.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub(crate) struct Rie {
    pub process: Process,
    address: SocketAddr,
    timeout_secs: u32,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Rie {
    /// # Errors
    /// When the emulator cannot be started, or ends before it listens.
    pub async fn start(function: &Function, processes: &Arc<Processes>) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let (address, runtime_api) = free_addresses()?;
            let mut process = processes.start(function, command(function, address, runtime_api))?;
            if listens(&mut process, address).await {
                return Ok(Self {
                    process,
                    address,
                    timeout_secs: function.timeout_secs,
                    client: client(),
                });
            }
        }
        Err(io::Error::other("the emulator ends before it listens"))
    }

    pub async fn run(&mut self, work: &Work, parts: &Sender<Part>) -> Outcome {
        let Some((status, body)) = self.post(work).await else {
            let gone = match self.process.has_exited() {
                true => "the emulator has ended",
                false => "the emulator does not answer",
            };
            return Outcome::spent(Last::Broken(gone.to_string()));
        };
        match self.judge(status, &body, &work.request_id) {
            Verdict::Answer => {
                let _ = parts.send(Part::Chunk(body)).await;
                Outcome::reusable(Last::Complete)
            }
            Verdict::Failed => Outcome::reusable(Last::Failed(FunctionError(body))),
            Verdict::Broke(error) => Outcome::spent(Last::Failed(error)),
        }
    }

    async fn post(&self, work: &Work) -> Option<(StatusCode, Bytes)> {
        let uri = format!(
            "http://{}/2015-03-31/functions/function/invocations",
            self.address
        );
        let mut request = Request::post(uri)
            .header("content-type", "application/json")
            .header("x-amzn-requestid", &work.request_id);
        if let Some(context) = &work.client_context {
            request = request.header("x-amz-client-context", context);
        }
        let request = request.body(Full::new(work.payload.clone())).ok()?;
        let (parts, body) = self.client.request(request).await.ok()?.into_parts();
        // More than a function may answer is refused by the emulator itself.
        let body = collect(body, 2 * MAX_PAYLOAD_BYTES).await?;
        Some((parts.status, body))
    }

    /// The emulator says in no header whether a function failed.
    fn judge(&self, status: StatusCode, body: &Bytes, request_id: &str) -> Verdict {
        if body.starts_with(b"Task timed out after ") {
            return Verdict::Broke(FunctionError::timed_out(request_id, self.timeout_secs));
        }
        match (status, is_error(body)) {
            (StatusCode::OK, false) => Verdict::Answer,
            (StatusCode::OK, true) => Verdict::Failed,
            _ => Verdict::Broke(FunctionError(body.clone())),
        }
    }
}

enum Verdict {
    Answer,
    /// The function failed, and lives.
    Failed,
    /// The function has ended, or was made to.
    Broke(FunctionError),
}

/// Whether a body is what runtimes report of an exception. A function that returns exactly this
/// is taken for one that failed.
fn is_error(body: &[u8]) -> bool {
    const KEYS: [&str; 5] = [
        "errorMessage",
        "errorType",
        "requestId",
        "stackTrace",
        "trace",
    ];
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return false;
    };
    object.contains_key("errorType")
        && object.contains_key("errorMessage")
        && object.keys().all(|key| KEYS.contains(&key.as_str()))
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

fn command(function: &Function, address: SocketAddr, runtime_api: SocketAddr) -> Command {
    let mut command = function.sandboxed(Command::new(emulator()));
    command
        .args(["--runtime-interface-emulator-address", &address.to_string()])
        .args(["--runtime-api-address", &runtime_api.to_string()])
        .args(["--log-level", "error"])
        .args(&function.command);
    command
}

/// Two addresses that nobody listens on.
fn free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((first.local_addr()?, second.local_addr()?))
}

/// Waits until the emulator listens, or has ended.
async fn listens(process: &mut Process, address: SocketAddr) -> bool {
    loop {
        if TcpStream::connect(address).await.is_ok() {
            return !process.has_exited();
        }
        tokio::select! {
            _ = process.exited() => return false,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_error;

    #[test]
    fn what_runtimes_report_of_an_exception_is_told_from_what_functions_return() {
        for (body, error) in [
            (
                r#"{"errorMessage":"boo","errorType":"ValueError","requestId":"1","stackTrace":[]}"#,
                true,
            ),
            (r#"{"errorType":"E","errorMessage":"m"}"#, true),
            (r#"{"errorMessage":"Unauthorized"}"#, false),
            (
                r#"{"errorType":"E","errorMessage":"m","statusCode":200}"#,
                false,
            ),
            (r#""errorType""#, false),
            ("", false),
        ] {
            assert_eq!(is_error(body.as_bytes()), error, "{body}");
        }
    }
}
