//! A signed body is checked before an upstream can have seen all of it, however it arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use countersign::config::SigV4Algorithm;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, ID, REGION, SECRET, SERVICE};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::signed::{Signed, in_chunks, sha256};
use crate::harness::wait_for;

struct Stage {
    directory: TempDir,
    upstream: Recorder,
    gateway: Gateway,
}

fn config(upstream: &Recorder) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
max_body_bytes = 2800000
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4", "sigv4a"], service = "{SERVICE}", region = "{REGION}", max_buffered_body_bytes = 300000, streaming = ["signed", "signed_trailer", "unsigned_trailer"] }}
[[route]]
path = "/mock"
method = "ANY"
policy = "signed"
integration = "mock"
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "recorder"
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
[[integration]]
name = "mock"
type = "mock"
body = "made up"
"#,
        upstream.address
    )
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        Authority::new(directory.path(), "ca").server("server", &["localhost"]);
        let upstream = Recorder::start();
        let gateway = Gateway::start(directory.path(), &config(&upstream));
        Self {
            directory,
            upstream,
            gateway,
        }
    }

    fn connect(&self) -> Client {
        let config = tls(self.directory.path(), None);
        Client::tls(self.gateway.address("public"), &config, "localhost").unwrap()
    }

    fn ask(&self, bytes: &[u8]) -> (u16, String) {
        let answer = self.connect().try_ask(bytes).unwrap();
        (answer.status, answer.code())
    }

    /// The body of the request for `target` that the upstream has seen, if it is whole.
    fn arrived(&self, target: &str) -> Option<Vec<u8>> {
        let seen = self.upstream.seen_for(target);
        let (head, body) = seen.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1);
        match length.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok()) {
            Some(length) => (body.len() >= length).then(|| body[..length].into()),
            None if head.contains("chunked") => body.ends_with("0\r\n\r\n").then(|| unchunk(body)),
            None => Some(Vec::new()),
        }
    }
}

fn unchunk(mut text: &str) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest.as_bytes()[..size]);
        text = &rest[size + 2..];
    }
    body
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const SERVED: (u16, String) = (200, String::new());
/// Around what is read before the upstream is asked, and well beyond.
const SIZES: [usize; 6] = [1, 1000, 65_535, 65_536, 65_537, 250_000];

fn body(size: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(size).collect()
}

