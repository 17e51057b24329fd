//! Functions that fail, and Lambda that does: callers are told what the API would have told them,
//! operators why.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use countersign_local_lambda::{Ending, Function, LocalLambda, ServiceFailure};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::Gateway;
use crate::harness::lambda::{Gate, gateway, json, post, route};
use crate::harness::nginx::free_address;
use crate::harness::pki::Authority;
use crate::harness::text;

const FORMATS: [(&str, &str); 3] = [
    ("rest", "payload_format = \"rest\""),
    ("v2", "payload_format = \"2.0\""),
    ("alb", "payload_format = \"alb\""),
];

/// Every function behind a route of each format: `/FORMAT-FUNCTION/…`.
fn routes(functions: &[&str], address: SocketAddr, more: &str) -> String {
    let mut all = String::new();
    for function in functions {
        for (format, keys) in FORMATS {
            let name = format!("{format}-{function}");
            all += &route(&name, function, address, &format!("{keys}\n{more}"));
        }
    }
    all
}

fn client(gateway: &Gateway) -> Client {
    Client::plain(gateway.address("plain"))
}

/// Status, message and code of a refusal.
fn said(answer: &Answer) -> (u16, String, String) {
    let body = json(answer);
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (answer.status, text("message"), text("code"))
}

fn want(status: u16, message: &str, code: &str) -> (u16, String, String) {
    (status, message.to_owned(), code.to_owned())
}

const INTERNAL: &str = "Internal server error";
const INTERNAL_HTTP: &str = "Internal Server Error";
const UNAVAILABLE: &str = "Service Unavailable";
const BAD: &str = "Bad Gateway";

#[test]
fn a_function_that_fails_looks_as_its_api_has_it() {
    let home = tempdir().unwrap();
    let failing = |name: &str, status, error_type: &str| {
        let mut function = Function::python("echo");
        function.name = name.to_owned();
        let error_type = error_type.to_owned();
        function.answers = Some(ServiceFailure { status, error_type });
        function
    };
    let lambda = LocalLambda::start(vec![
        Function::python("crash"),
        Function::python("exit"),
        failing("denied", 403, "AccessDeniedException"),
        failing("throttled", 429, "TooManyRequestsException"),
        failing("broken", 500, "ServiceException"),
        failing("cold", 502, "EC2ThrottledException"),
        failing("pending", 409, "ResourceConflictException"),
    ]);
    let functions = [
        "crash",
        "exit",
        "denied",
        "throttled",
        "broken",
        "cold",
        "pending",
        "missing",
    ];
    let gateway = gateway(home.path(), &routes(&functions, lambda.address(), ""));
    for (function, code, rest, v2) in [
        (
            "crash",
            "function_error",
            (502, INTERNAL),
            (500, INTERNAL_HTTP),
        ),
        (
            "exit",
            "function_error",
            (502, INTERNAL),
            (500, INTERNAL_HTTP),
        ),
        (
            "denied",
            "function_denied",
            (500, INTERNAL),
            (500, INTERNAL_HTTP),
        ),
        (
            "throttled",
            "function_throttled",
            (500, INTERNAL),
            (503, UNAVAILABLE),
        ),
        (
            "broken",
            "function_service_failed",
            (500, INTERNAL),
            (503, UNAVAILABLE),
        ),
        (
            "cold",
            "function_service_failed",
            (500, INTERNAL),
            (503, UNAVAILABLE),
        ),
        (
            "pending",
            "function_missing",
            (500, INTERNAL),
            (500, INTERNAL_HTTP),
        ),
        (
            "missing",
            "function_missing",
            (500, INTERNAL),
            (500, INTERNAL_HTTP),
        ),
    ] {
        for (format, (status, message)) in [("rest", rest), ("v2", v2), ("alb", (502, BAD))] {
            let answer = client(&gateway).get("localhost", &format!("/{format}-{function}/x"));
            assert_eq!(
                said(&answer),
                want(status, message, code),
                "{format} {function}"
            );
            let labels = format!("integration=\"{format}-{function}\",result=\"{code}\"");
            let counted = gateway.metric("countersign_lambda_invocations_total", &labels);
            assert!((counted - 1.0).abs() < f64::EPSILON, "{labels}");
            // Nothing that the function or Lambda said about it.
            let body = text(&answer.body);
            assert!(
                !body.contains("purpose") && !body.contains("Exception"),
                "{body}"
            );
        }
    }
    let line = gateway.logged("a failure", |line| line["path"] == "/rest-crash/x");
    assert_eq!(line["refusal"], "function_error", "{line}");
    // A function that has failed is invoked again.
    let again = client(&gateway).get("localhost", "/rest-crash/x");
    assert_eq!(again.status, 502);
}

