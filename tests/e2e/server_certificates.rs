//! What the gateway shows of itself, as the real openssl sees it: the certificate that fits the
//! caller among several of one name, and an OCSP response with it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::{TempDir, tempdir};

use crate::harness::gateway::{Gateway, PROGRAM, write_config, write_store};
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::{run, text, wait_for};

const NAME: &str = "www.example.org";
const ROUTES: &str = r#"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#;

/// A listener that shows these, each with what else is said of it.
fn showing(certificates: &[(&str, &str)]) -> String {
    let list: Vec<String> = certificates
        .iter()
        .map(|(name, more)| {
            format!("{{ chain = \"{name}.chain\", private_key = \"{name}.key\"{more} }}")
        })
        .collect();
    format!(
        "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\ncertificate = [{}]\n{ROUTES}",
        list.join(", ")
    )
}

/// Two certificates for one name, "ec" and "rsa", each in a file with its issuer's.
fn stage() -> (TempDir, OpensslCa) {
    let directory = tempdir().unwrap();
    let ca = OpensslCa::new(directory.path());
    for (name, key) in [
        ("ec", "ec -pkeyopt ec_paramgen_curve:P-256"),
        ("rsa", "rsa:2048"),
    ] {
        ca.issue_with(name, "server", key, "");
        chain(&ca, name, &[name, "ca"]);
    }
    (directory, ca)
}

fn chain(ca: &OpensslCa, name: &str, certificates: &[&str]) {
    let read = |one: &&str| text(&ca.read(&format!("{one}.pem")));
    let all: String = certificates.iter().map(read).collect();
    fs::write(ca.directory.join(format!("{name}.chain")), all).unwrap();
}

/// What `openssl s_client` with these words says of a handshake.
fn seen(gateway: &Gateway, directory: &Path, words: &str) -> String {
    let output = Command::new("openssl")
        .args([
            "s_client",
            "-verify_return_error",
            "-CAfile",
            "ca.pem",
            "-connect",
        ])
        .arg(gateway.address("public").to_string())
        .args(words.split_whitespace())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

fn kind_of(said: &str) -> &str {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("Peer signature type: "));
    line.unwrap_or_else(|| panic!("no handshake: {said}"))
}

fn staple_of(said: &str) -> &str {
    let word = said.lines().find_map(|line| {
        let line = line.trim();
        line.strip_prefix("Cert Status: ")
            .or(line.strip_prefix("OCSP response: "))
    });
    word.unwrap_or_else(|| panic!("no handshake: {said}"))
}

const NONE: &str = "no response sent";

#[test]
fn of_two_certificates_of_a_name_the_caller_gets_the_one_it_understands() {
    let (directory, _ca) = stage();
    for order in [["ec", "rsa"], ["rsa", "ec"]] {
        let gateway = Gateway::start(directory.path(), &showing(&order.map(|name| (name, ""))));
        for name in [&format!("-servername {NAME}"), "-noservername"] {
            for (words, kind) in [
                ("", "ECDSA"),
                ("-sigalgs RSA-PSS+SHA256", "RSA-PSS"),
                ("-sigalgs ECDSA+SHA256:RSA-PSS+SHA256", "ECDSA"),
                ("-sigalgs RSA-PSS+SHA256:ECDSA+SHA256", "ECDSA"),
                ("-tls1_2", "ECDSA"),
                ("-tls1_2 -sigalgs RSA+SHA256", "RSA"),
                ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "RSA-PSS"),
                ("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"),
            ] {
                let said = seen(&gateway, directory.path(), &format!("{words} {name}"));
                assert_eq!(kind_of(&said), kind, "{order:?} {words} {name}");
            }
        }
    }
}

#[test]
fn a_response_in_a_file_is_stapled_to_its_certificate() {
    let (directory, ca) = stage();
    ca.answer("ec", "ca");
    let with = |file: &str| showing(&[("ec", &format!(", ocsp = \"{file}\"")), ("rsa", "")]);
    let gateway = Gateway::start(directory.path(), &with("ec.ocsp.der"));
    let staple = |words: &str| {
        let said = seen(&gateway, directory.path(), &format!("-status {words}"));
        staple_of(&said).to_owned()
    };
    for version in ["-tls1_2", "-tls1_3"] {
        assert_eq!(staple(version), "good");
    }
    assert_eq!(staple("-sigalgs RSA-PSS+SHA256"), NONE);
    // Whoever does not ask is sent nothing.
    assert!(!seen(&gateway, directory.path(), "-tlsextdebug").contains("status request"));
    ca.answer("rsa", "ca");
    assert!(!gateway.reload(&with("rsa.ocsp.der")));
    assert_eq!(staple(""), "good");
    assert!(gateway.reload(&showing(&[("ec", "")])));
    assert_eq!(staple(""), NONE);
}

