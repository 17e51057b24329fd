//! The access log as other readers want it: API Gateway's `$context` variables in a template, nginx's
//! combined format, and callers who would like to write lines of their own.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::certificates::{ROUTES, client, listener, stage};
use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::lanes::{Caller, LANES};
use crate::harness::recorder::Recorder;
use crate::harness::wait_for;

/// The tables of the process, with a format.
fn process(format: &str) -> String {
    format!(
        "[gateway]\ncredential_store = \"credentials.toml\"\naccess_log = \"access.log\"\n\
         drain_grace_secs = 1\ndrain_timeout_secs = 10\nthreads = 1\n\
         access_log_format = {format:?}\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [stage]\nname = \"prod\"\naccount_id = \"123456789012\"\n"
    )
}

/// A plaintext listener `public` before an upstream.
fn plain(format: &str, upstream: &Recorder) -> String {
    format!(
        r#"{}
[[listener]]
name = "public"
address = "127.0.0.1:0"
[[route]]
name = "orders"
path = "/orders/{{id}}"
method = "ANY"
policy = "open"
integration = "upstream"
[[integration]]
name = "upstream"
type = "http_proxy"
targets = ["{}"]
"#,
        process(format),
        upstream.address
    )
}

/// The lines so far, once there are so many.
fn lines(gateway: &Gateway, count: usize) -> Vec<String> {
    wait_for("the lines", || {
        let text = gateway.log_text();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
}

const JSON: &str = concat!(
    r#"{"id":"$context.requestId","at":$context.requestTimeEpoch,"stage":"$context.stage","#,
    r#""account":"$context.accountId","path":"$context.path","resource":"$context.resourcePath","#,
    r#""route":"$context.routeKey","status":$context.status,"method":"$context.httpMethod","#,
    r#""upstream":$context.integration.status,"took":$context.integrationLatency,"#,
    r#""agent":$context.identity.userAgent,"why":$context.error.responseType,"#,
    r#""code":$context.countersign.refusal,"trace":$context.xrayTraceId}"#
);

#[test]
fn a_template_of_json_tells_the_same_of_both_lanes() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &plain(JSON, &upstream));
    let agent = "a\"},{\"status\":200}\\\tü";
    for (at, lane) in LANES.iter().enumerate() {
        let mut caller = Caller::of(&gateway);
        let field = lane.field();
        caller.send(format!(
            "GET /orders/7?secret=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n{field}\r\n"
        ));
        assert_eq!(caller.answer("GET").status(), 200);
        let lines = lines(&gateway, at + 1);
        let mut line: Value = serde_json::from_str(&lines[at]).expect("JSON");
        assert!(line["took"].is_u64() && line["at"].is_u64(), "{line}");
        assert_eq!(line["id"].as_str().map(str::len), Some(32));
        for differing in ["id", "took", "at"] {
            line.as_object_mut().unwrap().remove(differing);
        }
        let expected = json!({
            "stage": "prod", "account": "123456789012", "path": "/prod/orders/7",
            "resource": "/orders/{id}", "route": "ANY /orders/{id}", "status": 200,
            "method": "GET", "upstream": 200, "agent": agent, "why": null, "code": null,
            "trace": null,
        });
        assert_eq!(line, expected, "{}", lane.name());
    }
}

#[test]
fn what_is_refused_has_its_line_and_nobody_writes_a_second_one() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &plain("combined", &upstream));
    let mut client = Client::plain(gateway.address("public"));
    let referer = "https://a/page?token=x";
    let request = format!(
        "GET /none HTTP/1.1\r\nHost: a\r\nUser-Agent: a\" 200 0\tb\r\nReferer: {referer}\r\n\r\n"
    );
    assert_eq!(client.ask(&request).status, 404);
    let mut client = Client::plain(gateway.address("public"));
    assert_eq!(client.ask("GET / HTTP/1.1\r\n\r\n").status, 400);
    let lines = lines(&gateway, 2);
    let parts = [
        r#"] "GET /none HTTP/1.1" 404 "#,
        r#" "https://a/page" "a\x22 200 0\x09b""#,
    ];
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{}", lines[0]);
    let has = |line: &str, part: &str| assert!(line.contains(part), "{line}");
    parts.iter().for_each(|part| has(&lines[0], part));
    has(&lines[1], r#"] "- - -" 400 "#);
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_certificate_is_told_once_it_is_trusted() {
    let (directory, _ca, _other) = stage();
    let template = "$context.requestId|$context.identity.user|$context.tlsVersion|\
         $context.cipherSuite|$context.identity.clientCert.subjectDN|\
         $context.identity.clientCert.issuerDN|$context.countersign.policy|$context.status|\
         $context.identity.clientCert.clientCertPem";
    let config = [
        process(template),
        listener("public", "optional", "ca.pem"),
        ROUTES.to_owned(),
    ];
    let gateway = Gateway::start(directory.path(), &config.concat());
    let certified = tls(directory.path(), Some("billing"));
    let mut known = client(&gateway, "public", &certified).unwrap();
    assert_eq!(known.get("localhost", "/certified").status, 200);
    let mut unknown = client(&gateway, "public", &tls(directory.path(), None)).unwrap();
    assert_eq!(unknown.get("localhost", "/certified").status, 403);
    // A handshake that fails is no request, and has no line here.
    let foreign = tls(directory.path(), Some("foreign"));
    let foreign = client(&gateway, "public", &foreign).map(|mut one| one.is_closed());
    assert!(foreign.is_err() || foreign.is_ok_and(|closed| closed));
    let failed = || gateway.metric("countersign_handshake_failures_total", "public");
    wait_for("the failure", || (failed() >= 1.0).then_some(()));
    let lines = lines(&gateway, 2);
    assert_eq!(lines.len(), 2);
    let of = |line: &str| line.split_once('|').expect("parts").1.to_owned();
    let start = "billing|TLSv1.3|TLS_AES_256_GCM_SHA384|CN=billing|CN=ca|certified|200|\
         -----BEGIN CERTIFICATE-----\\x0A";
    assert!(of(&lines[0]).starts_with(start), "{}", lines[0]);
    let unknown = "-|TLSv1.3|TLS_AES_256_GCM_SHA384|-|-|certified|403|-";
    assert_eq!(of(&lines[1]), unknown);
}
