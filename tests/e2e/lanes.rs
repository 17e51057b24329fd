//! Both lanes of the gateway make the same of whatever a target may answer: the caller gets the
//! same, the target is sent the same, the log says the same, and both connections share one fate.

mod cases;

use tempfile::tempdir;

use self::cases::Step::{self, Await, Close, Drip, Fill, Send};
use self::cases::{BROKEN, CASES, Fate};
use crate::harness::gateway::Gateway;
use crate::harness::lanes::{Caller, LANES, Lane, LaneStage, ONE_THREAD, RawAnswer, told};
use crate::harness::scripted_target::{Caught, ScriptedTarget};

/// Everything that shows of an exchange.
#[derive(Debug, PartialEq)]
struct Shown {
    answer: RawAnswer,
    asked: String,
    fate: Fate,
}

/// A route and an integration for each case: it finds no connection of another one.
fn config(target: &ScriptedTarget) -> String {
    let listener = "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n";
    let of = |number: usize| {
        format!(
            r#"
[[route]]
path = "/{number}/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "of-{number}"
[[integration]]
name = "of-{number}"
type = "http_proxy"
targets = ["{}"]
"#,
            target.address
        )
    };
    let all: String = (0..CASES.len()).map(of).collect();
    format!("{ONE_THREAD}{listener}{all}")
}

fn stage(directory: &std::path::Path) -> LaneStage {
    let target = ScriptedTarget::start();
    let gateway = Gateway::start(directory, &config(&target));
    LaneStage { target, gateway }
}

fn play(steps: &[Step], caught: &mut Caught, caller: &mut Caller) {
    for step in steps {
        match *step {
            Send(bytes) => caught.send(bytes.as_bytes()),
            Drip(bytes) => bytes.bytes().for_each(|byte| caught.send(&[byte])),
            Fill(before, length, behind) => {
                caught.send(before.as_bytes());
                caught.send(&vec![b'x'; length]);
                caught.send(behind.as_bytes());
            }
            Await(part) => caller.reach(part),
            Close => caught.close(),
        }
    }
}

/// Asks, has the target do what it does, and asks again.
fn exchange(stage: &LaneStage, lane: Lane, number: usize) -> Shown {
    let case = &CASES[number];
    // Told when the test fails.
    eprintln!("{}, {lane:?}", case.name);
    let path = path(lane, number);
    let mut caller = stage.caller();
    caller.send(lane.request(case.method, &path));
    let mut caught = stage.target.catch();
    let asked = caught.head().expect("a request");
    play(case.steps, &mut caught, &mut caller);
    let mut answer = caller.answer(case.method);
    let head = answer.head.to_ascii_lowercase();
    assert!(head.matches("content-length:").count() < 2, "{head}");
    let is_closing = !answer.whole || answer.field("connection") == Some("close");
    if is_closing {
        assert!(caller.is_closed(), "{} {lane:?}", case.name);
        caller = stage.caller();
    }
    let target_kept = again(stage, lane, &path, &mut caller, caught);
    same_for_both(&mut answer);
    Shown {
        fate: (answer.whole, !is_closing, target_kept),
        answer,
        asked: asked_alike(&asked, lane),
    }
}

fn path(lane: Lane, number: usize) -> String {
    format!("/{number}/{}", lane.name())
}

/// Asks for something else, and gets the answer to that; says whether over the same connection.
fn again(stage: &LaneStage, lane: Lane, path: &str, caller: &mut Caller, caught: Caught) -> bool {
    caller.send(lane.request("GET", &format!("{path}/again")));
    let mut caught = vec![caught];
    let (head, at, kept) = stage.next(&mut caught);
    assert!(head.contains("/again "), "{head}");
    caught[at].send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother");
    let answer = caller.answer("GET");
    assert_eq!((answer.status(), &*answer.body), (200, &b"another"[..]));
    kept
}

/// Takes out of an answer what differs from one to the next: of one that broke off, how much of it
/// had come.
fn same_for_both(answer: &mut RawAnswer) {
    if !answer.whole {
        answer.body.clear();
    }
    let lines = answer.head.split_inclusive("\r\n");
    let differs = |line: &str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("date: ") || line.starts_with("x-request-id: ")
    };
    answer.head = lines.filter(|line| !differs(line)).collect();
    if answer.field("content-type") == Some("application/json") {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let body = body.split("\"request_id\"").next().unwrap_or_default();
        answer.body = body.as_bytes().to_vec();
    }
}

fn asked_alike(asked: &str, lane: Lane) -> String {
    let lines = asked.split_inclusive("\r\n");
    let lines = lines.filter(|line| !line.to_ascii_lowercase().starts_with("x-request-id: "));
    lines.collect::<String>().replace(lane.name(), "LANE")
}

#[test]
fn both_lanes_make_the_same_of_whatever_a_target_answers() {
    let directory = tempdir().unwrap();
    let stage = stage(directory.path());
    let mut wrong = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let [lean, pingora] = LANES.map(|lane| exchange(&stage, lane, number));
        if lean != pingora {
            wrong.push(format!("{}: {lean:#?} but {pingora:#?}", case.name));
        } else if (lean.answer.status(), lean.fate) != (case.status, case.fate) {
            wrong.push(format!("{}: {lean:#?}", case.name));
        }
    }
    for (number, case) in CASES.iter().enumerate() {
        let [lean, pingora] = LANES.map(|lane| {
            let mut told = told(&stage.gateway, &path(lane, number));
            if case.fate == BROKEN {
                told["bytes_out"].take();
            }
            told
        });
        if lean != pingora {
            wrong.push(format!("{} is told as {lean} but {pingora}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
