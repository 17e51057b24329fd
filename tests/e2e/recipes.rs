//! What docs/certificates.md shows is true: its commands make what the gateway believes, and its
//! table of reasons is the source's.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;
use crate::harness::{run, text};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The first block of code below a heading.
fn block(heading: &str) -> String {
    let document = read("docs/certificates.md");
    let (_, below) = document.split_once(heading).expect("the heading");
    let (_, code) = below.split_once("```sh\n").expect("a block");
    code.split("```").next().unwrap().to_owned()
}

#[test]
fn what_openssl_makes_by_the_recipe_is_believed() {
    let directory = tempdir().unwrap();
    Authority::new(directory.path(), "ca").server("server", &["localhost"]);
    let made = Command::new("sh")
        .args(["-ec", &block("### A private authority with openssl")])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let gateway = Gateway::start(
        directory.path(),
        r#"
[[trust_store]]
name = "clients"
authorities = ["clients-ca.pem"]
require_client_auth_purpose = true
spiffe_trust_domains = ["example.org"]
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
client_certificate = { mode = "required", trust_store = "clients" }
[[consumer]]
name = "billing"
certificate = { spiffe_trust_domain = "example.org", spiffe_path = "/billing" }
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/"
method = "GET"
policy = "certified"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
body = "ok"
"#,
    );
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("billing.pem"), file("billing.key"));
    let words = [
        "-sS",
        "--cacert",
        &ca,
        "--cert",
        &certificate,
        "--key",
        &key,
    ];
    let said = run("curl", &[&words[..], &[&gateway.url("/")]].concat());
    assert_eq!(text(&said.stdout), "ok", "{}", text(&said.stderr));
}

#[test]
fn every_reason_is_in_the_table() {
    let source = read("src/distrust.rs");
    let (_, codes) = source.split_once("pub fn code(").unwrap();
    let codes = codes.split("pub fn ").next().unwrap();
    let codes: Vec<&str> = codes.split('"').skip(1).step_by(2).collect();
    assert_eq!(codes.len(), 22);
    let document = read("docs/certificates.md");
    let (_, table) = document
        .split_once("## Why a handshake was refused")
        .unwrap();
    let table = table.split("\n## ").next().unwrap();
    // These two are refusals of requests only: no handshake ends by them.
    let never = ["unverified", "not_asked"];
    for code in codes.iter().filter(|code| !never.contains(code)) {
        assert!(table.contains(&format!("`{code}`")), "{code}");
    }
}
