//! Both lanes of the gateway read requests alike: sent before their turn, in pieces, and with any
//! byte in them.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::{Gateway, ID, REGION, SECRET, SERVICE};
use crate::harness::lanes::{Caller, LANES, Lane, LaneStage, config};
use crate::harness::nginx::free_address;
use crate::harness::recorder::Recorder;
use crate::harness::scripted_target::Caught;
use crate::harness::signed::{Signed, in_chunks, sha256};

/// Has the target answer the next request with its path; gives the path and the method.
fn serve(stage: &LaneStage, caught: &mut Vec<Caught>) -> String {
    let (head, at, _) = stage.next(caught);
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if head.to_ascii_lowercase().contains("content-length: 2") {
        assert_eq!(caught[at].body(2), b"ab");
    }
    let length = path.len();
    caught[at]
        .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}").as_bytes());
    format!("{method} {path}")
}

#[test]
fn requests_sent_before_their_turn_are_answered_in_turn_over_both_lanes() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    let kinds: [fn(&str) -> String; 3] = [
        |path| Lane::Lean.request("GET", path),
        |path| Lane::Pingora.request("GET", path),
        |path| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"),
    ];
    let mut caught = Vec::new();
    for number in 0..27 {
        let three = [number % 3, number / 3 % 3, number / 9];
        let mut caller = stage.caller();
        let paths = [0, 1, 2].map(|place| format!("/{number}/{place}"));
        let all = three.iter().zip(&paths);
        let all: String = all.map(|(kind, path)| kinds[*kind](path)).collect();
        caller.send(all);
        for (kind, path) in three.iter().zip(&paths) {
            let method = if *kind == 2 { "POST" } else { "GET" };
            assert_eq!(serve(&stage, &mut caught), format!("{method} {path}"));
            let answer = caller.answer(method);
            assert_eq!((answer.status(), &*answer.body), (200, path.as_bytes()));
        }
    }
    // All of them over one connection for each lane.
    assert_eq!(caught.len(), 2);
}

#[test]
fn a_head_may_come_in_pieces_over_both_lanes() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&[upstream.address], "", ""));
    for lane in LANES {
        let request = lane.request("GET", "/pieces");
        let mut caller = Caller::of(&gateway);
        for cut in 1..request.len() {
            let (before, behind) = request.split_at(cut);
            caller.send(before);
            caller.send(behind);
            assert_eq!(caller.answer("GET").status(), 200, "{lane:?} {cut}");
        }
        for byte in request.bytes() {
            caller.send([byte]);
        }
        assert_eq!(caller.answer("GET").status(), 200, "{lane:?}");
    }
}

/// No byte is good on one lane and bad on the other, and no target is sent more over one of them.
#[test]
fn every_byte_is_judged_alike_on_both_lanes() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&[upstream.address], "", ""));
    let ask = |lane: Lane, before: &str, byte: u8, behind: &str| {
        upstream.forget();
        let mut caller = Caller::of(&gateway);
        let mut request = before.as_bytes().to_vec();
        request.push(byte);
        request.extend_from_slice(behind.as_bytes());
        request.extend_from_slice(lane.field().as_bytes());
        request.extend_from_slice(b"\r\n");
        caller.send(request);
        let answer = caller.answer("GET");
        let seen = upstream.seen();
        let seen = seen
            .lines()
            .filter(|line| !line.starts_with("x-request-id"));
        let seen: Vec<_> = seen.map(str::to_owned).collect();
        (
            answer.status(),
            answer.field("connection").map(str::to_owned),
            seen,
        )
    };
    for (before, behind) in [
        ("GET /", " HTTP/1.1\r\nHost: a\r\n"),
        ("GET //", " HTTP/1.1\r\nHost: a\r\n"),
        ("GET /?q=", "/ HTTP/1.1\r\nHost: a\r\n"),
        ("GET / HTTP/1.1\r\nHost: a", "b\r\n"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX", "Y: 1\r\n"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1", "2\r\n"),
        ("G", "T / HTTP/1.1\r\nHost: a\r\n"),
    ] {
        for byte in (0..=u8::MAX).filter(|byte| !b"\r\n".contains(byte)) {
            let [lean, pingora] = LANES.map(|lane| ask(lane, before, byte, behind));
            assert_eq!(lean, pingora, "{before:?} {byte:#x} {behind:?}");
            assert_ne!(lean.0, 0, "{before:?} {byte:#x} {behind:?}");
        }
    }
}

#[test]
fn targets_that_name_another_place_are_but_paths_on_both_lanes() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&[upstream.address], "", ""));
    for path in [
        "//b",
        "//u@b:1/x",
        "/http://u@b/",
        "/b:1",
        "/*",
        "/?http://b",
        "/a//../%2f%zz",
    ] {
        let asked = LANES.map(|lane| {
            upstream.forget();
            let mut caller = Caller::of(&gateway);
            caller.send(lane.request("GET", path));
            let status = caller.answer("GET").status();
            let seen = upstream.seen();
            (status, seen.lines().next().unwrap_or_default().to_owned())
        });
        assert_eq!(asked[0], asked[1], "{path}");
        assert_ne!(asked[0].0, 0, "{path}");
    }
}

