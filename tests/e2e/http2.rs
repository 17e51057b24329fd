//! HTTP/2 requests that would be something else as HTTP/1 (F1): refused, and no upstream
//! hears of them.

use tempfile::tempdir;

use crate::harness::client::tls;
use crate::harness::gateway::Gateway;
use crate::harness::http2::{Fate, ask};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::{run, text};

type Field = (&'static [u8], &'static [u8]);

const METHOD: Field = (b":method", b"GET");
const POST: Field = (b":method", b"POST");
const SCHEME: Field = (b":scheme", b"https");
const AUTHORITY: Field = (b":authority", b"localhost");
const PATH: Field = (b":path", b"/x");
const CLEAN: [Field; 4] = [METHOD, SCHEME, AUTHORITY, PATH];

/// What is wrong, the fields, and the body if there is one.
type Case = (&'static str, Vec<Field>, Option<&'static [u8]>);

fn with(field: Field) -> Vec<Field> {
    [&CLEAN[..], &[field]].concat()
}

fn at(path: &'static [u8]) -> Vec<Field> {
    vec![METHOD, SCHEME, AUTHORITY, (b":path", path)]
}

fn post(field: Field) -> Vec<Field> {
    vec![POST, SCHEME, AUTHORITY, PATH, field]
}

fn cases() -> Vec<Case> {
    let heads: Vec<(&str, Vec<Field>)> = vec![
        ("connection", with((b"connection", b"close"))),
        (
            "transfer-encoding",
            with((b"transfer-encoding", b"chunked")),
        ),
        ("keep-alive", with((b"keep-alive", b"timeout=5"))),
        ("proxy-connection", with((b"proxy-connection", b"close"))),
        ("upgrade", with((b"upgrade", b"websocket"))),
        ("te other than trailers", with((b"te", b"gzip"))),
        ("a name in upper case", with((b"X-Upper", b"1"))),
        ("a name with an underscore", with((b"x_under", b"1"))),
        ("a name with a space", with((b"x y", b"1"))),
        ("a name with a colon", with((b"x:y", b"1"))),
        ("an empty name", with((b"", b"1"))),
        ("a value with NUL", with((b"x", b"a\0b"))),
        ("a value with a line end", with((b"x", b"a\r\nevil: 1"))),
        ("a value with LF", with((b"x", b"a\nb"))),
        ("an unknown pseudo-field", with((b":evil", b"1"))),
        ("a pseudo-field twice", with(PATH)),
        (
            "a pseudo-field behind a field",
            vec![METHOD, SCHEME, AUTHORITY, (b"x", b"1"), PATH],
        ),
        ("another host", with((b"host", b"evil"))),
        (
            "two hosts",
            [with((b"host", b"localhost")), vec![(b"host", b"localhost")]].concat(),
        ),
        ("no method", vec![SCHEME, AUTHORITY, PATH]),
        ("no path", vec![METHOD, SCHEME, AUTHORITY]),
        ("no authority", vec![METHOD, SCHEME, PATH]),
        (
            "a host in the place of the authority",
            vec![METHOD, SCHEME, PATH, (b"host", b"localhost")],
        ),
        (
            "an authority with a user",
            vec![METHOD, SCHEME, PATH, (b":authority", b"u@localhost")],
        ),
        ("an empty path", at(b"")),
        ("a path with a space", at(b"/x HTTP/1.1")),
        ("a path with a line end", at(b"/x\r\nevil: 1")),
        ("a path with high bytes", at(b"/\xc3\xa9")),
        ("a path that is no path", at(b"x")),
        ("a path that is a URL", at(b"http://evil/x")),
        (
            "an unknown method",
            vec![(b":method", b"BREW"), SCHEME, AUTHORITY, PATH],
        ),
        (
            "a method with a space",
            vec![(b":method", b"GET /evil"), SCHEME, AUTHORITY, PATH],
        ),
        ("a length without a body", with((b"content-length", b"5"))),
    ];
    let mut all: Vec<Case> = heads
        .into_iter()
        .map(|(what, fields)| (what, fields, None))
        .collect();
    let body = Some(&b"hello"[..]);
    all.extend([
        (
            "a body longer than said",
            post((b"content-length", b"3")),
            body,
        ),
        (
            "a body shorter than said",
            post((b"content-length", b"9")),
            body,
        ),
        (
            "a length that is signed",
            post((b"content-length", b"+5")),
            body,
        ),
        (
            "a length that is none",
            post((b"content-length", b"5x")),
            body,
        ),
        (
            "two lengths",
            [
                post((b"content-length", b"5")),
                vec![(b"content-length", b"6")],
            ]
            .concat(),
            body,
        ),
        ("a GET with a body", CLEAN.to_vec(), body),
    ]);
    all
}

/// Whether an upstream could take this for a request. Of a body whose length turns out to be
/// a lie it may get a part, and then waits for the rest in vain.
fn is_whole(seen: &str) -> bool {
    let Some((head, body)) = seen.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let announced = head.split("content-length: ").nth(1);
    let announced = announced.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
    match announced {
        Some(length) => body.len() >= length,
        None => !head.contains("chunked") || body.ends_with("0\r\n\r\n"),
    }
}

#[test]
fn f1_what_http1_could_not_say_is_refused_and_no_upstream_sees_it() {
    let directory = tempdir().unwrap();
    Authority::new(directory.path(), "ca").server("server", &["localhost"]);
    let upstream = Recorder::start();
    let config = format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "recorder"
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    );
    let gateway = Gateway::start(directory.path(), &config);
    let (address, tls) = (gateway.address("public"), tls(directory.path(), None));
    for (what, fields, body) in cases() {
        upstream.forget();
        let fate = ask(address, &tls, &fields, body);
        assert_ne!(fate, Fate::Answered(200), "{what}");
        assert!(!is_whole(&upstream.seen()), "{what}: {}", upstream.seen());
        let fate = ask(address, &tls, &CLEAN, None);
        assert_eq!(fate, Fate::Answered(200), "after {what}");
    }
    // A fragment is gone before any stage could differ about it.
    upstream.forget();
    assert_eq!(ask(address, &tls, &at(b"/x#y"), None), Fate::Answered(200));
    assert!(upstream.seen().starts_with("GET /x HTTP/1.1\r\n"));
}

/// curl 7.88 gives up on an answer behind which its stream is reset while it still sends.
#[test]
fn a_refusal_reaches_curl_whose_body_was_still_coming() {
    let directory = tempdir().unwrap();
    Authority::new(directory.path(), "ca").server("server", &["localhost"]);
    let config = r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
[[route]]
path = "/"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#;
    let gateway = Gateway::start(directory.path(), config);
    let ca = directory.path().join("ca.pem").display().to_string();
    let (url, body) = (gateway.url("/nowhere"), "x".repeat(10_000));
    for _ in 0..20 {
        let curl = ["-sS", "--http2", "--cacert", &ca, "-d", &body, &url];
        let sent = run("curl", &curl);
        let (said, complaint) = (text(&sent.stdout), text(&sent.stderr));
        assert!(said.contains("route_not_found"), "{said} {complaint}");
    }
}
