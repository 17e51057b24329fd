//! Over both lanes of the gateway a target is chosen, waited for and given up alike, and nothing
//! that was kept before a reload answers for what came by it.

use tempfile::tempdir;

use crate::harness::gateway::Gateway;
use crate::harness::lambda::{AWS, route};
use crate::harness::lanes::{Caller, LANES, Lane, LaneStage, config};
use crate::harness::nginx::free_address;
use crate::harness::recorder::Recorder;
use crate::harness::scripted_lambda::{STREAM, event, prelude, say, serve, whole};
use crate::harness::scripted_target::ScriptedTarget;
use crate::harness::{text, wait_for};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn only_what_does_no_harm_twice_is_tried_at_the_next_target_on_both_lanes() {
    let directory = tempdir().unwrap();
    let (dead, live) = (free_address(), Recorder::start());
    let config = config(&[dead, live.address], "", "");
    let gateway = Gateway::start(directory.path(), &config);
    let ask = |lane: Lane, method: &str| {
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

/// Nobody asks for anything more: it is not the next request that finds out.
#[test]
fn kept_connections_that_have_come_to_their_end_are_closed() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "idle_timeout_ms = 1000");
    for lane in LANES {
        for target_ends in [true, false] {
            let mut caller = stage.caller();
            caller.send(lane.request("GET", "/x"));
            let mut caught = stage.target.catch();
            caught.head().unwrap();
            caught.send(OK);
            assert_eq!(caller.answer("GET").status(), 200);
            if target_ends {
                caught.end();
            }
            assert_eq!(caught.head(), None, "{lane:?} {target_ends}");
        }
    }
}

/// Whole or streamed, with a body or without, and cut off.
#[test]
fn functions_answer_alike_on_both_lanes() {
    let directory = tempdir().unwrap();
    let lambda = serve(|function, stream| {
        let streamed = |json: &str| [STREAM.as_bytes(), &prelude(json, "first ")].concat();
        match function {
            "whole" => drop(say(stream, whole("{\"statusCode\":201,\"body\":\"all\"}"))),
            "streamed" => {
                say(stream, streamed("{\"headers\":{\"x-a\":\"1\"}}"));
                say(stream, event("PayloadChunk", "last"));
                say(stream, event("InvokeComplete", "{}"));
            }
            _ => drop(say(stream, streamed("{}"))),
        }
    });
    let mut functions = String::new();
    for (name, invocation) in [
        ("whole", "request_response"),
        ("streamed", "response_stream"),
        ("cut-off", "response_stream"),
    ] {
        let keys = format!("payload_format = \"2.0\"\ninvocation = \"{invocation}\"");
        functions += &route(name, name, lambda, &keys);
    }
    let config = config(&[free_address()], "", "") + &functions;
    let gateway = Gateway::start_in(directory.path(), &config, &AWS);
    for (name, status, body, is_whole) in [
        ("whole", 201, "all", true),
        ("streamed", 200, "first last", true),
        ("cut-off", 200, "first ", false),
    ] {
        for lane in LANES {
            let mut caller = Caller::of(&gateway);
            for _ in 0..1 + usize::from(is_whole) {
                caller.send(lane.request("GET", &format!("/{name}/x")));
                let answer = caller.answer("GET");
                assert_eq!(answer.status(), status, "{name} {lane:?}");
                assert_eq!(text(&answer.body), body, "{name} {lane:?}");
                assert_eq!(answer.whole, is_whole, "{name} {lane:?}");
            }
        }
    }
}

/// Which takes Pingora's lane alone.
#[test]
fn http_1_0_gets_no_chunks_but_an_answer_that_ends_with_the_connection() {
    let directory = tempdir().unwrap();
    let stage = LaneStage::start(directory.path(), "", "");
    for (answer, ends) in [
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            true,
        ),
        ("\r\nhello", true),
        ("Content-Length: 5\r\n\r\nhello", false),
    ] {
        let mut caller = stage.caller();
        caller.send("GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let mut caught = Vec::new();
        let (_, at, _) = stage.next(&mut caught);
        caught[at].send(format!("HTTP/1.1 200 OK\r\n{answer}").as_bytes());
        caught[at].end();
        let answer = caller.answer("GET");
        assert_eq!(text(&answer.body), "hello");
        assert_eq!(answer.field("transfer-encoding"), None);
        let says = if ends { "close" } else { "keep-alive" };
        assert_eq!(answer.field("connection"), Some(says));
    }
}
