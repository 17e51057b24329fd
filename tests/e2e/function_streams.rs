//! Functions whose answers are streamed: bytes go on as they come, and an answer that broke off is
//! never taken for a whole one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use countersign_local_lambda::{Emulator, Ending, Function, Kind, LocalLambda};
use tempfile::{TempDir, tempdir};

use crate::harness::client::Client;
use crate::harness::gateway::Gateway;
use crate::harness::lambda::{Gate, gateway, route};
use crate::harness::{run, text};

struct Stage {
    _home: TempDir,
    lambda: LocalLambda,
    gateway: Gateway,
}

impl Stage {
    fn new(more: &str) -> Self {
        let home = tempdir().unwrap();
        let mut trailing = Function::python("trailing");
        trailing.command.drain(1..);
        trailing.command.push("trailing.py".into());
        trailing.emulator = Emulator::RuntimeApi;
        let mut echo = Function::native("lambda-echo");
        echo.name = "whole".into();
        let lambda = LocalLambda::start(vec![Function::native("lambda-stream"), trailing, echo]);
        let keys = format!("payload_format = \"2.0\"\ninvocation = \"response_stream\"\n{more}");
        let address = lambda.address();
        let config = route("stream", "lambda-stream", address, &keys)
            + &route("trailing", "trailing", address, &keys)
            + &route("whole", "whole", address, &keys);
        let gateway = gateway(home.path(), &config);
        Self {
            _home: home,
            lambda,
            gateway,
        }
    }

    fn counted(&self, integration: &str, result: &str) -> f64 {
        let labels = format!("integration=\"{integration}\",result=\"{result}\"");
        self.gateway
            .metric("countersign_lambda_invocations_total", &labels)
    }

    fn ask(&self, target: &str) -> TcpStream {
        self.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.gateway.address("plain")).unwrap();
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ended(&self, function: &str, ending: &Ending) {
        self.lambda.wait_until("an ending", |lambda| {
            let last = lambda.invocations(function).pop();
            last.is_some_and(|last| last.ending.as_ref() == Some(ending))
        });
    }
}

/// Reads until `end` has come.
fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !text(&all).contains(end) {
        let mut scratch = [0; 4096];
        let length = stream.read(&mut scratch).expect("more comes");
        assert!(length > 0, "it ended: {}", text(&all));
        all.extend_from_slice(&scratch[..length]);
    }
    text(&all)
}

fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // It may end with an error as well.
    let _ = stream.read_to_end(&mut all);
    text(&all)
}

const LAST: &str = "\r\n0\r\n\r\n";

