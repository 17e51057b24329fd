//! Over both lanes of the gateway a target is chosen, waited for and given up alike, and nothing
//! that was kept before a reload answers for what came by it.

use tempfile::tempdir;

use crate::harness::gateway::Gateway;
use crate::harness::lanes::{Caller, LANES, LaneStage, config};
use crate::harness::nginx::free_address;
use crate::harness::recorder::Recorder;
use crate::harness::scripted_target::ScriptedTarget;
use crate::harness::wait_for;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn only_what_does_no_harm_twice_is_tried_at_the_next_target_on_both_lanes() {
    let directory = tempdir().unwrap();
    let (dead, live) = (free_address(), Recorder::start());
    let config = config(&[dead, live.address], "", "");
    let gateway = Gateway::start(directory.path(), &config);
    let ask = |lane: crate::harness::lanes::Lane, method: &str| {
        let mut caller = Caller::of(&gateway);
        caller.send(lane.request(method, "/x"));
        caller.answer(method).status()
    };
    for lane in LANES {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            live.forget();
            for _ in 0..4 {
                assert_eq!(ask(lane, method), 200, "{lane:?} {method}");
            }
            assert_eq!(live.seen().matches(&format!("{method} /x ")).count(), 4);
        }
        let mut answers = [(); 4].map(|()| ask(lane, "POST"));
        answers.sort();
        assert_eq!(answers, [200, 200, 502, 502], "{lane:?}");
    }
}

#[test]
fn a_target_that_is_too_slow_is_504_before_its_answer_and_an_end_within_it() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "read_timeout_ms = 300");
    for lane in LANES {
        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/silent"));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        assert_eq!(caller.answer("GET").status(), 504, "{lane:?}");
        assert!(caller.is_closed());
        assert_eq!(caught.head(), None);

        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/stalls"));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        caught.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
        let answer = caller.answer("GET");
        assert_eq!(
            (answer.whole, &*answer.body),
            (false, &b"hel"[..]),
            "{lane:?}"
        );
        assert_eq!(caught.head(), None);
    }
    wait_for("all four in the log", || {
        let lines = stage.gateway.log();
        let timed_out = lines
            .iter()
            .filter(|line| line["refusal"] == "upstream_timeout");
        (timed_out.count() == 4).then_some(())
    });
}

/// A request that is sent twice reaches the target twice, and the caller gets one answer.
#[test]
fn a_kept_connection_that_breaks_is_no_failure_of_what_does_no_harm_twice() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    for lane in LANES {
        for (method, status) in [("GET", 200), ("POST", 502)] {
            let mut caller = stage.caller();
            caller.send(lane.request(method, "/first"));
            let mut caught = Vec::new();
            let (_, at, _) = stage.next(&mut caught);
            caught[at].send(OK);
            assert_eq!(caller.answer(method).status(), 200);
            caller.send(lane.request(method, "/second"));
            let (_, at, kept) = stage.next(&mut caught);
            assert!(kept, "{lane:?} {method}");
            // It was told the request, and says nothing.
            caught[at].close();
            if status == 200 {
                let (head, at, kept) = stage.next(&mut caught);
                assert!(!kept && head.contains("/second "), "{lane:?} {head}");
                caught[at].send(OK);
            }
            assert_eq!(caller.answer(method).status(), status, "{lane:?} {method}");
        }
    }
}

/// What had come before is passed on, and the end of the connection tells that it is not all.
#[test]
fn a_piece_that_comes_together_with_what_breaks_the_answer_is_passed_on() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    for lane in LANES {
        let mut caller = stage.caller();
        caller.send(lane.request("GET", "/x"));
        let mut caught = stage.target.catch();
        caught.head().unwrap();
        caught.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        caller.reach("first");
        caught.send(b"5\r\n last\r\nzz\r\n");
        let answer = caller.answer("GET");
        assert_eq!(
            (answer.whole, &*answer.body),
            (false, &b"first last"[..]),
            "{lane:?}"
        );
        assert!(caller.is_closed());
        assert_eq!(caught.head(), None);
    }
}

#[test]
fn after_a_reload_no_kept_connection_answers_for_another_target() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    let other = ScriptedTarget::start();
    let mut callers = LANES.map(|lane| (lane, stage.caller()));
    let mut before = Vec::new();
    for (lane, caller) in &mut callers {
        caller.send(lane.request("GET", "/before"));
        let (_, at, _) = stage.next(&mut before);
        before[at].send(OK);
        assert_eq!(caller.answer("GET").status(), 200);
    }
    assert!(stage.gateway.reload(&config(&[other.address], "", "")));
    for (lane, caller) in &mut callers {
        caller.send(lane.request("GET", "/behind"));
        let mut caught = other.catch();
        assert!(caught.head().unwrap().contains("/behind "), "{lane:?}");
        caught.send(OK);
        assert_eq!(caller.answer("GET").status(), 200);
    }
    // Back again, what was kept may serve: it is the same target.
    assert!(
        stage
            .gateway
            .reload(&config(&[stage.target.address], "", ""))
    );
    for (lane, caller) in &mut callers {
        caller.send(lane.request("GET", "/back"));
        let (head, at, _) = stage.next(&mut before);
        assert!(head.contains("/back "), "{lane:?}");
        before[at].send(OK);
        assert_eq!(caller.answer("GET").status(), 200);
    }
}
