//! Both lanes of the gateway make the same of whatever a caller does: of requests that it sends
//! before their turn, in pieces or for the last time, and of its leaving.

use serde_json::json;
use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::Gateway;
use crate::harness::lanes::{Caller, LANES, Lane, LaneStage, config, told};
use crate::harness::recorder::Recorder;
use crate::harness::scripted_target::Caught;
use crate::harness::wait_for;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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
fn a_caller_that_leaves_before_its_answer_takes_the_targets_connection_along() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    let [lean, pingora] = LANES.map(|lane| {
        let path = format!("/{}", lane.name());
        let mut caller = stage.caller();
        caller.send(lane.request("GET", &path));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        drop(caller);
        assert_eq!(caught.head(), None);
        told(&stage.gateway, &path)
    });
    assert_eq!(lean, pingora);
    assert_eq!(
        (&lean["status"], &lean["refusal"]),
        (&json!(499), &json!("caller_left"))
    );
    no_request_is_left(&stage);
}

#[test]
fn a_caller_that_leaves_within_its_answer_takes_the_targets_connection_along() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    let [lean, pingora] = LANES.map(|lane| {
        let path = format!("/{}", lane.name());
        let mut caller = stage.caller();
        caller.send(lane.request("GET", &path));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        caught.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
        caller.reach("hel");
        drop(caller);
        assert_eq!(caught.head(), None);
        told(&stage.gateway, &path)
    });
    assert_eq!(lean, pingora);
    assert_eq!(
        (&lean["status"], &lean["refusal"]),
        (&json!(200), &json!("caller_left"))
    );
    no_request_is_left(&stage);
}

/// Neither is counted as in flight any more.
fn no_request_is_left(stage: &LaneStage) {
    for metric in ["countersign_requests_in_flight", "countersign_connections{"] {
        wait_for(metric, || {
            (stage.gateway.metric(metric, "") == 0.0).then_some(())
        });
    }
}

/// And costs no memory while it does not.
#[test]
fn a_caller_that_does_not_read_is_given_up() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "body_timeout_ms = 300", "");
    let before = stage.gateway.memory("VmHWM");
    let [lean, pingora] = LANES.map(|lane| {
        let path = format!("/{}", lane.name());
        let mut caller = stage.caller();
        caller.send(lane.request("GET", &path));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        caught.send(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
        // Comes to its end when the gateway has closed the connection.
        caught.send(&vec![b'x'; 64 << 20]);
        let mut told = told(&stage.gateway, &path);
        told["bytes_out"].take();
        told
    });
    assert_eq!(lean, pingora);
    assert_eq!(
        (&lean["status"], &lean["refusal"]),
        (&json!(200), &json!("caller_left"))
    );
    no_request_is_left(&stage);
    let more = stage.gateway.memory("VmHWM") - before;
    assert!(more < 16 << 20, "{more} bytes");
}

#[test]
fn a_huge_answer_arrives_whole_and_costs_no_memory() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    let before = stage.gateway.memory("VmHWM");
    let body: Vec<u8> = (0..64 << 20)
        .map(|place: u32| (place % 251) as u8)
        .collect();
    for lane in LANES {
        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/huge"));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                caught.send(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
                caught.send(&body);
            });
            let answer = caller.answer("GET");
            assert!(answer.whole && answer.body == body, "{lane:?}");
        });
    }
    let more = stage.gateway.memory("VmHWM") - before;
    assert!(more < 16 << 20, "{more} bytes");
}

#[test]
fn the_last_request_of_a_connection_says_so_and_the_targets_is_kept() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    for lane in LANES {
        let mut caught = Vec::new();
        for again in [false, true] {
            let mut caller = stage.caller();
            let closes = format!("Connection: close\r\n{}", lane.field());
            caller.send(format!("GET /x HTTP/1.1\r\nHost: a\r\n{closes}\r\n"));
            let (head, at, kept) = stage.next(&mut caught);
            assert!(!head.to_ascii_lowercase().contains("connection:"), "{head}");
            assert_eq!(kept, again, "{lane:?}");
            caught[at].send(OK);
            let answer = caller.answer("GET");
            assert_eq!(answer.field("connection"), Some("close"), "{lane:?}");
            assert!(caller.is_closed(), "{lane:?}");
        }
    }
}

#[test]
fn requests_of_both_lanes_count_together_and_idle_connections_end() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let listener = "max_requests_per_connection = 3\nidle_timeout_ms = 1000";
    let gateway = Gateway::start(directory.path(), &config(&[upstream.address], listener, ""));
    for first in LANES {
        for second in LANES {
            let mut caller = Caller::of(&gateway);
            for (lane, says) in [
                (first, "keep-alive"),
                (second, "keep-alive"),
                (first, "close"),
            ] {
                caller.send(lane.request("GET", "/x"));
                assert_eq!(caller.answer("GET").field("connection"), Some(says));
            }
            assert!(caller.is_closed(), "{first:?} {second:?}");
        }
    }
    let mut callers = LANES.map(|lane| {
        let mut caller = Caller::of(&gateway);
        caller.send(lane.request("GET", "/x"));
        assert_eq!(caller.answer("GET").status(), 200);
        caller
    });
    for caller in &mut callers {
        assert!(caller.is_closed());
    }
}

#[test]
fn a_drain_ends_idle_connections_and_waits_for_busy_ones_of_both_lanes() {
    let directory = tempdir().unwrap();
    let mut stage = LaneStage::start(directory.path(), "", "");
    let mut caught = Vec::new();
    let mut idle = LANES.map(|lane| {
        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/idle"));
        serve(&stage, &mut caught);
        assert_eq!(caller.answer("GET").status(), 200);
        caller
    });
    let mut busy = LANES.map(|lane| {
        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/busy"));
        let (_, at, _) = stage.next(&mut caught);
        (caller, caught.remove(at))
    });
    stage.gateway.signal("TERM");
    for caller in &mut idle {
        assert!(caller.is_closed());
    }
    for (caller, caught) in &mut busy {
        caught.send(OK);
        assert_eq!(caller.answer("GET").status(), 200);
        assert!(caller.is_closed());
    }
    assert!(stage.gateway.end().success());
    let lines = stage.gateway.log();
    assert_eq!(lines.iter().filter(|line| line["status"] == 200).count(), 4);
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
    let nobody = crate::harness::nginx::free_address();
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
