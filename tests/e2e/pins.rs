//! What the pin of a key is worth: the key, and nothing that its holder writes into a certificate.

use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData as _, SanType};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::pki::{Authority, write_private};
use crate::harness::recorder::Recorder;
use crate::harness::{run, text};

const BILLING: &str = "spiffe://test/billing";

fn config(upstream: &Recorder, key: &str, partner: &str) -> String {
    let target = upstream.address;
    format!(
        r#"
[[trust_store]]
name = "ours"
authorities = ["ca.pem"]
pins = [{{ public_key = "{key}" }}]
spiffe_trust_domains = ["test"]
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust_store = "ours" }}
[[consumer]]
name = "billing"
certificate = {{ spiffe_trust_domain = "test", spiffe_path = "/billing" }}
[[consumer]]
name = "partner"
certificate = {{ {partner} }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[policy]]
name = "of Partner Inc"
all_of = ["certificate"]
certificate = {{ subject = "CN=partner" }}
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "told"
[[route]]
path = "/named"
method = "GET"
policy = "of Partner Inc"
integration = "told"
[[integration]]
name = "told"
type = "http_proxy"
targets = ["{target}"]
certificate_headers = [{{ form = "nginx" }}, {{ form = "rfc9440" }}]
"#
    )
}

/// The holder of one key shows `partner`, and `forged` with somebody else's name.
fn stage() -> (TempDir, String) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost"]);
    let key = KeyPair::generate().unwrap();
    for (file, uri) in [("partner", None), ("forged", Some(BILLING))] {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "partner");
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        let uri = uri.map(|uri| SanType::URI(uri.try_into().unwrap()));
        params.subject_alt_names.extend(uri);
        let pem = params.self_signed(&key).unwrap().pem();
        let path = |end| directory.path().join(format!("{file}.{end}"));
        std::fs::write(path("pem"), pem).unwrap();
        write_private(&path("key"), &key.serialize_pem());
    }
    let hash =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.subject_public_key_info());
    let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    (directory, hash.collect())
}

fn ask(gateway: &Gateway, name: &str, path: &str) -> (u16, String) {
    let settings = tls(&gateway.directory, Some(name));
    let mut client = Client::tls(gateway.address("public"), &settings, "localhost").unwrap();
    let answer = client.get("localhost", path);
    (answer.status, answer.code())
}

#[test]
fn whoever_holds_a_pinned_key_does_not_become_whom_its_certificate_names() {
    let (directory, key) = stage();
    let upstream = Recorder::start();
    let refused = |code: &str| (403, code.to_owned());
    let by_name = config(&upstream, &key, "subject = \"CN=partner\"");
    let gateway = Gateway::start(directory.path(), &by_name);
    for name in ["partner", "forged"] {
        let answer = ask(&gateway, name, "/certified");
        assert_eq!(answer, refused("certificate_unknown"), "{name}");
    }
    let by_key = config(&upstream, &key, &format!("public_key = \"{key}\""));
    assert!(gateway.reload(&by_key));
    for name in ["partner", "forged"] {
        upstream.forget();
        assert_eq!(ask(&gateway, name, "/certified").0, 200, "{name}");
        assert_eq!(upstream.field("x-consumer").as_deref(), Some("partner"));
        let verdict = upstream.field("x-ssl-client-verify");
        assert_eq!(verdict.as_deref(), Some("FAILED:unverified"));
        assert_eq!(upstream.field("x-ssl-client-s-dn"), None);
        assert_eq!(upstream.field("client-cert"), None);
        let answer = ask(&gateway, name, "/named");
        assert_eq!(answer, refused("certificate_not_allowed"), "{name}");
    }
    let file = |name: &str| directory.path().join(name).display().to_string();
    let program = crate::harness::gateway::PROGRAM;
    let (forged, gateway) = (file("forged.pem"), file("gateway.toml"));
    let words = ["certificates", "explain", &forged, "--listener", "public"];
    let said = run(program, &[&words[..], &["--config", &gateway]].concat());
    let said = text(&said.stdout);
    assert!(said.contains("by a pin of its key"), "{said}");
    assert!(said.contains("consumer     partner"), "{said}");
}
