//! H1 to H3: what the gateway says of a caller, nobody else can say.

use tempfile::tempdir;

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;

fn config(upstream: &Recorder, trusted: &str) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
trusted_peers = [{trusted}]
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "origin"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "origin"
[[integration]]
name = "origin"
type = "http_proxy"
targets = ["{}"]
certificate_headers = [{{ form = "rfc9440" }}]
"#,
        upstream.address
    )
}

const FORGED: &[&str] = &[
    "Client-Cert: :forged:",
    "CLIENT.CERT: forged",
    "Client-Cert-Chain: forged",
    "X-Forwarded-Client-Cert: forged",
    "X-SSL-Client-Verify: forged",
    "X.SSL.Client.S-DN: forged",
    "X-Amzn-Mtls-Clientcert-Leaf: forged",
    "X-Consumer: forged",
    "x.consumer: forged",
    "X-Consumer: forged again",
    "X-Forwarded-For: 6.6.6.6",
    "X.Forwarded.For: 6.6.6.6",
    "X-Forwarded-Proto: forged",
    "X-Forwarded-Host: forged",
    "Forwarded: for=6.6.6.6",
    "X-Real-IP: 6.6.6.6",
    "X-Request-Id: forged",
];

fn ask(client: &mut Client, path: &str, fields: &[&str]) -> u16 {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    client
        .ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"
        ))
        .status
}

#[test]
fn h1_a_caller_cannot_say_what_only_the_gateway_says() {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    authority.server("server", &["localhost"]);
    authority.client("billing", "spiffe://test/billing");
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, ""));
    for (certificate, path) in [
        (None, "/open"),
        (Some("billing"), "/open"),
        (Some("billing"), "/certified"),
    ] {
        let config = tls(directory.path(), certificate);
        let mut client = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
        assert_eq!(ask(&mut client, path, FORGED), 200);
        let seen = upstream.seen().to_ascii_lowercase();
        assert!(
            !seen.contains("forged") && !seen.contains("6.6.6.6"),
            "{path}: {seen}"
        );
        assert_eq!(
            upstream.field("x-forwarded-for").as_deref(),
            Some("127.0.0.1")
        );
        assert_eq!(
            upstream.field("x-forwarded-proto").as_deref(),
            Some("https")
        );
        assert_eq!(
            upstream.field("x-forwarded-host").as_deref(),
            Some("localhost")
        );
        let certified = path == "/certified";
        assert_eq!(upstream.field("x-consumer").is_some(), certified, "{path}");
        let told = upstream.field("client-cert").is_some();
        assert_eq!(told, certificate.is_some(), "{path}");
        upstream.forget();
    }
}

#[test]
fn h2_connection_cannot_name_our_headers_away() {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    authority.server("server", &["localhost"]);
    authority.client("billing", "spiffe://test/billing");
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, ""));
    let config = tls(directory.path(), Some("billing"));
    let mut client = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
    for named in [
        "X-Forwarded-For",
        "x-forwarded-proto",
        "HOST",
        "Authorization",
    ] {
        let names = format!("Connection: close, {named}");
        assert_eq!(ask(&mut client, "/certified", &[&names]), 400, "{named}");
        client = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
    }
    assert_eq!(upstream.seen(), "");
    let names = "Connection: client-cert, x-consumer, X-REQUEST-ID";
    assert_eq!(ask(&mut client, "/certified", &[names]), 200);
    for field in [
        "client-cert",
        "x-forwarded-for",
        "x-consumer",
        "x-request-id",
        "x-forwarded-proto",
    ] {
        assert!(
            upstream.field(field).is_some(),
            "{field}: {}",
            upstream.seen()
        );
    }
    assert_eq!(upstream.field("x-consumer").as_deref(), Some("billing"));
    let seen = upstream.seen().to_ascii_lowercase();
    assert!(!seen.contains("connection: client-cert"), "{seen}");
}

#[test]
fn h3_every_line_of_a_repeated_header_reaches_the_upstream() {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    authority.server("server", &["localhost"]);
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, ""));
    let config = tls(directory.path(), None);
    let mut client = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
    assert_eq!(
        ask(&mut client, "/open", &["X-Role: one", "X-Role: two"]),
        200
    );
    let seen = upstream.seen().to_ascii_lowercase();
    let (one, two) = (seen.find("x-role: one"), seen.find("x-role: two"));
    assert!(one.is_some() && one < two, "{seen}");
}

#[test]
fn h4_a_forwarded_chain_is_carried_on_for_trusted_peers_only() {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    authority.server("server", &["localhost"]);
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, "\"127.0.0.0/8\""));
    let config = tls(directory.path(), None);
    let mut client = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
    assert_eq!(
        ask(&mut client, "/open", &["X-Forwarded-For: 192.0.2.7"]),
        200
    );
    assert_eq!(
        upstream.field("x-forwarded-for").as_deref(),
        Some("192.0.2.7, 127.0.0.1")
    );
}