#[test]
fn what_is_wrong_with_a_response_is_told_with_its_cure() {
    let (directory, ca) = stage();
    ca.issue("bare", "plain");
    for (name, files) in [
        ("short", &["ec"][..]),
        ("wrong", &["ec", "rsa"]),
        ("bare", &["bare", "ca"]),
    ] {
        chain(&ca, name, files);
    }
    for name in ["short", "wrong"] {
        fs::copy(
            ca.directory.join("ec.key"),
            ca.directory.join(format!("{name}.key")),
        )
        .unwrap();
    }
    ca.answer("rsa", "ca");
    ca.revoke("ec");
    ca.answer("ec", "ca");
    write_store(directory.path());
    let issuer = "append the issuer's certificate";
    for (name, more, cure) in [
        ("short", ", stapling = true", issuer),
        ("wrong", ", ocsp = \"ec.ocsp.der\"", issuer),
        (
            "bare",
            ", stapling = true",
            "names no OCSP responder to fetch from; leave",
        ),
        (
            "ec",
            ", ocsp = \"rsa.ocsp.der\"",
            "it is not about the certificate; have one",
        ),
        (
            "ec",
            ", ocsp = \"ec.pem\"",
            "it is no OCSP response that can be read; have one",
        ),
        ("ec", ", ocsp = \"nowhere\"", "nowhere: cannot be read"),
        (
            "ec",
            ", ocsp = \"ec.ocsp.der\"",
            "ec.chain is revoked; show another certificate",
        ),
    ] {
        write_config(directory.path(), &showing(&[(name, more)]));
        let file = directory.path().join("gateway.toml");
        let output = run(PROGRAM, &["check", "--config", file.to_str().unwrap()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}{more}");
        assert!(
            said.contains("gateway.toml:12: ") && said.contains(cure),
            "{said}"
        );
    }
}

#[test]
fn a_response_is_fetched_from_the_responder_and_outlives_a_reload() {
    let (directory, ca) = stage();
    let responder = ca.respond("ca");
    let config = showing(&[("ec", ", stapling = true")]);
    let gateway = Gateway::start(directory.path(), &config);
    let staple =
        |gateway: &Gateway| staple_of(&seen(gateway, directory.path(), "-status")).to_owned();
    wait_for("a staple", || (staple(&gateway) == "good").then_some(()));
    drop(responder);
    // Nobody answers any more; what was fetched is still good for a day.
    assert!(gateway.reload(&(config.clone() + "# changed\n")));
    assert_eq!(staple(&gateway), "good");
    // The next process has nothing to show, and serves all the same.
    let next = Gateway::start(directory.path(), &config);
    wait_for("a failure", || {
        let told = |line: &String| line.contains("No OCSP response could be fetched");
        next.said().iter().any(told).then_some(())
    });
    assert_eq!(staple(&next), NONE);
}

/// As in a container that holds nothing but the gateway.
#[test]
fn a_response_is_fetched_on_a_machine_without_public_roots() {
    let (directory, ca) = stage();
    let _responder = ca.respond("ca");
    let config = showing(&[("ec", ", stapling = true")]);
    let none = tempdir().unwrap();
    let none = none.path().to_str().unwrap();
    let roots = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", none)];
    let gateway = Gateway::start_in(directory.path(), &config, &roots);
    wait_for("a staple", || {
        let said = seen(&gateway, directory.path(), "-status");
        (staple_of(&said) == "good").then_some(())
    });
}

#[test]
fn a_revoked_certificate_is_shown_without_a_response() {
    let (directory, ca) = stage();
    ca.revoke("ec");
    let _responder = ca.respond("ca");
    let gateway = Gateway::start(directory.path(), &showing(&[("ec", ", stapling = true")]));
    wait_for("a word", || {
        let told = |line: &String| line.contains("does not vouch for the certificate");
        gateway.said().iter().any(told).then_some(())
    });
    let said = seen(&gateway, directory.path(), "-status");
    assert_eq!(staple_of(&said), NONE);
}
