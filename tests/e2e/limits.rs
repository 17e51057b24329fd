//! What a listener bears: headers that are slow or large, connections that are many or idle.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;
use crate::harness::wait_for;

const ROUTES: &str = r#"
[[route]]
path = "/{proxy+}"
method = "ANY"
policy = "open"
integration = "ok"
max_body_bytes = 1000
[[integration]]
name = "ok"
type = "mock"
status = 201
headers = { "X-Made-By" = "mock" }
body = "made up"
"#;

fn config(keys: &str) -> String {
    format!("[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n{keys}\n{ROUTES}")
}

#[test]
fn a_mock_answers_with_what_it_was_given() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config(""));
    let mut client = Client::plain(gateway.address("public"));
    let answer = client.get("a", "/x");
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (201, &b"made up"[..])
    );
    assert!(answer.head.to_ascii_lowercase().contains("x-made-by: mock"));
    // The answer to a HEAD has the length of a body that does not come.
    client
        .send(b"HEAD /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(client.is_closed());
    let line = gateway.logged("the answer", |line| line["path"] == "/y");
    assert_eq!(
        (&line["status"], &line["bytes_out"]),
        (&201.into(), &0.into())
    );
}

#[test]
fn a_header_in_drips_ends_at_its_deadline_and_not_later() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config("header_timeout_ms = 600"));
    let mut client = Client::plain(gateway.address("public"));
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-").unwrap();
    // Every drip would restart a deadline that counts from read to read.
    let dripping = Instant::now();
    while dripping.elapsed() < Duration::from_secs(10) && client.send(b"a").is_ok() {
        if gateway.metric("countersign_refusals_total", "header_timeout") > 0.0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let answer = client.answer().unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (408, "header_timeout")
    );
    assert!(client.is_closed());
}

#[test]
fn a_header_that_is_too_long_or_has_too_many_fields_is_431() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(
        directory.path(),
        &config("max_header_bytes = 2048\nmax_header_count = 10"),
    );
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "a".repeat(3000)
    );
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(10));
    for request in [long, many] {
        let mut client = Client::plain(gateway.address("public"));
        let answer = client.ask(&request);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (431, "headers_too_large")
        );
    }
}

#[test]
fn a_handshake_that_stalls_is_ended_and_counted() {
    let directory = tempdir().unwrap();
    Authority::new(directory.path(), "ca").server("server", &["localhost"]);
    let tls = "certificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]\nhandshake_timeout_ms = 300";
    let gateway = Gateway::start(directory.path(), &config(tls));
    let mut stalled = TcpStream::connect(gateway.address("public")).unwrap();
    let mut byte = [0];
    assert_eq!(
        stalled.read(&mut byte).unwrap_or(0),
        0,
        "the gateway closes"
    );
    let line = gateway.logged("the handshake", |line| line["event"] == "handshake");
    assert_eq!(line["result"], "timed_out");
    assert_eq!(
        gateway.metric("countersign_handshakes_total", "timed_out"),
        1.0
    );
}

#[test]
fn an_idle_connection_is_closed() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config("idle_timeout_ms = 1000"));
    let mut client = Client::plain(gateway.address("public"));
    assert_eq!(client.get("a", "/x").status, 201);
    assert!(client.is_closed());
}

#[test]
fn connections_beyond_the_limit_are_turned_away_and_counted() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config("max_connections_per_address = 2"));
    let mut kept: Vec<Client> = (0..2)
        .map(|_| Client::plain(gateway.address("public")))
        .collect();
    for client in &mut kept {
        assert_eq!(client.get("a", "/x").status, 201);
    }
    let mut third = Client::plain(gateway.address("public"));
    assert!(
        third
            .try_ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            .is_err()
    );
    assert_eq!(
        gateway.metric("countersign_connections_refused_total", "address"),
        1.0
    );
    drop(kept);
    wait_for("the places", || {
        (gateway.metric("countersign_connections{", "public") == 0.0).then_some(())
    });
    assert_eq!(
        Client::plain(gateway.address("public"))
            .get("a", "/x")
            .status,
        201
    );
}

#[test]
fn a_body_beyond_its_limit_is_413_announced_or_not() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config("body_timeout_ms = 500"));
    let body = "x".repeat(1001);
    let announced = format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n{body}");
    let chunked = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{body}\r\n0\r\n\r\n"
    );
    for request in [announced, chunked] {
        let answer = Client::plain(gateway.address("public")).ask(&request);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "body_too_large")
        );
    }
    let mut stalled = Client::plain(gateway.address("public"));
    let answer = stalled.ask("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (408, "body_timeout")
    );
}

#[test]
fn o5_the_admin_listener_is_not_a_route() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config("").replace("/{proxy+}", "/only"));
    let mut client = Client::plain(gateway.address("public"));
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(client.get("a", path).status, 404, "{path}");
        assert_eq!(gateway.admin(path).0, 200, "{path}");
    }
}