#[test]
fn the_first_byte_is_there_before_the_last_is_made() {
    let stage = Stage::new("");
    let gate = Gate::new();
    let target = format!("/stream/x?gate={}&status=203", gate.address());
    let mut caller = stage.ask(&target);
    let waiting = gate.reached();
    let begun = until(&mut caller, "first\n");
    assert!(begun.starts_with("HTTP/1.1 203 "), "{begun}");
    let head = begun.to_ascii_lowercase();
    for field in [
        "transfer-encoding: chunked",
        "content-type: text/plain",
        "x-streamed: yes",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "x-request-id: ",
    ] {
        assert!(head.contains(&format!("\r\n{field}")), "{field}: {head}");
    }
    assert!(!begun.contains("last"));
    waiting.let_go();
    let end = rest(caller);
    assert!(end.contains("last\n") && end.ends_with(LAST), "{end}");
    stage.ended("lambda-stream", &Ending::Answered);
    let invocation = stage.lambda.invocations("lambda-stream").remove(0);
    assert_eq!(invocation.kind, Kind::Stream);
    assert!((stage.counted("stream", "answered") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_large_stream_comes_whole_and_takes_little_memory() {
    let stage = Stage::new("max_payload_bytes = 4096");
    let caller = |bytes: usize| {
        let target = format!("/stream/x?bytes={bytes}");
        let url = format!("http://{}{target}", stage.gateway.address("plain"));
        run("curl", &["-sS", "--fail", &url]).stdout.len()
    };
    let around = "first\nlast\n".len();
    assert_eq!(caller(1 << 20), (1 << 20) + around);
    let before = stage.gateway.memory("VmHWM");
    let large = 128 << 20;
    assert_eq!(caller(large), large + around);
    // What grows is the allocator's, a few pieces for each thread.
    let grown = stage.gateway.memory("VmHWM") - before;
    assert!(grown < large as u64 / 4, "{grown} bytes");
}

#[test]
fn what_does_not_begin_as_a_stream_is_refused() {
    let stage = Stage::new("");
    let answer = rest(stage.ask("/whole/x"));
    // The function answered as if it were waited for: without a prelude there is no telling head
    // from body.
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("function_answer_malformed"), "{answer}");
}

#[test]
fn a_stream_that_fails_before_its_prelude_is_refused_as_any_answer() {
    let stage = Stage::new("");
    let answer = rest(stage.ask("/stream/x?fail=early"));
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("function_error"), "{answer}");
    assert!((stage.counted("stream", "function_error") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_stream_that_fails_late_never_looks_whole() {
    let stage = Stage::new("");
    let answer = rest(stage.ask("/trailing/x"));
    assert!(answer.contains("first\n"), "{answer}");
    assert!(!answer.ends_with(LAST), "{answer}");
    let url = format!("http://{}/trailing/x", stage.gateway.address("plain"));
    let curl = run("curl", &["-sS", &url]);
    assert!(!curl.status.success(), "curl takes it for whole");
    let line = stage
        .gateway
        .logged("a reason", |line| line["path"] == "/trailing/x");
    assert_eq!(line["refusal"], "function_error", "{line}");
    assert!((stage.counted("trailing", "function_error") - 2.0).abs() < f64::EPSILON);
}

#[test]
fn a_stream_whose_function_ends_never_looks_whole() {
    let stage = Stage::new("");
    let gate = Gate::new();
    let target = format!("/stream/x?fail=exit&gate={}", gate.address());
    let mut caller = stage.ask(&target);
    let waiting = gate.reached();
    until(&mut caller, "first\n");
    waiting.let_go();
    let end = rest(caller);
    assert!(!end.ends_with(LAST), "{end}");
    assert!((stage.counted("stream", "function_error") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_silent_stream_is_given_up_but_a_slow_one_is_not() {
    let stage = Stage::new("idle_timeout_ms = 300");
    let gate = Gate::new();
    let mut caller = stage.ask(&format!("/stream/x?gate={}", gate.address()));
    let _waiting = gate.reached();
    until(&mut caller, "first\n");
    let end = rest(caller);
    assert!(!end.contains("last") && !end.ends_with(LAST), "{end}");
    stage.ended("lambda-stream", &Ending::Abandoned);
    assert!((stage.counted("stream", "function_timeout") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_head_and_a_status_without_content_get_no_body() {
    let stage = Stage::new("");
    let head = "HEAD /stream/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = rest(stage.send(head));
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("first"), "{answer}");
    for status in [204, 304] {
        let answer = rest(stage.ask(&format!("/stream/x?status={status}")));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(!answer.contains("first"), "{answer}");
    }
    // A kept connection is usable after each of them.
    let mut client = Client::plain(stage.gateway.address("plain"));
    for target in ["/stream/x?status=204", "/stream/x?status=304"] {
        let status = client.get("localhost", target).status;
        assert!(target.ends_with(&status.to_string()));
    }
}

#[test]
fn http_1_0_gets_a_stream_that_ends_with_the_connection() {
    let stage = Stage::new("");
    let answer = rest(stage.send("GET /stream/x HTTP/1.0\r\nHost: localhost\r\n\r\n"));
    assert!(answer.ends_with("\r\n\r\nfirst\nlast\n"), "{answer}");
    assert!(
        !answer.to_ascii_lowercase().contains("transfer-encoding"),
        "{answer}"
    );
}
