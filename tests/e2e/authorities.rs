//! M6: what a store takes for an authority, and whom an authority of it may vouch for, as openssl
//! makes them.

use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::harness::gateway::{PROGRAM, write_config, write_store};
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::{run, text};

fn config(authorities: &str, more: &str) -> String {
    format!(
        r#"
[[trust_store]]
name = "callers"
authorities = ["{authorities}"]
{more}
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "required", trust_store = "callers" }}
[[consumer]]
name = "billing"
certificate = [{{ san_dns = "common" }}, {{ san_uri = "spiffe://example.org/billing" }}]
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
"#
    )
}

fn stage() -> (TempDir, OpensslCa) {
    let directory = tempdir().unwrap();
    let ca = OpensslCa::new(directory.path());
    ca.issue("server", "server");
    write_store(directory.path());
    (directory, ca)
}

/// What is said of the configuration, or of a certificate when it is good.
fn said(directory: &Path, config: &str, certificate: Option<&str>) -> String {
    write_config(directory, config);
    let file = |name: &str| directory.join(name).display().to_string();
    let gateway = file("gateway.toml");
    let output = match certificate {
        None => run(PROGRAM, &["check", "--config", &gateway]),
        Some(name) => {
            let certificate = file(&format!("{name}.pem"));
            let words = [
                "certificates",
                "explain",
                &certificate,
                "--listener",
                "public",
            ];
            run(PROGRAM, &[&words[..], &["--config", &gateway]].concat())
        }
    };
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn m6_a_bundle_holds_authorities_and_nothing_else() {
    let (directory, ca) = stage();
    let own = "req -x509 -nodes -days 2 -subj /CN=own";
    ca.run(&format!(
        "{own} -newkey rsa:2048 -keyout a.key -out no-authority.pem -extensions plain"
    ));
    ca.run(&format!(
        "{own} -newkey rsa:1024 -keyout b.key -out weak.pem -extensions authority"
    ));
    ca.run(&format!("{own} -newkey rsa:2048 -keyout c.key -out lists-only.pem -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,cRLSign"));
    for (bundle, problem) in [
        (
            "no-authority",
            "is no certificate authority, and here it could issue",
        ),
        ("weak", "has less than 2048 bits"),
        ("lists-only", "is not for issuing certificates"),
    ] {
        let said = said(
            directory.path(),
            &config(&format!("{bundle}.pem"), ""),
            None,
        );
        assert!(said.contains(problem), "{bundle}: {said}");
    }
    let told = "check_key_usage = false";
    let said = said(directory.path(), &config("lists-only.pem", told), None);
    assert!(!said.contains("not for issuing"), "{said}");
}

#[test]
fn m6_an_authority_whose_time_is_over_vouches_for_nobody() {
    let (directory, ca) = stage();
    ca.issue("caller", "caller");
    ca.run("req -new -key ca.key -out over.csr -subj /CN=authority");
    ca.run("ca -batch -notext -selfsign -in over.csr -out over.pem -extensions authority -startdate 20200101000000Z -enddate 20210101000000Z");
    let over = said(directory.path(), &config("over.pem", ""), Some("caller"));
    assert!(over.contains("refused in the handshake: expired"), "{over}");
    let told = "check_authority_expiry = false";
    let taken = said(directory.path(), &config("over.pem", told), Some("caller"));
    assert!(taken.contains("verdict      trusted"), "{taken}");
}

#[test]
fn m6_weak_signatures_and_keys_prove_nothing_and_a_common_name_is_no_name() {
    let (directory, ca) = stage();
    let request = |name: &str, key: &str| {
        ca.run(&format!(
            "req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN=common"
        ));
    };
    for (name, key, hash) in [
        ("by-sha256", "rsa:2048", "sha256"),
        ("by-sha1", "rsa:2048", "sha1"),
        ("by-md5", "rsa:2048", "md5"),
        ("of-1024-bits", "rsa:1024", "sha256"),
    ] {
        request(name, key);
        ca.run(&format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -days 2 -{hash} -extfile ca.cnf -extensions plain -out {name}.pem"));
    }
    let explain = |name, more| said(directory.path(), &config("ca.pem", more), Some(name));
    for (name, more, verdict) in [
        ("by-sha1", "", "refused in the handshake: weak_signature"),
        ("by-md5", "", "refused in the handshake: weak_signature"),
        ("of-1024-bits", "", "refused in the handshake: weak_key"),
        ("by-sha256", "min_rsa_bits = 2048", "consumer     none"),
        (
            "by-sha256",
            "require_client_auth_purpose = true",
            "bad_purpose",
        ),
    ] {
        let said = explain(name, more);
        assert!(said.contains(verdict), "{name}: {said}");
    }
}
