//! What docs/certificates.md and docs/lambda.md show is true: commands make what the gateway
//! believes, configurations are good ones, and the tables of reasons are the source's.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::harness::gateway::{Gateway, PROGRAM, write_store};
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::pki::{Authority, write_private};
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

const STORE: &str = r#"
[[trust_store]]
name = "partners"
authorities = ["ca.pem"]
"#;
const LISTENER: &str = r#"
[[listener]]
name = "added"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
client_certificate = { mode = "optional", trust = ["ca.pem"] }
"#;
const ROUTE: &str = r#"
[[route]]
path = "/added"
method = "GET"
policy = "open"
integration = "added"
[[integration]]
name = "added"
type = "mock"
"#;

/// Makes a file that a configuration names.
fn make(directory: &Path, clients: &OpensslCa, name: &str) {
    let file = directory.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let ends = |end: &str| name.ends_with(end);
    let text = match () {
        () if ends("server.pem") => fs::read_to_string(directory.join("server.pem")).unwrap(),
        () if ends(".key") => fs::read_to_string(directory.join("server.key")).unwrap(),
        () if ends(".crl") => fs::read_to_string(clients.publish()).unwrap(),
        () if ends("ca.pem") || ends("bundle.pem") => text(&clients.read("ca.pem")),
        () => text(&clients.read("caller.pem")),
    };
    write_private(&file, &text);
}

#[test]
fn every_configuration_is_a_good_one() {
    for (document, blocks) in [
        ("docs/certificates.md", 6),
        ("docs/access-log.md", 1),
        ("docs/lambda.md", 5),
        ("README.md", 1),
    ] {
        let directory = tempdir().unwrap();
        let ca = Authority::new(directory.path(), "ca");
        ca.server("server", &["localhost"]);
        let clients = OpensslCa::new(&directory.path().join("clients"));
        clients.issue("caller", "caller");
        write_store(directory.path());
        let document = read(document);
        let found = document.split("```toml\n").skip(1);
        let found: Vec<&str> = found
            .map(|rest| rest.split("```").next().unwrap())
            .collect();
        assert_eq!(found.len(), blocks);
        for block in found {
            let mut config = block.replace("/var/lib/countersign/", "");
            let completed = [
                ("[[trust_store]]", STORE),
                ("[[listener]]", LISTENER),
                ("[[route]]", ROUTE),
            ];
            for (table, added) in completed {
                if !block.contains(table) {
                    config += added;
                }
            }
            let quoted = block.split('"').skip(1).step_by(2);
            let is_file = |name: &&str| {
                [".pem", ".key", ".crl"]
                    .iter()
                    .any(|end| name.ends_with(end))
            };
            for name in quoted.filter(is_file) {
                make(directory.path(), &clients, name);
            }
            let file = directory.path().join("gateway.toml");
            fs::write(&file, &config).unwrap();
            let said = run(PROGRAM, &["check", "--config", &file.display().to_string()]);
            assert!(said.status.success(), "{}\n{config}", text(&said.stderr));
        }
    }
}

/// The codes that a `pub fn code` of a source file gives.
fn codes(source: &str) -> Vec<&str> {
    let (_, codes) = source.split_once("pub fn code(").unwrap();
    let codes = codes.split("fn ").next().unwrap();
    codes.split('"').skip(1).step_by(2).collect()
}

#[test]
fn every_failure_of_a_function_is_in_the_table() {
    let source = read("src/refusal/function.rs");
    let codes = codes(&source);
    assert_eq!(codes.len(), 14);
    let document = read("docs/lambda.md");
    let (_, table) = document.split_once("## When it fails").unwrap();
    let table = table.split("\n## ").next().unwrap();
    for code in codes {
        assert!(table.contains(&format!("\n| `{code}` |")), "{code}");
    }
}

#[test]
fn every_reason_is_in_the_table() {
    let source = read("src/distrust.rs");
    let codes = codes(&source);
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
