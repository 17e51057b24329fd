//! What a large upload costs in memory: the gateway holds a chunk of it, not the whole. And what
//! a connection costs that has nothing to do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use tempfile::tempdir;

use crate::certificates::{ROUTES, client, listener, stage};
use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, ID, REGION, SERVICE};
use crate::harness::signed::{Signed, in_chunks};

const GIB: u64 = 1 << 30;
const PIECE: usize = 64 * 1024;
const MOST_BYTES: u64 = 8 * 1024 * 1024;
const IDLE: usize = 500;
/// For each idle connection, with what the allocator and the kernel round up.
const MOST_IDLE_BYTES: u64 = 24 * 1024;

/// An upstream that counts what it is sent and keeps nothing of it.
struct Sink {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = Arc::new(AtomicU64::new(0));
        let count = bytes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let count = count.clone();
                std::thread::spawn(move || swallow(stream.unwrap(), &count));
            }
        });
        Self { address, bytes }
    }
}

/// Reads one request with its body, and answers it.
fn swallow(mut stream: TcpStream, count: &AtomicU64) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let mut left: u64 = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut buffer = vec![0; PIECE];
    while left > 0 {
        let read = stream.read(&mut buffer).unwrap_or(0) as u64;
        if read == 0 {
            return;
        }
        count.fetch_add(read, Ordering::Relaxed);
        left -= read;
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

fn start(sink: &Sink, directory: &std::path::Path) -> Gateway {
    let config = format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
max_body_bytes = 2000000000
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}", streaming = ["signed_trailer"] }}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "sink"
[[integration]]
name = "sink"
type = "http_proxy"
targets = ["{}"]
"#,
        sink.address
    );
    Gateway::start(directory, &config)
}

/// Sends a head and then `send`'s bytes; the status.
fn upload(gateway: &Gateway, head: &[u8], send: impl FnOnce(&mut TcpStream)) -> String {
    let mut stream = TcpStream::connect(gateway.address("plain")).unwrap();
    stream.write_all(head).unwrap();
    send(&mut stream);
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn warm_up(gateway: &Gateway) {
    for _ in 0..20 {
        let small = Signed::post("/x", b"hello", None);
        assert_eq!(upload(gateway, &small.bytes(), |_| {}), "HTTP/1.1 200");
        let chunked = in_chunks(
            "/x",
            &[b'x'; 200_000],
            PIECE,
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        );
        assert_eq!(upload(gateway, &chunked.bytes(), |_| {}), "HTTP/1.1 200");
    }
}

#[track_caller]
fn check_growth(gateway: &Gateway, before: u64) {
    let peak = gateway.memory("VmHWM");
    let grown = peak.saturating_sub(before);
    assert!(grown <= MOST_BYTES, "grew by {grown} bytes");
}

#[test]
fn a_gibibyte_whose_hash_is_told_costs_no_more_than_eight_mebibytes() {
    let directory = tempdir().unwrap();
    let sink = Sink::start();
    let gateway = start(&sink, directory.path());
    warm_up(&gateway);
    let piece = vec![b'x'; PIECE];
    let mut hash = Context::new(&SHA256);
    for _ in 0..GIB / PIECE as u64 {
        hash.update(&piece);
    }
    let hash: String = hash
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let request = Signed::by(
        ID,
        crate::harness::gateway::SECRET,
        "PUT",
        "/x",
        &[],
        Some(&hash),
        b"",
    );
    let head = request.add("content-length", &GIB.to_string()).head();
    sink.bytes.store(0, Ordering::Relaxed);
    let before = gateway.memory("VmRSS");
    let status = upload(&gateway, &head, |stream| {
        for _ in 0..GIB / PIECE as u64 {
            stream.write_all(&piece).unwrap();
        }
    });
    assert_eq!(
        (status.as_str(), sink.bytes.load(Ordering::Relaxed)),
        ("HTTP/1.1 200", GIB)
    );
    check_growth(&gateway, before);
}

#[test]
fn a_gibibyte_in_signed_chunks_costs_no_more_than_eight_mebibytes() {
    let directory = tempdir().unwrap();
    let sink = Sink::start();
    let gateway = start(&sink, directory.path());
    warm_up(&gateway);
    let body = vec![b'x'; GIB as usize];
    let request = in_chunks(
        "/x",
        &body,
        PIECE,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    );
    drop(body);
    sink.bytes.store(0, Ordering::Relaxed);
    let before = gateway.memory("VmRSS");
    let status = upload(&gateway, &request.head(), |stream| {
        stream.write_all(&request.body).unwrap()
    });
    assert_eq!(
        (status.as_str(), sink.bytes.load(Ordering::Relaxed)),
        ("HTTP/1.1 200", GIB)
    );
    check_growth(&gateway, before);
}

#[test]
fn a_tls_connection_that_waits_for_its_next_request_costs_no_more_than_24_kib() {
    let (directory, _, _) = stage();
    let config = listener("public", "required", "ca.pem") + ROUTES;
    let gateway = Gateway::start(directory.path(), &config);
    let config = tls(directory.path(), Some("billing"));
    let idle = || -> Client {
        let mut one = client(&gateway, "public", &config).unwrap();
        assert_eq!(one.get("localhost", "/certified").status, 200);
        one
    };
    (0..20).for_each(|_| drop(idle()));
    let before = gateway.memory("VmRSS");
    let all: Vec<_> = (0..IDLE).map(|_| idle()).collect();
    let each = gateway.memory("VmRSS").saturating_sub(before) / all.len() as u64;
    assert!(each <= MOST_IDLE_BYTES, "{each} bytes each");
}
