//! Functions, and a Lambda, that say what none should: their bytes reach no caller as anything
//! but an answer, and nothing of an invocation outlives it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use crate::harness::client::Client;
use crate::harness::gateway::Gateway;
use crate::harness::lambda::{AWS, Gate, LISTENER, gateway, route};
use crate::harness::pki::Authority;
use crate::harness::scripted_lambda::{STREAM, event, frame, linger, prelude, say, serve, whole};
use crate::harness::{run, text, wait_for};

const WHOLE: &str = "payload_format = \"2.0\"\n";
const STREAMED: &str = "payload_format = \"2.0\"\ninvocation = \"response_stream\"\n";

struct Stage {
    _home: TempDir,
    gateway: Gateway,
}

impl Stage {
    /// Routes `/NAME/…` to functions of these names.
    fn new(names: &[&str], lambda: SocketAddr, keys: &str) -> Self {
        let home = tempdir().unwrap();
        let gateway = gateway(home.path(), &config(names, lambda, keys));
        Self {
            _home: home,
            gateway,
        }
    }

    fn client(&self) -> Client {
        Client::plain(self.gateway.address("plain"))
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.gateway.address("plain")).unwrap();
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn get(&self, target: &str) -> TcpStream {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    fn counted(&self, integration: &str, result: &str) -> u64 {
        let labels = format!("integration=\"{integration}\",result=\"{result}\"");
        let name = "countersign_lambda_invocations_total";
        self.gateway.metric(name, &labels) as u64
    }

    fn in_flight(&self) -> u64 {
        self.gateway.metric("countersign_lambda_in_flight", "") as u64
    }
}

fn config(names: &[&str], lambda: SocketAddr, keys: &str) -> String {
    let routes = names.iter().map(|name| route(name, name, lambda, keys));
    routes.collect()
}

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

/// RFC 9110 §8.6 and §15.4.5.
#[test]
fn an_answer_without_content_states_no_length() {
    let lambda = serve(|function, stream| {
        let status = &function[1..];
        let payload = format!(
            "{{\"statusCode\":{status},\"body\":\"x\",\"headers\":{{\"Content-Length\":\"1\"}}}}"
        );
        say(stream, whole(&payload));
    });
    let stage = Stage::new(&["s204", "s304", "s200"], lambda, WHOLE);
    let mut client = stage.client();
    for status in [204, 304, 200] {
        let answer = client.get("localhost", &format!("/s{status}/x"));
        let head = answer.head.to_ascii_lowercase();
        assert_eq!(answer.status, status);
        assert_eq!(head.contains("content-length"), status == 200, "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
    }
}

#[test]
fn a_stream_with_a_length_goes_on_as_it_comes() {
    let gate = Gate::new();
    let address = gate.address();
    let lambda = serve(move |_, stream| {
        let json = r#"{"headers":{"Content-Length":"11"}}"#;
        say(stream, [STREAM.as_bytes(), &prelude(json, "")].concat());
        for piece in ["first\n", "last\n"] {
            let mut gate = TcpStream::connect(address).unwrap();
            let _ = gate.read(&mut [0]);
            say(stream, event("PayloadChunk", piece));
        }
        say(stream, event("InvokeComplete", "{}"));
    });
    let stage = Stage::new(&["f"], lambda, STREAMED);
    let mut caller = stage.get("/f/x");
    let waiting = gate.reached();
    let head = until(&mut caller, "\r\n\r\n");
    assert!(
        head.to_ascii_lowercase().contains("content-length: 11\r\n"),
        "{head}"
    );
    waiting.let_go();
    let waiting = gate.reached();
    until(&mut caller, "first\n");
    waiting.let_go();
    until(&mut caller, "last\n");
}

#[test]
fn a_stream_without_content_is_answered_and_not_abandoned() {
    let lambda = serve(|function, stream| {
        let json = if function == "none" {
            r#"{"statusCode":204}"#
        } else {
            "{}"
        };
        say(stream, [STREAM.as_bytes(), &prelude(json, "body")].concat());
        say(stream, event("InvokeComplete", "{}"));
        linger(stream);
    });
    let stage = Stage::new(&["none", "head"], lambda, STREAMED);
    let mut client = stage.client();
    assert_eq!(client.get("localhost", "/none/x").status, 204);
    let answer = client.ask("HEAD /head/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(answer.status, 200);
    assert_eq!(client.get("localhost", "/none/x").status, 204);
    wait_for("no invocation", || (stage.in_flight() == 0).then_some(()));
    assert_eq!(stage.counted("none", "answered"), 2);
    assert_eq!(stage.counted("head", "answered"), 1);
}

#[test]
fn a_caller_who_leaves_in_the_middle_of_a_stream_is_said_to_have_left() {
    let lambda = serve(|function, stream| {
        let json = match function {
            "long" => r#"{"headers":{"Content-Length":"100000000000"}}"#,
            _ => "{}",
        };
        say(
            stream,
            [STREAM.as_bytes(), &prelude(json, "first\n")].concat(),
        );
        let more = event("PayloadChunk", vec![b'x'; 65536]);
        while say(stream, &more) {}
    });
    let stage = Stage::new(&["chunks", "long"], lambda, STREAMED);
    for name in ["chunks", "long"] {
        let mut caller = stage.get(&format!("/{name}/x"));
        until(&mut caller, "first\n");
        drop(caller);
        let path = format!("/{name}/x");
        let line = stage
            .gateway
            .logged("who left", |line| line["path"] == *path);
        assert_eq!(line["refusal"], "caller_left", "{line}");
        assert_eq!(stage.counted(name, "abandoned"), 1);
    }
    assert_eq!(stage.in_flight(), 0);
}

#[test]
fn a_failure_told_beside_a_stream_is_one() {
    let lambda = serve(|_, stream| {
        let head = STREAM.replace("\r\n\r\n", "\r\nX-Amz-Function-Error: Unhandled\r\n\r\n");
        say(stream, [head.as_bytes(), &prelude("{}", "x")].concat());
        say(stream, event("InvokeComplete", "{}"));
    });
    let stage = Stage::new(&["f"], lambda, STREAMED);
    let answer = stage.client().get("localhost", "/f/x");
    assert_eq!(
        (answer.status, answer.code()),
        (500, "function_error".to_owned())
    );
    assert_eq!(stage.counted("f", "function_error"), 1);
}

#[test]
fn a_stream_holds_its_event_no_longer_than_it_is_needed() {
    let lambda = serve(|_, stream| {
        say(
            stream,
            [STREAM.as_bytes(), &prelude("{}", "first\n")].concat(),
        );
        linger(stream);
    });
    let stage = Stage::new(&["f"], lambda, STREAMED);
    let body = "x".repeat(300_000);
    let length = body.len();
    let mut caller = stage.send(&format!(
        "POST /f/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    until(&mut caller, "first\n");
    assert!(stage.gateway.metric("countersign_held_bytes", "").abs() < 1.0);
}

#[test]
fn a_reload_that_changes_a_function_forgets_no_invocation() {
    let lambda = serve(|_, stream| linger(stream));
    let keys = |timeout: u64, most: usize| {
        format!("{WHOLE}timeout_ms = {timeout}\nmax_concurrency = {most}\n")
    };
    let stage = Stage::new(&["f"], lambda, &keys(60_000, 2));
    let callers = [stage.get("/f/x"), stage.get("/f/x")];
    wait_for("two", || (stage.in_flight() == 2).then_some(()));
    let reload = |timeout, most| {
        let config = config(&["f"], lambda, &keys(timeout, most));
        assert!(stage.gateway.reload(&format!("{LISTENER}{config}")));
    };
    for (timeout, most) in [(50_000, 2), (50_000, 1), (40_000, 2)] {
        reload(timeout, most);
        assert_eq!(stage.in_flight(), 2);
        let answer = stage.client().get("localhost", "/f/x");
        assert_eq!(answer.code(), "function_busy", "{timeout} {most}");
    }
    reload(40_000, 3);
    let third = stage.get("/f/x");
    wait_for("three", || (stage.in_flight() == 3).then_some(()));
    drop((callers, third));
    wait_for("none", || (stage.in_flight() == 0).then_some(()));
}

#[test]
fn fields_of_the_connection_never_come_from_a_function() {
    const FIELDS: &str = r#"{"statusCode":200,"headers":{"TRANSFER-encoding":"chunked","Connection":"close, x-kept","Keep-Alive":"timeout=1","TRAILER":"x","uPGRADE":"h2c","Te":"trailers","Proxy-Connection":"close","X-Request-Id":"forged","x-kept":"yes","set-cookie":"a=1","Date":"never"}"#;
    let lambda = serve(|function, stream| match function {
        "whole" => {
            say(stream, whole(&format!("{FIELDS},\"body\":\"hello\"}}")));
        }
        _ => {
            say(
                stream,
                [STREAM.as_bytes(), &prelude(&format!("{FIELDS}}}"), "hello")].concat(),
            );
            say(stream, event("InvokeComplete", "{}"));
        }
    });
    let home = tempdir().unwrap();
    let routes =
        route("whole", "whole", lambda, WHOLE) + &route("stream", "stream", lambda, STREAMED);
    let gateway = gateway(home.path(), &routes);
    for name in ["whole", "stream"] {
        let mut caller = TcpStream::connect(gateway.address("plain")).unwrap();
        let one = format!("GET /{name}/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let upgrade = format!(
            "GET /{name}/y HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        );
        let last =
            format!("GET /{name}/z HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        caller
            .write_all((one + &upgrade + &last).as_bytes())
            .unwrap();
        let mut all = String::new();
        caller.read_to_string(&mut all).unwrap();
        let lower = all.to_ascii_lowercase();
        assert_eq!(lower.matches("http/1.1 200 ").count(), 3, "{all}");
        let framing = if name == "whole" {
            "content-length: 5\r\n"
        } else {
            "transfer-encoding: chunked\r\n"
        };
        let framed =
            lower.matches("content-length").count() + lower.matches("transfer-encoding").count();
        assert_eq!((lower.matches(framing).count(), framed), (3, 3), "{all}");
        assert_eq!(lower.matches("connection: close").count(), 1, "{all}");
        assert_eq!(lower.matches("x-kept: yes").count(), 3, "{all}");
        for gone in [
            "keep-alive:",
            "upgrade",
            "trailer",
            "forged",
            "never",
            "proxy-connection",
        ] {
            assert!(!lower.contains(gone), "{gone}: {all}");
        }
    }
}

#[test]
fn what_is_no_answer_of_lambdas_is_told_apart_and_frees_its_place() {
    const NAMES: [&str; 12] = [
        "redirect",
        "continue",
        "gzip",
        "endless",
        "split",
        "html",
        "exception",
        "short",
        "giant",
        "failed",
        "switching",
        "headless",
    ];
    let lambda = serve(|function, stream| {
        let broken = |frame: Vec<u8>| [STREAM.as_bytes(), &frame].concat();
        let bytes = match function {
            "redirect" => {
                b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                    .to_vec()
            }
            "continue" => [
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: x\r\n\r\n".as_bytes(),
                STREAM.as_bytes(),
                &prelude("{}", "x"),
                &event("InvokeComplete", "{}"),
            ]
            .concat(),
            "gzip" => b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
                .to_vec(),
            "endless" => {
                say(stream, "HTTP/1.1 200 OK\r\n");
                while say(
                    stream,
                    "X-More: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(50),
                ) {}
                return;
            }
            "split" => broken(prelude(r#"{"headers":{"x":"a\r\nSet-Cookie: b=1"}}"#, "x")),
            "html" => b"<html>".to_vec(),
            "exception" => broken(frame("exception", "InternalFailure", "{}")),
            "short" => broken(vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            "giant" => broken(vec![0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
            "failed" => broken(event("InvokeComplete", r#"{"ErrorCode":"Unhandled"}"#)),
            "switching" => b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_vec(),
            _ => Vec::new(),
        };
        say(stream, bytes);
    });
    let stage = Stage::new(&NAMES, lambda, STREAMED);
    let mut client = stage.client();
    for (name, code) in NAMES.into_iter().zip([
        "function_service_failed",
        "",
        "function_broken_off",
        "function_broken_off",
        "function_answer_malformed",
        "function_broken_off",
        "function_service_failed",
        "function_broken_off",
        "function_broken_off",
        "function_error",
        "function_service_failed",
        "function_broken_off",
    ]) {
        if code.is_empty() {
            let mut caller = stage.get(&format!("/{name}/x"));
            assert!(until(&mut caller, "0\r\n\r\n").starts_with("HTTP/1.1 200 "));
            continue;
        }
        let answer = client.get("localhost", &format!("/{name}/x"));
        assert_eq!(answer.code(), code, "{name}");
        assert_eq!(stage.counted(name, code), 1, "{name}");
    }
    assert_eq!(stage.in_flight(), 0);
}

#[test]
fn a_gateway_that_leaves_waits_for_a_stream() {
    let gate = Gate::new();
    let address = gate.address();
    let lambda = serve(move |_, stream| {
        say(
            stream,
            [STREAM.as_bytes(), &prelude("{}", "first\n")].concat(),
        );
        let mut gate = TcpStream::connect(address).unwrap();
        let _ = gate.read(&mut [0]);
        say(stream, event("PayloadChunk", "last\n"));
        say(stream, event("InvokeComplete", "{}"));
    });
    let mut stage = Stage::new(&["f"], lambda, STREAMED);
    let mut caller = stage.get("/f/x");
    until(&mut caller, "first\n");
    let waiting = gate.reached();
    stage.gateway.signal("TERM");
    wait_for("a closed door", || {
        TcpStream::connect(stage.gateway.address("plain"))
            .is_err()
            .then_some(())
    });
    waiting.let_go();
    until(&mut caller, "last\n");
    assert!(stage.gateway.end().success());
}

#[test]
fn a_body_behind_a_refusal_is_never_taken_for_a_request() {
    let lambda = serve(|_, stream| {
        say(stream, whole("\"ok\""));
    });
    let stage = Stage::new(
        &["f"],
        lambda,
        &format!("{WHOLE}max_payload_bytes = 4096\n"),
    );
    let inner = "GET /f/inner HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (length, kept) in [(5000, true), (200_000, false)] {
        let body = inner.repeat(length / inner.len() + 1);
        let length = body.len();
        let mut client = stage.client();
        let head =
            format!("POST /f/big HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        let answer = client
            .try_ask(&[head.as_bytes(), body.as_bytes()].concat())
            .unwrap();
        assert_eq!((answer.status, answer.closes()), (413, !kept), "{length}");
        if kept {
            assert_eq!(client.get("localhost", "/f/next").status, 200);
        }
        let chunked = format!(
            "POST /f/big HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\nX-Trailer: x\r\n\r\n"
        );
        let mut client = stage.client();
        let answer = client.try_ask(chunked.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.closes()), (413, !kept), "{length}");
        if kept {
            assert_eq!(client.get("localhost", "/f/next").status, 200);
        }
    }
    let mut client = stage.client();
    let expects = "POST /f/big HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n";
    let answer = client.ask(expects);
    assert_eq!((answer.status, answer.closes()), (413, true));
    assert!(!answer.head.contains("100"), "{}", answer.head);
    let log = stage.gateway.log();
    assert!(log.iter().all(|line| line["path"] != "/f/inner"), "{log:?}");
}

#[test]
fn a_stream_that_breaks_its_word_about_its_length_never_looks_whole() {
    let lambda = serve(|function, stream| {
        let body = if function == "over" {
            "sixteen bytes, 16"
        } else {
            "five!"
        };
        let json = r#"{"headers":{"CONTENT-length":"10"}}"#;
        say(stream, [STREAM.as_bytes(), &prelude(json, body)].concat());
        say(stream, event("InvokeComplete", "{}"));
    });
    let home = tempdir().unwrap();
    let authority = Authority::new(home.path(), "ca");
    authority.server("server", &["localhost"]);
    let listener = "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n\
        certificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]\n";
    let routes = config(&["over", "short"], lambda, STREAMED);
    let gateway = Gateway::start_in(home.path(), &format!("{listener}{routes}"), &AWS);
    let ca = home.path().join("ca.pem").display().to_string();
    for name in ["over", "short"] {
        for version in ["--http1.1", "--http2"] {
            let url = gateway.url(&format!("/{name}/x"));
            let curl = run("curl", &["-sS", version, "--cacert", &ca, &url]);
            assert!(!curl.status.success(), "{version} {name}");
        }
        let malformed = format!("integration=\"{name}\",result=\"function_answer_malformed\"");
        let counted = gateway.metric("countersign_lambda_invocations_total", &malformed);
        assert_eq!(counted as u64, 2, "{name}");
    }
}
