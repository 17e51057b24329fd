//! Delivers spans from a thread of its own, so that no request waits for whoever receives them. In:
//! spans. Out: OTLP over HTTP, in protobuf, a batch at a time. What does not fit into the queue, and
//! what nobody takes, is dropped and counted.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus::IntCounter;
use prost::Message as _;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::otlp::{Request, Resource, ResourceSpans, Response, Scope, ScopeSpans, Span};

/// Requests whose spans may wait.
const QUEUE: usize = 4096;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long a batch is waited with before it is sent again ("Exponential backoff" of OTLP).
const PAUSES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const MAX_ANSWER: usize = 64 * 1024;
/// How long the end of the process waits for what is left.
const FAREWELL: Duration = Duration::from_secs(3);

/// The way to the receiver.
pub(super) struct Exporter {
    queue: mpsc::Sender<Vec<Span>>,
    dropped: IntCounter,
    closing: watch::Sender<bool>,
    /// Taken away when it closes.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Whose spans they are.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) resource: Resource,
    pub(super) scope: Scope,
}

impl Exporter {
    /// Starts the thread. The receiver need not be there yet.
    ///
    /// # Errors
    /// The system refuses a thread, or has no authorities for TLS.
    pub(super) fn start(endpoint: &str, origin: Origin, dropped: IntCounter) -> io::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let closing = watch::Sender::new(false);
        let delivery = Delivery {
            client,
            endpoint: endpoint.to_owned(),
            origin,
            queue: waiting,
            batch: Vec::new(),
            closing: closing.subscribe(),
            dropped: dropped.clone(),
            failing: false,
        };
        let thread = std::thread::Builder::new().name("traces".to_owned());
        let thread = thread.spawn(move || runtime.block_on(delivery.run()))?;
        Ok(Self {
            queue,
            dropped,
            closing,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues the spans of a request.
    pub(super) fn send(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.queue.try_send(spans).is_err() {
            self.dropped.inc_by(count);
        }
    }

    /// Waits, not for long, until what is queued has arrived.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }
}

struct Delivery {
    client: Client,
    endpoint: String,
    origin: Origin,
    queue: mpsc::Receiver<Vec<Span>>,
    batch: Vec<Span>,
    closing: watch::Receiver<bool>,
    dropped: IntCounter,
    /// Whether the last batch was not taken, which is said once.
    failing: bool,
}

/// Why a batch was not taken.
enum Failure {
    /// It may be another time.
    ForNow(String),
    Refused(StatusCode),
}

impl Delivery {
    async fn run(mut self) {
        let mut closing = self.closing.clone();
        let farewell = async {
            let _ = closing.wait_for(|closing| *closing).await;
            sleep(FAREWELL).await;
        };
        tokio::select! {
            () = self.deliver_all() => {}
            () = farewell => tracing::warn!("Spans were not delivered in time."),
        }
    }

    async fn deliver_all(&mut self) {
        loop {
            self.gather().await;
            if self.batch.is_empty() {
                return;
            }
            self.deliver().await;
        }
    }

    /// Fills the batch. It stays empty only once the process ends.
    async fn gather(&mut self) {
        let mut due = None;
        while self.batch.len() < BATCH && !self.is_closing() {
            let is_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(spans) = self.queue.recv() => self.batch.extend(spans),
                () = is_due => return,
                _ = self.closing.wait_for(|closing| *closing) => break,
            }
            due.get_or_insert_with(|| Instant::now() + GATHER);
        }
        while self.batch.len() < BATCH
            && let Ok(spans) = self.queue.try_recv()
        {
            self.batch.extend(spans);
        }
    }

    async fn deliver(&mut self) {
        let count = self.batch.len() as u64;
        let request = self.request().encode_to_vec();
        let mut pauses = PAUSES.into_iter();
        let (why, lost) = loop {
            match (self.post(request.clone()).await, pauses.next()) {
                (Ok(rejected), _) => break (None, rejected.min(count)),
                (Err(Failure::ForNow(_)), Some(pause)) if !self.is_closing() => {
                    self.pause(pause).await;
                }
                (Err(Failure::ForNow(why)), _) => break (Some(why), count),
                (Err(Failure::Refused(status)), _) => break (Some(status.to_string()), count),
            }
        };
        self.dropped.inc_by(lost);
        match (&why, self.failing) {
            (Some(why), false) => tracing::warn!(why, "Spans are not taken, and are dropped."),
            (None, true) => tracing::info!("Spans are taken again."),
            _ => {}
        }
        self.failing = why.is_some();
    }

    /// The batch, which is empty then.
    fn request(&mut self) -> Request {
        let Origin { resource, scope } = self.origin.clone();
        let scope_spans = ScopeSpans {
            scope: Some(scope),
            spans: std::mem::take(&mut self.batch),
        };
        Request {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource),
                scope_spans: vec![scope_spans],
            }],
        }
    }

    /// Sends a batch; of how many spans the receiver says that it has not taken them.
    async fn post(&self, request: Vec<u8>) -> Result<u64, Failure> {
        let sent = self
            .client
            .post(&self.endpoint)
            .header("content-type", "application/x-protobuf")
            .body(request)
            .send();
        let for_now = |error: reqwest::Error| Failure::ForNow(error.without_url().to_string());
        let mut answer = sent.await.map_err(for_now)?;
        let status = answer.status();
        if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            return Err(Failure::ForNow(status.to_string()));
        }
        if !status.is_success() {
            return Err(Failure::Refused(status));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(for_now)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_ANSWER {
                return Ok(0);
            }
        }
        Ok(rejected(&bytes))
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.closing.wait_for(|closing| *closing) => {}
        }
    }
}

/// What an answer says was not taken. One that cannot be read says nothing.
fn rejected(answer: &[u8]) -> u64 {
    let answer = Response::decode(answer).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    u64::try_from(partial.rejected_spans).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1 as otlp;

    use super::*;

    #[test]
    fn what_a_receiver_does_not_take_is_read_of_its_answer() {
        let answer = |rejected_spans| {
            let answer = otlp::ExportTraceServiceResponse {
                partial_success: Some(otlp::ExportTracePartialSuccess {
                    rejected_spans,
                    error_message: "some".to_owned(),
                }),
            };
            answer.encode_to_vec()
        };
        assert_eq!(rejected(&answer(3)), 3);
        assert_eq!(rejected(&answer(-1)), 0);
        for nothing in [&b""[..], b"{}", b"\x0a\xff\xff"] {
            assert_eq!(rejected(nothing), 0);
        }
    }
}
