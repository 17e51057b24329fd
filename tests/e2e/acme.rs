//! Certificates that the gateway has issued by itself, from Pebble.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::gateway::Gateway;
use crate::harness::nginx::free_address;
use crate::harness::pebble::Pebble;
use crate::harness::{run, text, wait_for};

/// In seconds: two thirds of it later there must be another certificate.
const LIFETIME: u32 = 15;

fn config(challenge: &str, authority: &Pebble, http: SocketAddr, tls: SocketAddr) -> String {
    format!(
        r#"
[acme]
directory = "{}"
state = "acme"
contacts = ["mailto:ops@example.org"]
accept_terms = true
ca = "pebble-ca.pem"
challenge = "{challenge}"
[[listener]]
name = "plain"
address = "{http}"
[[listener]]
name = "public"
address = "{tls}"
acme = [{{ names = ["localhost"] }}]
[[route]]
path = "/{{proxy+}}"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
body = "ok"
"#,
        authority.directory()
    )
}

/// The serial number of the certificate that is served, once curl believes it.
fn serial(directory: &Path, gateway: &Gateway) -> Option<String> {
    let root = directory.join("root.pem").display().to_string();
    let url = gateway.url("/hello");
    let format = "%{http_code} %{certs}";
    let said = run(
        "curl",
        &[
            "-s",
            "-o",
            "/dev/null",
            "-w",
            format,
            "--cacert",
            &root,
            &url,
        ],
    );
    let said = text(&said.stdout);
    let serial = said.lines().find(|line| line.starts_with("Serial Number:"));
    (said.starts_with("200 ")).then(|| serial.unwrap_or_default().to_owned())
}

fn issues_and_renews(challenge: &str) {
    let directory = tempdir().unwrap();
    let (http, tls) = (free_address(), free_address());
    let authority = Pebble::start(directory.path(), http, tls, LIFETIME);
    std::fs::write(
        directory.path().join("root.pem"),
        authority.root(directory.path()),
    )
    .unwrap();
    let gateway = Gateway::start(directory.path(), &config(challenge, &authority, http, tls));
    let first = wait_for("a certificate", || serial(directory.path(), &gateway));
    let file = directory.path().join("acme/localhost.pem");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let account = directory.path().join("acme/account.json");
    let account_then = std::fs::read(&account).unwrap();
    assert_eq!(std::fs::metadata(&account).unwrap().mode() & 0o777, 0o600);
    let second = wait_for("its successor", || {
        serial(directory.path(), &gateway).filter(|serial| *serial != first)
    });
    assert_ne!(first, second);
    assert_eq!(
        std::fs::read(&account).unwrap(),
        account_then,
        "one account for both"
    );
    assert!(gateway.metric("countersign_acme_orders_total", "issued") >= 2.0);
    // Nobody waits any more, so the path is a path like any other.
    let url = format!("http://{http}/.well-known/acme-challenge/token");
    assert_eq!(text(&run("curl", &["-s", &url]).stdout), "ok");
}

#[test]
fn a_certificate_is_had_and_renewed_by_tls_alpn_01() {
    issues_and_renews("tls-alpn-01");
}

#[test]
fn a_certificate_is_had_and_renewed_by_http_01() {
    issues_and_renews("http-01");
}

#[test]
fn an_authority_that_cannot_be_reached_is_told_and_keeps_nobody_waiting() {
    let directory = tempdir().unwrap();
    let (http, tls) = (free_address(), free_address());
    let authority = Pebble::start(directory.path(), http, tls, LIFETIME);
    let config = config("http-01", &authority, http, tls);
    drop(authority);
    let gateway = Gateway::start(directory.path(), &config);
    wait_for("the failure", || {
        (gateway.metric("countersign_acme_orders_total", "failed") > 0.0).then_some(())
    });
    assert!(
        gateway
            .said()
            .iter()
            .any(|line| line.contains("was not issued"))
    );
    let url = gateway.url("/hello");
    let said = run("curl", &["-sk", &url]);
    assert_eq!(
        text(&said.stdout),
        "ok",
        "what stands in can be spoken to, and proves nothing"
    );
}