/// "Set up Lambda proxy integrations", "Working with AWS Lambda proxy integrations for HTTP APIs",
/// "Using AWS Lambda with an Application Load Balancer".
#[test]
fn an_answer_that_is_none_is_refused_and_never_passed_on() {
    let home = tempdir().unwrap();
    let lambda = LocalLambda::start(vec![Function::python("shapes")]);
    let gateway = gateway(home.path(), &routes(&["shapes"], lambda.address(), ""));
    let mut client = client(&gateway);
    for shape in [
        json!({"statusCode": "abc"}),
        json!({"statusCode": 200, "headers": ["x"]}),
        json!({"statusCode": 200, "headers": {"bad name": "x"}}),
        json!({"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}}),
        json!({"statusCode": 99}),
        json!({"statusCode": 100}),
        json!({"statusCode": 600}),
        json!({"statusCode": 200, "body": "!!", "isBase64Encoded": true}),
    ] {
        for (format, status, message) in [
            ("rest", 502, INTERNAL),
            ("v2", 500, INTERNAL_HTTP),
            ("alb", 502, BAD),
        ] {
            let target = format!("/{format}-shapes/x");
            let body = shape.to_string();
            let fields = "Content-Type: application/json\r\nAccept: image/png\r\n";
            let answer = post(&mut client, &target, fields, body.as_bytes());
            if format == "rest" && shape["isBase64Encoded"] == true {
                // Not decoded for such an Accept: it is text like any other.
                assert_eq!((answer.status, text(&answer.body)), (200, "!!".into()));
                continue;
            }
            let code = "function_answer_malformed";
            assert_eq!(
                said(&answer),
                want(status, message, code),
                "{format} {shape}"
            );
        }
    }
    let line = gateway.logged("a reason", |line| {
        line["refusal"] == "function_answer_malformed"
    });
    assert!(
        line["detail"].as_str().is_some_and(|why| !why.is_empty()),
        "{line}"
    );
    // The connection to the caller goes on.
    let fine = json!({"statusCode": 201, "body": "made"}).to_string();
    let fields = "Content-Type: application/json\r\n";
    let answer = post(&mut client, "/v2-shapes/x", fields, fine.as_bytes());
    assert_eq!((answer.status, text(&answer.body)), (201, "made".into()));
}

/// What functions may answer in shorthand differs: only a REST API's and a load balancer's must
/// say their status.
#[test]
fn a_short_answer_is_what_its_api_takes_it_for() {
    let home = tempdir().unwrap();
    let lambda = LocalLambda::start(vec![Function::python("shapes")]);
    let gateway = gateway(home.path(), &routes(&["shapes"], lambda.address(), ""));
    let ask = |format: &str, shape: &str| {
        let target = format!("/{format}-shapes/x");
        let fields = "Content-Type: application/json\r\n";
        let answer = post(&mut client(&gateway), &target, fields, shape.as_bytes());
        (answer.status, text(&answer.body))
    };
    for (shape, body) in [
        (r#"{"a": 1}"#, r#"{"a": 1}"#),
        (r#""Hello""#, "Hello"),
        ("[1, 2]", "[1, 2]"),
    ] {
        let (status, got) = ask("v2", shape);
        let same = |text: &str| serde_json::from_str::<Value>(text).ok();
        assert_eq!(status, 200, "{shape}");
        assert!(got == body || same(&got) == same(body), "{shape}: {got}");
        assert_eq!(ask("rest", shape).0, 502, "{shape}");
        assert_eq!(ask("alb", shape).0, 502, "{shape}");
    }
}

#[test]
fn an_event_that_is_too_large_is_refused_before_anything_is_sent() {
    let home = tempdir().unwrap();
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    let whole = routes(&["echo"], lambda.address(), "");
    let small = route(
        "small",
        "echo",
        lambda.address(),
        "payload_format = \"2.0\"\nmax_payload_bytes = 4096",
    );
    let gateway = gateway(home.path(), &(whole + &small));
    let text_body = "Content-Type: text/plain\r\n";
    for (target, fields, length, most) in [
        ("/small/x", text_body, 4097, 4096),
        // The body fits; the event around it does not.
        ("/small/x", text_body, 4000, 4096),
        // In base64 it does not fit.
        ("/small/x", "Content-Type: image/png\r\n", 3000, 4096),
        ("/v2-echo/x", "", 5 << 20, 6 << 20),
    ] {
        let body = vec![b'x'; length];
        let answer = post(&mut client(&gateway), target, fields, &body);
        let (status, message, code) = said(&answer);
        assert_eq!(
            (status, code.as_str()),
            (413, "event_too_large"),
            "{target} {length}"
        );
        assert!(
            message.contains(&format!("more than {most} bytes")),
            "{message}"
        );
    }
    // What is announced is not even read.
    let head = "POST /small/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n";
    let answer = client(&gateway).ask(head);
    assert_eq!(said(&answer).0, 413);
    // Chunks announce nothing.
    let mut chunked =
        "POST /small/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            .to_owned();
    chunked += &format!("1388\r\n{}\r\n0\r\n\r\n", "x".repeat(5000));
    assert_eq!(said(&client(&gateway).ask(&chunked)).0, 413);
    assert_eq!(lambda.invocations("echo").len(), 0);

    let body = vec![b'x'; 4 << 20];
    let answer = post(&mut client(&gateway), "/v2-echo/x", text_body, &body);
    assert_eq!(answer.status, 200);
    assert_eq!(lambda.invocations("echo").len(), 1);
}

#[test]
fn an_answer_that_is_too_large_is_refused() {
    let home = tempdir().unwrap();
    let lambda = LocalLambda::start(vec![Function::python("binary")]);
    let more = "max_payload_bytes = 4096";
    let gateway = gateway(home.path(), &routes(&["binary"], lambda.address(), more));
    let answer = client(&gateway).get("localhost", "/rest-binary/x");
    assert_eq!(
        said(&answer),
        want(502, INTERNAL, "function_answer_too_large")
    );
}

#[test]
fn a_function_that_takes_too_long_is_given_up() {
    let home = tempdir().unwrap();
    let mut slow = Function::python("slow");
    slow.sandboxes = 3;
    let lambda = LocalLambda::start(vec![slow]);
    let gate = Gate::new();
    let more = "timeout_ms = 200";
    let gateway = gateway(home.path(), &routes(&["slow"], lambda.address(), more));
    for (format, status, message) in [
        ("rest", 504, "Endpoint request timed out"),
        ("v2", 503, UNAVAILABLE),
        ("alb", 504, "Gateway Timeout"),
    ] {
        let target = format!("/{format}-slow/x?gate={}", gate.address());
        let answer = client(&gateway).get("localhost", &target);
        assert_eq!(
            said(&answer),
            want(status, message, "function_timeout"),
            "{format}"
        );
    }
    lambda.wait_until("callers that left", |lambda| {
        let all = lambda.invocations("slow");
        all.iter().all(|one| one.ending == Some(Ending::Abandoned))
    });
}

#[test]
fn a_lambda_that_cannot_be_reached_or_breaks_off_is_told_apart() {
    let home = tempdir().unwrap();
    let closed = free_address();
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let breaking = rude.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in rude.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
            let _ = stream.write_all(head);
        }
    });
    let all = routes(&["closed"], closed, "") + &routes(&["breaking"], breaking, "");
    let gateway = gateway(home.path(), &all);
    for (function, code, rest, v2) in [
        (
            "closed",
            "function_unreachable",
            (500, INTERNAL),
            (503, UNAVAILABLE),
        ),
        (
            "breaking",
            "function_broken_off",
            (504, "Network error communicating with endpoint"),
            (503, UNAVAILABLE),
        ),
    ] {
        for (format, (status, message)) in [("rest", rest), ("v2", v2), ("alb", (502, BAD))] {
            let answer = client(&gateway).get("localhost", &format!("/{format}-{function}/x"));
            assert_eq!(
                said(&answer),
                want(status, message, code),
                "{format} {function}"
            );
        }
    }
}

#[test]
fn no_more_invocations_run_at_once_than_the_configuration_says() {
    let home = tempdir().unwrap();
    let mut slow = Function::python("slow");
    slow.sandboxes = 2;
    let lambda = LocalLambda::start(vec![slow]);
    let gate = Gate::new();
    let one = "payload_format = \"2.0\"\nmax_concurrency = 1";
    let config = route("slow", "slow", lambda.address(), one);
    let gateway = gateway(home.path(), &config);
    let target = format!("/slow/x?gate={}", gate.address());
    let mut first = client(&gateway);
    first
        .send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
        .unwrap();
    let waiting = gate.reached();
    assert!((gateway.metric("countersign_lambda_in_flight", "slow") - 1.0).abs() < f64::EPSILON);
    let answer = client(&gateway).get("localhost", &target);
    assert_eq!(said(&answer), want(503, UNAVAILABLE, "function_busy"));
    assert_eq!(lambda.invocations("slow").len(), 1);

    // Neither counts nor places are lost with a reload that changes nothing about the function.
    let renamed = config.replace("name = \"slow\"\npath", "name = \"renamed\"\npath");
    assert!(gateway.reload(&format!("{}{renamed}", crate::harness::lambda::LISTENER)));
    let answer = client(&gateway).get("localhost", &target);
    assert_eq!(said(&answer), want(503, UNAVAILABLE, "function_busy"));
    let busy = "integration=\"slow\",result=\"function_busy\"";
    let counted = gateway.metric("countersign_lambda_invocations_total", busy);
    assert!((counted - 2.0).abs() < f64::EPSILON);

    waiting.let_go();
    let answer = first.answer().unwrap();
    assert_eq!((answer.status, text(&answer.body)), (200, "at last".into()));
    let answer = client(&gateway).get("localhost", "/slow/x");
    assert_eq!(answer.status, 200);
    assert!(gateway.metric("countersign_lambda_in_flight", "slow").abs() < f64::EPSILON);
}

#[test]
fn without_credentials_nothing_is_invoked() {
    let home = tempdir().unwrap();
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    let config =
        crate::harness::lambda::LISTENER.to_owned() + &routes(&["echo"], lambda.address(), "");
    let none = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let gateway = Gateway::start_in(home.path(), &config, &none);
    let answer = client(&gateway).get("localhost", "/rest-echo/x");
    assert_eq!(said(&answer), want(500, INTERNAL, "function_not_signed"));
    assert_eq!(lambda.invocations("echo").len(), 0);
}

/// A first set-up fails for one of these.
#[test]
fn why_lambda_cannot_be_reached_is_in_the_log() {
    let (home, other) = (tempdir().unwrap(), tempdir().unwrap());
    // A server whose authority nobody knows.
    let ca = Authority::new(other.path(), "ca");
    ca.server("server", &["localhost"]);
    let tls = "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\ncertificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]\n";
    let closed = free_address();
    let served = tls.to_owned() + &route("any", "any", closed, "payload_format = \"2.0\"");
    let stranger = Gateway::start(other.path(), &served);
    let mut config = String::new();
    for (name, endpoint) in [
        ("closed", format!("http://{closed}")),
        ("stranger", stranger.url("")),
        ("nowhere", "https://lambda.invalid".to_owned()),
    ] {
        let v2 = route(name, name, closed, "payload_format = \"2.0\"");
        config += &v2.replace(&format!("http://{closed}"), &endpoint);
    }
    let gateway = gateway(home.path(), &config);
    for (name, why) in [
        ("closed", "the connection is refused"),
        ("stranger", "TLS fails, perhaps for want of an authority"),
        ("nowhere", "its name is not known"),
    ] {
        let path = format!("/{name}/x");
        let answer = client(&gateway).get("localhost", &path);
        let unreachable = want(503, UNAVAILABLE, "function_unreachable");
        assert_eq!(said(&answer), unreachable, "{name}");
        let line = gateway.logged(name, |line| line["path"] == path.as_str());
        assert_eq!(line["detail"], why, "{line}");
    }
}
