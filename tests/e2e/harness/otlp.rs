//! A receiver of spans: takes OTLP over HTTP, in protobuf, as OpenTelemetry's collectors do, and
//! remembers what came.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::wait_for;

pub struct Receiver {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Receiver {
    pub fn start() -> Self {
        Self::answering(&["200 OK"])
    }

    /// Answers with these statuses in turn, and with the last of them from then on.
    pub fn answering(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let all = taken.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let all = all.clone();
                std::thread::spawn(move || while serve(&mut stream, &all, statuses).is_some() {});
            }
        });
        Self { address, taken }
    }

    /// The table of a gateway that sends its spans here, with more keys.
    pub fn config(&self, more: &str) -> String {
        config(self.address, more)
    }

    /// What was sent so far.
    pub fn taken(&self) -> Vec<ExportTraceServiceRequest> {
        self.taken.lock().expect("no panic").clone()
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.taken().into_iter();
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Waits for the spans of a trace, of which there are so many.
    pub fn trace(&self, id: &str, count: usize) -> Vec<Span> {
        wait_for(id, || {
            let mut spans = self.spans();
            spans.retain(|span| hex(&span.trace_id) == id);
            (spans.len() >= count).then_some(spans)
        })
    }
}

pub fn config(address: SocketAddr, more: &str) -> String {
    format!("[traces]\nendpoint = \"http://{address}/v1/traces\"\n{more}\n")
}

/// An attribute as text; empty when there is none.
pub fn attribute(span: &Span, key: &str) -> String {
    value(&span.attributes, key)
}

pub fn value(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|one| one.key == key);
    match found.and_then(|one| one.value.clone()) {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => text,
        Some(AnyValue {
            value: Some(Value::IntValue(number)),
        }) => number.to_string(),
        Some(other) => panic!("{other:?}"),
        None => String::new(),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(
    stream: &mut TcpStream,
    all: &Mutex<Vec<ExportTraceServiceRequest>>,
    statuses: &[&str],
) -> Option<()> {
    let mut inbox = Vec::new();
    let mut scratch = [0; 65536];
    let body = loop {
        let length = stream
            .read(&mut scratch)
            .ok()
            .filter(|length| *length > 0)?;
        inbox.extend_from_slice(&scratch[..length]);
        if let Some(body) = body_of(&inbox) {
            break body;
        }
    };
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut all = all.lock().expect("no panic");
    let status = statuses[all.len().min(statuses.len() - 1)];
    all.push(request);
    drop(all);
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).ok()
}

/// The body, once it is whole.
fn body_of(inbox: &[u8]) -> Option<&[u8]> {
    let end = inbox.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = super::text(&inbox[..end]).to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(
        head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    let length = head.split("content-length: ").nth(1)?;
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    (inbox.len() >= end + length).then(|| &inbox[end..end + length])
}
