//! Both lanes of the gateway make the same of whatever a target may answer: the caller gets the
//! same, the target is sent the same, the log says the same, and both connections share one fate.

use tempfile::tempdir;

use crate::harness::gateway::Gateway;
use crate::harness::lanes::{Caller, LANES, Lane, LaneStage, ONE_THREAD, RawAnswer, told};
use crate::harness::scripted_target::{Caught, ScriptedTarget};

/// What the target does, one after the other.
#[derive(Clone, Copy)]
enum Step {
    Send(&'static str),
    /// A byte at a time.
    Drip(&'static str),
    /// This many bytes of head and body.
    Fill(&'static str, usize, &'static str),
    /// Nothing before this has reached the caller.
    Await(&'static str),
    Close,
}

use Step::{Await, Close, Drip, Fill, Send};

struct Case {
    name: &'static str,
    method: &'static str,
    steps: &'static [Step],
    /// The status that the caller gets; 0 for none.
    status: u16,
    /// Whether the answer is whole, and each connection is kept: the caller's, the target's.
    fate: Fate,
}

type Fate = (bool, bool, bool);

const GOOD: Fate = (true, true, true);
/// What the target sends has no other end than its connection, or is not to be trusted further.
const SPENT: Fate = (true, true, false);
const REFUSED: Fate = (true, false, false);
const BROKEN: Fate = (false, false, false);

const fn get(name: &'static str, steps: &'static [Step], status: u16, fate: Fate) -> Case {
    Case {
        name,
        method: "GET",
        steps,
        status,
        fate,
    }
}

const fn head(name: &'static str, steps: &'static [Step], status: u16, fate: Fate) -> Case {
    Case {
        method: "HEAD",
        ..get(name, steps, status, fate)
    }
}

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n";

const CASES: &[Case] = &[
    get("a length", &[Send(LENGTH), Send("hello")], 200, GOOD),
    get(
        "a length, in one piece",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
        200,
        GOOD,
    ),
    get(
        "a length, dripped",
        &[Drip(LENGTH), Drip("hello")],
        200,
        GOOD,
    ),
    get(
        "no body",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "a long body",
        &[Fill(
            "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n",
            300_000,
            "",
        )],
        200,
        GOOD,
    ),
    get(
        "lines of a field that is repeated",
        &[Send(
            "HTTP/1.1 201 Made\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nVary: x\r\n\r\n",
        )],
        201,
        GOOD,
    ),
    get(
        "one chunk",
        &[Send(CHUNKED), Send("5\r\nhello\r\n0\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "many chunks",
        &[
            Send(CHUNKED),
            Send("1\r\nh\r\n3\r\nell\r\n"),
            Send("1\r\no\r\n0\r\n\r\n"),
        ],
        200,
        GOOD,
    ),
    get(
        "chunks, dripped",
        &[Drip(CHUNKED), Drip("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")],
        200,
        GOOD,
    ),
    get("no chunk", &[Send(CHUNKED), Send("0\r\n\r\n")], 200, GOOD),
    get(
        "chunks with a trailer",
        &[
            Send(CHUNKED),
            Send("5\r\nhello\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"),
        ],
        200,
        GOOD,
    ),
    get(
        "chunks with a trailer, dripped",
        &[Drip(CHUNKED), Drip("5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "chunks with extensions",
        &[Send(CHUNKED), Send("5;a=b\r\nhello\r\n0;c\r\n\r\n")],
        200,
        GOOD,
    ),
    get(
        "until the connection ends",
        &[
            Send("HTTP/1.1 200 OK\r\n\r\nhel"),
            Await("hel"),
            Send("lo"),
            Await("lo"),
            Close,
        ],
        200,
        SPENT,
    ),
    get(
        "until the connection ends, at once",
        &[Send("HTTP/1.1 200 OK\r\n\r\n"), Close],
        200,
        SPENT,
    ),
    get(
        "HTTP/1.0 until the connection ends",
        &[Send("HTTP/1.0 200 OK\r\n\r\nhello"), Close],
        200,
        SPENT,
    ),
    get(
        "HTTP/1.0 with a length",
        &[Send("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
        200,
        SPENT,
    ),
    get(
        "HTTP/1.0 that is kept",
        &[Send(
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "HTTP/1.0 in chunks",
        &[Send(
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )],
        200,
        SPENT,
    ),
    get(
        "a target that wants to close",
        &[Send(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        SPENT,
    ),
    head("HEAD with a length", &[Send(LENGTH)], 200, GOOD),
    head("HEAD in chunks", &[Send(CHUNKED)], 200, GOOD),
    head(
        "HEAD without either",
        &[Send("HTTP/1.1 200 OK\r\n\r\n")],
        200,
        GOOD,
    ),
    head(
        "HEAD that has a body",
        &[Send(LENGTH), Send("hello")],
        200,
        SPENT,
    ),
    get("204", &[Send("HTTP/1.1 204 No Content\r\n\r\n")], 204, GOOD),
    get(
        "204 that has a body",
        &[Send(
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        )],
        204,
        SPENT,
    ),
    get(
        "304 with a length",
        &[Send(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
        )],
        304,
        GOOD,
    ),
    get(
        "103 first",
        &[
            Send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
            Await("</a>"),
            Send(LENGTH),
            Send("hello"),
        ],
        200,
        GOOD,
    ),
    get(
        "100, 102 and 103 first, in one piece",
        &[Send(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "103 and no more",
        &[
            Send("HTTP/1.1 103 Early Hints\r\n\r\n"),
            Await("103"),
            Close,
        ],
        502,
        REFUSED,
    ),
    get(
        "101 that nobody asked for",
        &[Send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )],
        502,
        REFUSED,
    ),
    get(
        "a length and chunks",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )],
        200,
        GOOD,
    ),
    get(
        "two equal lengths",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "a list of equal lengths",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello")],
        200,
        GOOD,
    ),
    get(
        "a coding that is not chunked",
        &[
            Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
            Close,
        ],
        200,
        BROKEN,
    ),
    get(
        "two codings",
        &[Send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )],
        200,
        GOOD,
    ),
    get(
        "fields for the gateway alone",
        &[Send(
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=9\r\nTrailer: X-T\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "bare LF",
        &[Send("HTTP/1.1 200\nContent-Length: 5\n\nhello")],
        200,
        GOOD,
    ),
    get(
        "a space before the colon",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello")],
        200,
        GOOD,
    ),
    get(
        "two lengths that differ",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        )],
        502,
        REFUSED,
    ),
    get(
        "a length that is none",
        &[Send("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello")],
        502,
        REFUSED,
    ),
    get("no HTTP", &[Send("SSH-2.0-OpenSSH\r\n\r\n")], 502, REFUSED),
    get(
        "a bad status",
        &[Send("HTTP/1.1 2000 OK\r\n\r\n")],
        502,
        REFUSED,
    ),
    get(
        "a bad version",
        &[Send("HTTP/3.1 200 OK\r\n\r\n")],
        502,
        REFUSED,
    ),
    get(
        "a status below 100",
        &[Send("HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n")],
        502,
        REFUSED,
    ),
    get(
        "a NUL in a value",
        &[Send(
            "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        )],
        502,
        REFUSED,
    ),
    get(
        "a folded line",
        &[Send(
            "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get(
        "a head of 100 KB",
        &[Fill(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: ",
            100_000,
            "\r\n\r\nhello",
        )],
        200,
        GOOD,
    ),
    get("nothing", &[Close], 502, REFUSED),
    get(
        "half a head",
        &[Send("HTTP/1.1 200 OK\r\nContent-"), Close],
        502,
        REFUSED,
    ),
    get(
        "half a body",
        &[
            Fill(
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
                55_555,
                "",
            ),
            Await("xx"),
            Close,
        ],
        200,
        BROKEN,
    ),
    get(
        "half a chunk",
        &[Send(CHUNKED), Send("5\r\nhel"), Await("hel"), Close],
        200,
        BROKEN,
    ),
    get(
        "no last chunk",
        &[Send(CHUNKED), Send("5\r\nhello\r\n"), Await("hello"), Close],
        200,
        BROKEN,
    ),
    get(
        "a piece, and behind it in one go what is no chunk",
        &[
            Send(CHUNKED),
            Send("1\r\na\r\n"),
            Await("a\r\n"),
            Send("4\r\nlast\r\nzz\r\n"),
        ],
        200,
        BROKEN,
    ),
    get(
        "more than its length",
        &[Send(LENGTH), Send("hello, you")],
        200,
        SPENT,
    ),
    get(
        "another answer behind it",
        &[Send(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        )],
        200,
        SPENT,
    ),
    get(
        "a part of another answer behind its chunks",
        &[Send(CHUNKED), Send("5\r\nhello\r\n0\r\n\r\nHTTP")],
        200,
        SPENT,
    ),
    get(
        "another answer before it was asked for",
        &[
            Send(LENGTH),
            Send("hello"),
            Await("hello"),
            Send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
        ],
        200,
        SPENT,
    ),
    get(
        "a connection that the target closes when it has answered",
        &[Send(LENGTH), Send("hello"), Await("hello"), Close],
        200,
        SPENT,
    ),
    get(
        "an answer that streams",
        &[
            Send(CHUNKED),
            Await("X-A"),
            Send("3\r\none\r\n"),
            Await("one"),
            Send("3\r\ntwo\r\n"),
            Await("two"),
            Send("0\r\n\r\n"),
        ],
        200,
        GOOD,
    ),
];

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
    let target_kept = again(stage, lane, &path, &mut caller, &mut caught);
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

/// Asks for something else, and gets the answer to that; says over which connection.
fn again(
    stage: &LaneStage,
    lane: Lane,
    path: &str,
    caller: &mut Caller,
    caught: &mut Caught,
) -> bool {
    caller.send(lane.request("GET", &format!("{path}/again")));
    let (head, kept) = stage.next(caught);
    assert!(head.contains("/again "), "{head}");
    caught.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanother");
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