#[test]
fn a_target_that_is_too_long_for_a_parser_is_refused_on_both_lanes() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let listener = "max_header_bytes = 262144";
    let gateway = Gateway::start(directory.path(), &config(&[upstream.address], listener, ""));
    for (length, status) in [(60_000, 200), (70_000, 400)] {
        for lane in LANES {
            let path = format!("/{}", "a".repeat(length));
            let mut caller = Caller::of(&gateway);
            caller.send(lane.request("GET", &path));
            assert_eq!(caller.answer("GET").status(), status, "{lane:?} {length}");
        }
    }
}

#[test]
fn what_the_gateway_answers_itself_is_the_same_on_both_lanes() {
    let directory = tempdir().unwrap();
    let mock = r#"
[[route]]
path = "/mock"
method = "GET"
policy = "open"
integration = "mock"
[[integration]]
name = "mock"
type = "mock"
status = 203
headers = { x-a = "1" }
body = "mocked"
"#;
    let nobody = free_address();
    let gateway = Gateway::start(directory.path(), &(config(&[nobody], "", "") + mock));
    for (path, status) in [("/mock", 203), ("/", 404), ("/unreachable", 502)] {
        let [lean, pingora] = LANES.map(|lane| {
            let mut caller = Caller::of(&gateway);
            // Twice, as the connection is kept for whatever is no failure.
            let mut ask = || {
                caller.send(lane.request("GET", path));
                let answer = caller.answer("GET");
                (
                    answer.status(),
                    answer.field("connection").map(str::to_owned),
                    answer.body.len(),
                )
            };
            let first = ask();
            if first.1.as_deref() == Some("keep-alive") {
                assert_eq!(ask(), first);
            }
            first
        });
        assert_eq!(lean, pingora, "{path}");
        assert_eq!(lean.0, status, "{path}");
    }
    let mut client = Client::plain(gateway.address("public"));
    assert_eq!(client.get("a", "/mock").body, b"mocked");
}

/// Pingora looks at the body of a request even where there is none; the lean lane does not.
#[test]
fn a_signed_body_that_is_left_out_is_missed_on_both_lanes() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let signed = format!(
        r#"
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}", streaming = ["signed"] }}
[[route]]
path = "/signed/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "upstream"
"#
    );
    let config = config(&[upstream.address], "", "") + &signed;
    let gateway = Gateway::start(directory.path(), &config);
    let mut in_chunks = in_chunks(
        "/signed/x",
        b"hello",
        5,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    );
    in_chunks.body.clear();
    let hash = sha256(b"hello");
    let by = |method, hash| Signed::by(ID, SECRET, method, "/signed/x", &[], hash, b"");
    for (request, status) in [
        (by("PUT", None), 200),
        (by("PUT", Some(&*hash)), 403),
        (by("GET", Some(&*hash)), 403),
        (in_chunks, 403),
    ] {
        for lane in LANES {
            upstream.forget();
            let mut request = request.clone();
            if lane == Lane::Pingora {
                request = request.add("te", "trailers");
            }
            let mut caller = Caller::of(&gateway);
            caller.send(request.bytes());
            let answer = caller.answer(request.method);
            let told = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status(), status, "{lane:?} {request:?} {told}");
            assert_eq!(upstream.seen().is_empty(), status != 200, "{lane:?}");
        }
    }
}

/// One thread serves both callers, and the first has always a request more.
#[test]
fn a_caller_that_never_stops_asking_does_not_keep_another_waiting() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let mock = r#"
[[route]]
path = "/mock"
method = "GET"
policy = "open"
integration = "mock"
[[integration]]
name = "mock"
type = "mock"
"#;
    let listener = "max_requests_per_connection = 1000000";
    let config = config(&[upstream.address], listener, "") + mock;
    let gateway = Gateway::start(directory.path(), &config);
    for lane in LANES {
        let greedy = Caller::of(&gateway);
        let (mut asks, mut reads) = (greedy.stream.try_clone().unwrap(), &greedy.stream);
        std::thread::scope(|scope| {
            let many = lane.request("GET", "/mock").repeat(1000);
            scope.spawn(move || while asks.write_all(many.as_bytes()).is_ok() {});
            scope.spawn(move || while reads.read(&mut [0; 65536]).is_ok_and(|read| read > 0) {});
            let mut caller = Caller::of(&gateway);
            for other in LANES.iter().cycle().take(20) {
                caller.send(other.request("GET", "/x"));
                assert_eq!(caller.answer("GET").status(), 200, "{lane:?} {other:?}");
            }
            greedy.stream.shutdown(Shutdown::Both).unwrap();
        });
    }
}
