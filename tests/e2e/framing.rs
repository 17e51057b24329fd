//! F1 to F3: what two parsers could read differently never reaches an upstream, and what is
//! left of a refused request never becomes the next one.

use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::Gateway;
use crate::harness::recorder::Recorder;
use crate::harness::wait_for;

fn config(upstream: &Recorder) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
max_header_bytes = 4096
max_body_bytes = 100000
[[route]]
path = "/"
method = "ANY"
policy = "open"
integration = "origin"
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "origin"
[[integration]]
name = "origin"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    )
}

const MALFORMED: &[(&str, &str)] = &[
    ("no Host", "GET / HTTP/1.1\r\n\r\n"),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n"),
    ("garbage Host", "GET / HTTP/1.1\r\nHost: a/b c\r\n\r\n"),
    ("userinfo in Host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    (
        "length and chunks",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    ),
    (
        "two equal lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    ),
    (
        "list of lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab",
    ),
    (
        "signed length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab",
    ),
    (
        "empty length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    ),
    (
        "overflowing length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ),
    (
        "two codings",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked not last",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "unknown coding",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks in HTTP/1.0",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "space before the colon",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "folded line",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    ),
    ("bare LF throughout", "GET / HTTP/1.1\nHost: a\n\n"),
    ("one bare LF", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"),
    (
        "bare CR in a value",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    ),
    (
        "NUL in a value",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    ),
    (
        "underscore in a name",
        "GET / HTTP/1.1\r\nHost: a\r\nX_y: 1\r\n\r\n",
    ),
    ("empty name", "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
    ("lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space in the path", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "control in the path",
        "GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "UTF-8 in the path",
        "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    ("fragment", "GET /a#frag HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no slash", "GET foo HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "absolute form",
        "GET http://a/p HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    ("absolute form, no Host", "GET http://b/p HTTP/1.1\r\n\r\n"),
    ("leading CRLF", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "chunk extension",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n",
    ),
    (
        "LF in a chunk extension",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
    ),
    (
        "space after a chunk size",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
    ),
    (
        "LF after a chunk size",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    ),
    (
        "hexadecimal prefix",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    ),
    (
        "GET with a body",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
    ),
    ("TLS on a plain port", "\x16\x03\x01\x00\x05\x01"),
];

#[test]
fn f1_what_two_parsers_read_differently_is_400_and_no_upstream_sees_it() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    for (name, request) in MALFORMED {
        let mut client = Client::plain(gateway.address("public"));
        let answer = client.try_ask(request.as_bytes());
        let answer = answer.unwrap_or_else(|e| panic!("{name}: no answer: {e}"));
        assert_eq!(answer.status, 400, "{name}");
        assert_eq!(answer.code(), "malformed_request", "{name}");
        assert_eq!(upstream.seen(), "", "{name}");
        let mut clean = Client::plain(gateway.address("public"));
        assert_eq!(clean.get("a", "/clean").status, 200, "after {name}");
        assert!(
            upstream.seen().starts_with("GET /clean HTTP/1.1\r\n"),
            "after {name}"
        );
        upstream.forget();
    }
    let refused = gateway.metric("countersign_refusals_total", "malformed_request");
    assert_eq!(refused as usize, MALFORMED.len());
    let told = gateway.logged("a refusal before routing", |line| {
        line["event"] == "refused"
    });
    assert_eq!(told["refusal"], "malformed_request");
}

#[test]
fn f1_a_bad_chunk_that_comes_late_leaves_the_upstream_without_a_whole_request() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    client
        .send(b"POST /late HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        .unwrap();
    wait_for("the upstream's head", || {
        upstream.seen().contains("/late").then_some(())
    });
    let answer = client.try_ask(b"1;x\r\nb\r\n0\r\n\r\n").unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "malformed_request")
    );
    assert!(client.is_closed());
    assert!(
        !upstream.seen().ends_with("0\r\n\r\n"),
        "{}",
        upstream.seen()
    );
}

#[test]
fn f2_an_unread_body_never_becomes_the_next_request() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let closed = config(&upstream).replace("path = \"/{proxy+}\"", "path = \"/open\"");
    let gateway = Gateway::start(directory.path(), &closed);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = format!(
        "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    let mut client = Client::plain(gateway.address("public"));
    let answer = client.ask(&refused);
    assert_eq!(answer.status, 404);
    assert!(
        !answer.closes(),
        "a small body is drained and the connection kept"
    );
    assert_eq!(client.get("a", "/open").status, 200);
    assert!(!upstream.seen().contains("smuggled"));
}

#[test]
fn f2_a_body_too_large_to_drain_closes_the_connection_after_the_answer() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n".to_vec();
    request.extend_from_slice(&[b'x'; 150_000]);
    let answer = client.try_ask(&request).unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
    assert!(answer.closes());
    assert!(client.is_closed());
    assert_eq!(upstream.seen(), "");
}

#[test]
fn requests_sent_before_their_turn_are_answered_in_turn() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    let one = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    client
        .send(format!("{one}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(client.answer().unwrap().status, 200);
    assert_eq!(client.answer().unwrap().status, 200);
    let seen = upstream.seen();
    assert!(
        seen.contains("POST /1") && seen.contains("GET /2"),
        "{seen}"
    );
}

#[test]
fn f3_an_upgrade_passes_the_whole_chain_and_no_byte_before_the_101() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::answering(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client
        .send(format!("{upgrade}tunnel bytes").as_bytes())
        .unwrap();
    assert_eq!(client.answer().unwrap().status, 101);
    wait_for("the tunnel", || {
        upstream.seen().ends_with("tunnel bytes").then_some(())
    });
    let head = upstream.seen();
    assert!(
        head.to_ascii_lowercase()
            .contains("x-forwarded-for: 127.0.0.1"),
        "{head}"
    );
}

#[test]
fn f3_a_200_is_no_upgrade() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    // Were the connection a tunnel now, these bytes would reach the upstream as they are.
    client
        .send(format!("{upgrade}GET http://smuggled/ HTTP/1.1\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(client.answer().unwrap().status, 200);
    assert!(client.answer().map_or(true, |answer| answer.status == 400));
    assert!(!upstream.seen().contains("smuggled"));
}