/// The request in chunks of `piece` bytes.
fn chunked(request: &Signed, piece: usize) -> Vec<u8> {
    let request = request.clone().add("transfer-encoding", "chunked");
    let mut bytes = request.head();
    for chunk in request.body.chunks(piece) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// A name, and how a request is framed.
type Framing = (&'static str, fn(&Signed) -> Vec<u8>);

/// Something that no other request has asked for, so that what is left of one that was cut
/// off is not taken for the next.
fn fresh_target() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("/x/{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A request, and the same with the last byte of its body changed.
fn right_and_wrong(body: &[u8], hash: Option<&str>) -> [Signed; 2] {
    let right = Signed::post(&fresh_target(), body, hash);
    let mut wrong = Signed::post(&fresh_target(), body, hash);
    wrong.body[body.len() - 1] ^= 1;
    [right, wrong]
}

#[test]
fn s4_no_upstream_sees_a_whole_request_whose_body_was_changed() {
    let stage = Stage::new();
    let framings: [Framing; 2] = [
        ("length", Signed::bytes),
        ("chunked", |request| chunked(request, 5000)),
    ];
    for (size, (framing, framed)) in SIZES
        .into_iter()
        .flat_map(|size| framings.map(|one| (size, one)))
    {
        let body = body(size);
        let told = sha256(&body);
        for hash in [Some(told.as_str()), None] {
            let what = format!("{size} {framing} {hash:?}");
            let [right, wrong] = right_and_wrong(&body, hash);
            let answer = stage.ask(&framed(&right));
            // Nobody can hash what has neither length nor hash without keeping it all.
            if framing == "chunked" && hash.is_none() && size > 65_536 {
                assert_eq!(answer, refused(413, "body_too_large"), "{what}");
                assert_eq!(stage.arrived(&right.target), None, "{what}");
                continue;
            }
            assert_eq!(answer, SERVED, "{what}");
            assert!(
                stage.arrived(&right.target).as_ref() == Some(&body),
                "{what}"
            );
            let code = match hash {
                Some(_) => "body_hash_mismatch",
                None => "signature_mismatch",
            };
            assert_eq!(stage.ask(&framed(&wrong)), refused(403, code), "{what}");
            assert_eq!(stage.arrived(&wrong.target), None, "{what}");
        }
    }
}

#[test]
fn s4_a_body_that_is_longer_shorter_or_unsigned_is_refused() {
    let stage = Stage::new();
    let empty = sha256(b"");
    for request in [
        // Signed as empty, sent with a body.
        Signed {
            body: b"hello".to_vec(),
            ..Signed::post("/x", b"", Some(&empty))
        },
        Signed {
            body: b"hello".to_vec(),
            ..Signed::post("/x", b"", None)
        },
        // Signed with a body, sent without.
        Signed {
            body: Vec::new(),
            ..Signed::post("/x", b"hello", Some(&sha256(b"hello")))
        },
        Signed {
            body: Vec::new(),
            ..Signed::post("/x", b"hello", None)
        },
        // Signed with one, sent with another of the same length, to a mock.
        Signed {
            body: b"jello".to_vec(),
            ..Signed::post("/mock", b"hello", Some(&sha256(b"hello")))
        },
    ] {
        let (status, code) = stage.ask(&request.bytes());
        assert_eq!(status, 403, "{code}");
        assert!(
            ["body_hash_mismatch", "signature_mismatch"].contains(&&*code),
            "{code}"
        );
    }
    assert_eq!(stage.arrived("/x"), None);
    let right = Signed::post("/mock", b"hello", Some(&sha256(b"hello")));
    assert_eq!(stage.ask(&right.bytes()), SERVED);
}

#[test]
fn s4_a_body_without_its_hash_is_taken_up_to_the_policys_limit() {
    let stage = Stage::new();
    let request = Signed::post("/x", &body(300_001), None);
    assert_eq!(stage.ask(&request.bytes()), refused(413, "body_too_large"));
    assert_eq!(stage.upstream.seen(), "");
}

#[test]
fn a_caller_that_waits_for_100_continue_is_invited_only_when_its_head_is_right() {
    let stage = Stage::new();
    let (small, large) = (body(1000), body(100_000));
    for (body, hash) in [
        (&small, true),
        (&small, false),
        (&large, true),
        (&large, false),
    ] {
        let hash = hash.then(|| sha256(body));
        let request = Signed::post("/x", body, hash.as_deref()).add("expect", "100-continue");
        let mut client = stage.connect();
        client.send(&request.head()).unwrap();
        assert_eq!(client.interim().unwrap(), 100);
        let answer = client.try_ask(body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.code());
        let mut wrong = request.clone();
        wrong.target = "/y".to_owned();
        if hash.is_some() {
            let mut client = stage.connect();
            let answer = client.try_ask(&wrong.head()).unwrap();
            assert_eq!(
                (answer.status, answer.code()),
                refused(403, "signature_mismatch")
            );
            // Whether the body still comes is unknown, so the next request's start is, too.
            assert!(answer.closes() && client.is_closed());
        }
    }
}

/// One POST over HTTP/2, its body in pieces; the status and the refusal's code.
async fn post(stage: &Stage, request: &Signed, piece: usize) -> (u16, String) {
    let mut config = Arc::unwrap_or_clone(tls(stage.directory.path(), None));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(stage.gateway.address("public"))
        .await
        .unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect("localhost".try_into().unwrap(), socket)
        .await
        .unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("https://localhost{}", request.target);
    let mut head = http::Request::builder().method(request.method).uri(uri);
    for (name, value) in request.fields.iter().filter(|(name, _)| name != "host") {
        head = head.header(name, value);
    }
    let mut sender = sender.ready().await.unwrap();
    let (answer, mut body) = sender.send_request(head.body(()).unwrap(), false).unwrap();
    for chunk in request.body.chunks(piece) {
        body.reserve_capacity(chunk.len());
        while body.capacity() < chunk.len() {
            match std::future::poll_fn(|context| body.poll_capacity(context)).await {
                Some(Ok(_)) => {}
                // Answered before all of it was sent.
                _ => return read(answer).await,
            }
        }
        if body
            .send_data(Bytes::copy_from_slice(chunk), false)
            .is_err()
        {
            return read(answer).await;
        }
    }
    let _ = body.send_data(Bytes::new(), true);
    read(answer).await
}

async fn read(answer: h2::client::ResponseFuture) -> (u16, String) {
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    let mut all = Vec::new();
    while let Some(chunk) = body.data().await {
        let Ok(chunk) = chunk else { break };
        all.extend_from_slice(&chunk);
    }
    let told: serde_json::Value = serde_json::from_slice(&all).unwrap_or_default();
    (status, told["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn s4_the_same_over_http2() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for size in SIZES {
        let body = body(size);
        for piece in [777, 16_000] {
            let [right, wrong] = right_and_wrong(&body, Some(&sha256(&body)));
            assert_eq!(
                runtime.block_on(post(&stage, &right, piece)),
                SERVED,
                "{size}"
            );
            assert!(
                stage.arrived(&right.target).as_ref() == Some(&body),
                "{size}"
            );
            let answer = runtime.block_on(post(&stage, &wrong, piece));
            assert_eq!(answer, refused(403, "body_hash_mismatch"), "{size}");
            assert_eq!(stage.arrived(&wrong.target), None, "{size}");
        }
    }
}

#[test]
fn f2_a_caller_that_goes_on_sending_gets_its_refusal() {
    let stage = Stage::new();
    let target = fresh_target();
    let body = body(200_000);
    let hash = sha256(&body);
    // Longer than the listener takes: refused with bytes on the way.
    let request = Signed::post(&target, &body, Some(&hash)).add("transfer-encoding", "chunked");
    let mut bytes = request.head();
    for _ in 0..60 {
        bytes.extend_from_slice(b"ea60\r\n");
        bytes.resize(bytes.len() + 60_000, b'x');
        bytes.extend_from_slice(b"\r\n");
    }
    let mut client = stage.connect();
    client.send(&bytes[..2_900_000]).unwrap();
    let answer = client.answer().unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        refused(413, "body_too_large")
    );
    assert!(answer.closes());
    assert_eq!(stage.arrived(&target), None);
}

/// A name, and how a request is sent.
type Way<'a> = (&'static str, &'a dyn Fn(&Signed) -> (u16, String));

#[test]
fn s5_chunks_of_the_algorithm_that_did_not_sign_the_request_are_refused() {
    let stage = Stage::new();
    for (algorithm, word, other) in [
        (
            SigV4Algorithm::Hmac,
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
        ),
        (
            SigV4Algorithm::Ecdsa,
            "AWS4-ECDSA-P256-SHA256",
            "AWS4-HMAC-SHA256",
        ),
    ] {
        for mode in [
            format!("STREAMING-{other}-PAYLOAD"),
            format!("STREAMING-{other}-PAYLOAD-TRAILER"),
            format!("STREAMING-{word}-EVENTS"),
        ] {
            let target = fresh_target();
            let fields = [
                ("x-amz-decoded-content-length", "5"),
                ("x-amz-trailer", "x-amz-checksum-crc32"),
            ];
            let credential = (ID, SECRET, algorithm);
            let request = Signed::with(credential, "PUT", &target, &fields, Some(&mode), b"");
            let request = Signed {
                body: in_chunks(&target, b"hello", 5, &mode).body,
                ..request
            };
            let answer = stage.ask(&request.bytes());
            assert_eq!(answer, refused(403, "payload_mode_refused"), "{mode}");
            assert_eq!(stage.arrived(&target), None, "{mode}");
        }
    }
}

/// What gets through in AWS's chunks arrives without them, whatever carries it; what was changed
/// in them never arrives whole.
#[test]
fn s4_a_body_in_chunks_of_aws_arrives_bare_or_not_at_all() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ways: [Way<'_>; 3] = [
        ("length", &|request| stage.ask(&request.bytes())),
        ("chunked", &|request| stage.ask(&chunked(request, 3000))),
        ("HTTP/2", &|request| {
            runtime.block_on(post(&stage, request, 3000))
        }),
    ];
    for mode in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ] {
        for ((way, ask), (size, piece)) in ways
            .iter()
            .flat_map(|way| [(1000, 300), (200_000, 65_536)].map(|sizes| (way, sizes)))
        {
            let what = format!("{mode} {way} {size}");
            let body = body(size);
            let right = in_chunks(&fresh_target(), &body, piece, mode);
            assert_eq!(ask(&right), SERVED, "{what}");
            assert!(
                stage.arrived(&right.target).as_ref() == Some(&body),
                "{what}"
            );
            let head = stage.upstream.seen_for(&right.target).to_ascii_lowercase();
            let head = head.split("\r\n\r\n").next().unwrap_or_default().to_owned();
            assert!(
                head.contains(&format!("content-length: {size}")),
                "{what}: {head}"
            );
            assert!(
                head.contains("content-encoding: gzip\r\n"),
                "{what}: {head}"
            );
            for gone in [
                "aws-chunked",
                "x-amz-trailer",
                "decoded",
                "transfer-encoding",
            ] {
                assert!(!head.contains(gone), "{what}: {head}");
            }
            // A byte of the first chunk, one of the last, and one of what comes behind.
            let end = right.body.len();
            let first = right
                .body
                .windows(2)
                .position(|two| two == b"\r\n")
                .unwrap()
                + 5;
            let last = end.saturating_sub(if mode.contains("UNSIGNED") { 60 } else { 420 });
            for at in [first, last, end - 10] {
                let mut changed = in_chunks(&fresh_target(), &body, piece, mode);
                changed.body[at] ^= 1;
                let (status, code) = ask(&changed);
                assert!(matches!(status, 400 | 403), "{what} {at}: {status} {code}");
                assert_eq!(stage.arrived(&changed.target), None, "{what} {at}");
            }
            // Cut off before its end.
            let mut short = in_chunks(&fresh_target(), &body, piece, mode);
            short.body.truncate(end - 2);
            assert_eq!(ask(&short), refused(400, "malformed_request"), "{what}");
            assert_eq!(stage.arrived(&short.target), None, "{what}");
        }
    }
}

/// Anyone can begin a request whose signature needs its body.
#[test]
fn a_strangers_bodies_stay_within_the_budget() {
    let stage = Stage::new();
    let file = stage.gateway.directory.join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("[gateway]\n", "[gateway]\nmax_held_bytes = 1048576\n", 1);
    std::fs::write(&file, text).unwrap();
    assert!(stage.gateway.reload_as_it_is());
    let request = Signed::post("/x/held", &body(300_000), None);
    let bytes = request.bytes();
    let begun = &bytes[..bytes.len() - 1000];
    let clients: Vec<Client> = (0..4)
        .map(|_| {
            let mut client = stage.connect();
            client.send(begun).unwrap();
            client
        })
        .collect();
    // Three fit; there is no room for another whole one beside them.
    wait_for("the budget to be spent", || {
        (stage.ask(&bytes) == refused(503, "buffers_full")).then_some(())
    });
    drop(clients);
    wait_for("what was held to be given back", || {
        (stage.ask(&bytes) == SERVED).then_some(())
    });
}

/// A length of 0 makes a complete request of its head: it must wait for the last chunk.
#[test]
fn an_empty_body_in_chunks_is_checked_before_the_upstream_hears_of_it() {
    for mode in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ] {
        let stage = Stage::new();
        let right = in_chunks(&fresh_target(), b"", 1, mode);
        assert_eq!(stage.ask(&right.bytes()), SERVED, "{mode}");
        assert_eq!(stage.arrived(&right.target), Some(Vec::new()), "{mode}");
        for framing in [
            |request: &Signed| request.bytes(),
            |request: &Signed| chunked(request, 7),
        ] {
            let mut wrong = in_chunks(&fresh_target(), b"", 1, mode);
            let at = wrong.body.len() - 10;
            wrong.body[at] ^= 1;
            let (status, code) = stage.ask(&framing(&wrong));
            assert!(matches!(status, 400 | 403), "{mode}: {status} {code}");
            assert_eq!(stage.upstream.seen_for(&wrong.target), "", "{mode}");
        }
    }
}
