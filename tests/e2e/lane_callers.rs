//! Both lanes of the gateway make the same of a caller that leaves, that does not read, and that
//! sends its last request.

use serde_json::json;
use tempfile::tempdir;

use crate::harness::gateway::Gateway;
use crate::harness::lanes::{Caller, LANES, LaneStage, config, told};
use crate::harness::recorder::Recorder;
use crate::harness::wait_for;

/// Bytes of an answer that no gateway should hold.
const HUGE: u64 = 64 << 20;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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
        caught.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n").as_bytes());
        // Comes to its end when the gateway has closed the connection.
        caught.send(&vec![b'x'; HUGE as usize]);
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
    assert!(more < HUGE / 2, "{more} bytes");
}

#[test]
fn a_huge_answer_arrives_whole_and_costs_no_memory() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    let before = stage.gateway.memory("VmHWM");
    let body: Vec<u8> = (0..HUGE).map(|place| (place % 251) as u8).collect();
    for lane in LANES {
        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/huge"));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                caught
                    .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n").as_bytes());
                caught.send(&body);
            });
            let answer = caller.answer("GET");
            assert!(answer.whole && answer.body == body, "{lane:?}");
        });
    }
    let more = stage.gateway.memory("VmHWM") - before;
    assert!(more < HUGE / 2, "{more} bytes");
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
        let (_, at, _) = stage.next(&mut caught);
        caught[at].send(OK);
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
