//! M1 to M3, M5, M6 and M10: a certificate counts only while today's trust, the route's policy and
//! the name of the connection say so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, SanType};
use rustls::ClientConfig;
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls, tls_with};
use crate::harness::gateway::{Gateway, PROGRAM, write_config, write_store};
use crate::harness::pki::Authority;
use crate::harness::{run, text};

pub const ROUTES: &str = r#"
[[consumer]]
name = "billing"
certificate = { san_uri = "spiffe://test/billing" }
[[consumer]]
name = "by-dns"
certificate = { san_dns = "billing.example" }
[[policy]]
name = "certified"
all_of = ["certificate"]
[[policy]]
name = "shipping-only"
all_of = ["certificate"]
consumers = ["by-dns"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "ok"
[[route]]
path = "/shipping"
method = "GET"
policy = "shipping-only"
integration = "ok"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
body = "ok"
"#;

pub fn listener(name: &str, mode: &str, trust: &str) -> String {
    format!(
        r#"
[[listener]]
name = "{name}"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "{mode}", trust = ["{trust}"] }}
"#
    )
}

/// `ca` vouches for the server and for `billing`; `other` is trusted by whoever says so.
pub fn stage() -> (TempDir, Authority, Authority) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    let other = Authority::new(directory.path(), "other");
    ca.server("server", &["localhost", "a.example", "b.example"]);
    ca.client("billing", "spiffe://test/billing");
    other.client("foreign", "spiffe://test/billing");
    (directory, ca, other)
}

pub fn client(
    gateway: &Gateway,
    listener: &str,
    config: &Arc<ClientConfig>,
) -> std::io::Result<Client> {
    Client::tls(gateway.address(listener), config, "localhost")
}

fn code(client: &mut Client, path: &str) -> (u16, String) {
    let answer = client.get("localhost", path);
    (answer.status, answer.code())
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

#[test]
fn m1_a_session_of_one_listener_is_not_resumed_on_another() {
    let (directory, _, _) = stage();
    let config = listener("first", "optional", "ca.pem")
        + &listener("second", "required", "other.pem")
        + ROUTES;
    let gateway = Gateway::start(directory.path(), &config);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        // One client configuration has one cache of sessions: it offers what it was given.
        let config = tls_with(directory.path(), Some("billing"), &[version]);
        let mut first = client(&gateway, "first", &config).unwrap();
        assert_eq!(first.get("localhost", "/certified").status, 200);
        let mut again = client(&gateway, "first", &config).unwrap();
        assert_eq!(again.get("localhost", "/certified").status, 200);
        assert!(
            again.resumed,
            "the test means nothing when tickets do not work"
        );
        // In TLS 1.3 the client learns of the refusal with its first answer.
        let second = client(&gateway, "second", &config);
        let served = second.and_then(|mut second| {
            second.try_ask(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n")
        });
        assert!(served.is_err(), "{version:?}");
    }
}

#[test]
fn m2_trust_that_is_taken_away_is_gone_for_new_resumed_and_open_connections() {
    let (directory, _, _) = stage();
    let trusting = |bundle: &str| listener("public", "optional", bundle) + ROUTES;
    let gateway = Gateway::start(directory.path(), &trusting("ca.pem"));
    let config = tls(directory.path(), Some("billing"));
    let mut open = client(&gateway, "public", &config).unwrap();
    assert_eq!(open.get("localhost", "/certified").status, 200);
    assert!(gateway.reload(&trusting("other.pem")));
    assert_eq!(
        code(&mut open, "/certified"),
        refused("certificate_untrusted")
    );
    assert_eq!(open.get("localhost", "/open").status, 200);
    // A new handshake shows a certificate that nobody vouches for: it fails whole.
    let new = client(&gateway, "public", &config);
    let served = new.and_then(|mut new| {
        assert!(!new.resumed);
        new.try_ask(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n")
    });
    assert!(served.is_err());
    assert!(gateway.reload(&trusting("ca.pem")));
    assert_eq!(open.get("localhost", "/certified").status, 200);
}

#[test]
fn m2_a_consumer_that_is_taken_away_is_gone_for_open_connections() {
    let (directory, _, _) = stage();
    let config = listener("public", "optional", "ca.pem") + ROUTES;
    let gateway = Gateway::start(directory.path(), &config);
    let mut open = client(&gateway, "public", &tls(directory.path(), Some("billing"))).unwrap();
    assert_eq!(open.get("localhost", "/certified").status, 200);
    assert!(gateway.reload(&config.replace("spiffe://test/billing", "spiffe://test/nobody")));
    assert_eq!(
        code(&mut open, "/certified"),
        refused("certificate_unknown")
    );
}

#[test]
fn m2_a_certificate_that_expires_is_gone_for_open_connections() {
    let (directory, ca, _) = stage();
    ca.client_with("brief", "spiffe://test/billing", "", |params| {
        let end = std::time::SystemTime::now() + std::time::Duration::from_secs(3);
        params.not_after = end.into();
    });
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    let mut open = client(&gateway, "public", &tls(directory.path(), Some("brief"))).unwrap();
    assert_eq!(open.get("localhost", "/certified").status, 200);
    crate::harness::wait_for("the end of the certificate", || {
        let answer = code(&mut open, "/certified");
        (answer == refused("certificate_untrusted")).then_some(())
    });
}

#[test]
fn m2_a_listener_that_has_become_tls_serves_nothing_in_plaintext_any_more() {
    let (directory, _, _) = stage();
    // A policy that demands certificates needs a listener that asks for them.
    let plain = "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n".to_owned()
        + &listener("other", "optional", "ca.pem")
        + ROUTES;
    let gateway = Gateway::start(directory.path(), &plain);
    let mut open = Client::plain(gateway.address("public"));
    assert_eq!(open.get("localhost", "/open").status, 200);
    assert!(gateway.reload(&(listener("public", "optional", "ca.pem") + ROUTES)));
    let answer = open.get("localhost", "/open");
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (421, "misdirected_request")
    );
    // And back: what was shown is worth nothing where nobody asks for it.
    let shows = tls(directory.path(), Some("billing"));
    let mut open = client(&gateway, "public", &shows).unwrap();
    assert_eq!(open.get("localhost", "/certified").status, 200);
    assert!(gateway.reload(&plain));
    assert_eq!(
        code(&mut open, "/certified"),
        refused("certificate_untrusted")
    );
}

#[test]
fn m3_a_host_other_than_the_handshakes_is_misdirected() {
    let (directory, _, _) = stage();
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    let config = tls(directory.path(), Some("billing"));
    let at = gateway.address("public");
    let mut named = Client::tls(at, &config, "a.example").unwrap();
    for (host, status) in [
        ("a.example", 200),
        ("A.Example", 200),
        ("a.example.", 200),
        ("a.example:8443", 200),
        ("b.example", 421),
        ("localhost", 421),
        ("127.0.0.1", 421),
        ("xa.example", 421),
        ("a.example.evil", 421),
        ("[::1]", 421),
    ] {
        assert_eq!(named.get(host, "/certified").status, status, "{host}");
        assert_eq!(named.get(host, "/open").status, 200, "{host}");
    }
    // An address in place of a name sends no SNI.
    let directory = directory.path();
    let bare = run("openssl", &["version"]);
    assert!(bare.status.success());
    let mut unnamed = Command::new("sh");
    let script = format!(
        "printf 'GET /certified HTTP/1.1\\r\\nHost: a.example\\r\\nConnection: close\\r\\n\\r\\n' | \
         openssl s_client -quiet -noservername -connect {at} -CAfile {d}/ca.pem -cert {d}/billing.pem -key {d}/billing.key 2>/dev/null",
        d = directory.display()
    );
    let answer = unnamed.args(["-c", &script]).output().unwrap();
    assert!(
        text(&answer.stdout).starts_with("HTTP/1.1 421 "),
        "{}",
        text(&answer.stdout)
    );
}

#[test]
fn m5_a_bundle_that_cannot_be_used_stops_the_start_and_keeps_the_old_at_reload() {
    let (directory, _, _) = stage();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("empty.pem"), "").unwrap();
    fs::write(path("text.pem"), "this is no certificate\n").unwrap();
    fs::write(
        path("broken.pem"),
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    fs::create_dir(path("directory.pem")).unwrap();
    write_store(directory.path());
    let bad = [
        "missing.pem",
        "empty.pem",
        "text.pem",
        "broken.pem",
        "directory.pem",
        "server.key",
    ];
    for bundle in bad {
        write_config(
            directory.path(),
            &(listener("public", "optional", bundle) + ROUTES),
        );
        let file = path("gateway.toml").display().to_string();
        let started = run(PROGRAM, &["run", "--config", &file]);
        assert_eq!(started.status.code(), Some(1), "{bundle}");
        assert!(
            text(&started.stderr).contains(bundle),
            "{bundle}: {}",
            text(&started.stderr)
        );
    }
    let good = listener("public", "required", "ca.pem") + ROUTES;
    let gateway = Gateway::start(directory.path(), &good);
    for bundle in bad {
        assert!(
            !gateway.reload(&(listener("public", "required", bundle) + ROUTES)),
            "{bundle}"
        );
    }
    // The old trust serves on, and it still demands.
    let mut certified =
        client(&gateway, "public", &tls(directory.path(), Some("billing"))).unwrap();
    assert_eq!(certified.get("localhost", "/certified").status, 200);
    let bare = client(&gateway, "public", &tls(directory.path(), None));
    assert!(
        bare.and_then(|mut bare| bare.try_ask(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .is_err()
    );
    assert!(
        gateway
            .said()
            .iter()
            .any(|line| line.contains("the old one serves on"))
    );
}

fn is_served(directory: &TempDir, gateway: &Gateway, name: &str) -> bool {
    let config = tls(directory.path(), Some(name));
    let served = client(gateway, "public", &config)
        .and_then(|mut one| one.try_ask(b"GET /certified HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    served.is_ok_and(|answer| answer.status == 200)
}

#[test]
fn m6_a_certificate_made_for_something_else_is_no_identity() {
    let (directory, ca, _) = stage();
    let uri = "spiffe://test/billing";
    ca.client_with("for-servers", uri, "", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    ca.client_with("an-authority", uri, "", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let no_ca = ca.below("no-ca", |params| params.is_ca = IsCa::ExplicitNoCa);
    no_ca.client_with("below-no-ca", uri, &no_ca.pem(), |_| {});
    let last = ca.below("last", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))
    });
    let beyond = last.below("beyond", |_| {});
    beyond.client_with("too-deep", uri, &(beyond.pem() + &last.pem()), |_| {});
    let narrow = ca.below("narrow", |params| {
        params.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("inside.example".into())],
            excluded_subtrees: vec![],
        });
    });
    let dns = |name: &'static str| {
        move |params: &mut CertificateParams| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().expect("ASCII"))];
        }
    };
    narrow.client_with("outside", uri, &narrow.pem(), dns("billing.example"));
    last.client_with("good-below", uri, &last.pem(), |_| {});
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    for name in [
        "for-servers",
        "an-authority",
        "below-no-ca",
        "too-deep",
        "outside",
    ] {
        assert!(!is_served(&directory, &gateway, name), "{name}");
    }
    for name in ["billing", "good-below"] {
        assert!(is_served(&directory, &gateway, name), "{name}");
    }
}

#[test]
fn m6_an_authority_of_the_store_has_no_more_authorities_below_it_than_it_allows() {
    let (directory, _, _) = stage();
    let last = Authority::with(directory.path(), "last", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let uri = "spiffe://test/billing";
    last.client("good", uri);
    let beyond = last.below("beyond", |_| {});
    beyond.client_with("too-deep", uri, &beyond.pem(), |_| {});
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "last.pem") + ROUTES),
    );
    assert!(is_served(&directory, &gateway, "good"));
    assert!(!is_served(&directory, &gateway, "too-deep"));
    gateway.logged("the refusal", |line| line["reason"] == "not_an_authority");
}

#[test]
fn m6_a_name_of_one_kind_is_not_taken_for_one_of_another() {
    let (directory, ca, _) = stage();
    // What the configuration calls a URI stands here as a common name, an e-mail and a DNS name.
    ca.client_with("typed", "https://else.example/", "", |params| {
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "spiffe://test/billing");
        params.subject_alt_names.push(SanType::Rfc822Name(
            "billing.example".try_into().expect("ASCII"),
        ));
        params
            .subject_alt_names
            .push(SanType::URI("billing.example".try_into().expect("ASCII")));
    });
    ca.client_with("nul", "https://else.example/", "", |params| {
        params.subject_alt_names.push(SanType::DnsName(
            "billing.example\0.evil".try_into().expect("ASCII"),
        ));
    });
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    let mut typed = client(&gateway, "public", &tls(directory.path(), Some("typed"))).unwrap();
    assert_eq!(
        code(&mut typed, "/certified"),
        refused("certificate_unknown")
    );
    assert!(!is_served(&directory, &gateway, "nul"));
}

#[test]
fn m10_the_most_exact_name_chooses_the_certificate_and_none_weakens_another() {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost"]);
    let mut certificates = String::new();
    for (name, names) in [
        ("wild", vec!["*.wild.example"]),
        ("exact", vec!["a.example"]),
    ] {
        ca.server(name, &names);
        certificates += &format!(", {{ chain = \"{name}.pem\", private_key = \"{name}.key\" }}");
    }
    for index in 0..150 {
        let name = format!("host{index}");
        ca.server(&name, &[&format!("{name}.test")]);
        certificates += &format!(", {{ chain = \"{name}.pem\", private_key = \"{name}.key\" }}");
    }
    let config = listener("public", "required", "ca.pem").replace(
        "private_key = \"server.key\" }",
        &format!("private_key = \"server.key\" }}{certificates}"),
    );
    ca.client("billing", "spiffe://test/billing");
    let gateway = Gateway::start(directory.path(), &(config + ROUTES));
    let certified = tls(directory.path(), Some("billing"));
    let bare = tls(directory.path(), None);
    for name in [
        "a.example",
        "b.wild.example",
        "host0.test",
        "host149.test",
        "localhost",
    ] {
        // The handshake checks that the certificate has the name.
        let mut one = Client::tls(gateway.address("public"), &certified, name).unwrap();
        assert_eq!(one.get(name, "/certified").status, 200, "{name}");
        let refused = Client::tls(gateway.address("public"), &bare, name);
        let served =
            refused.and_then(|mut one| one.try_ask(b"GET /open HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(served.is_err(), "{name}");
    }
    assert!(Client::tls(gateway.address("public"), &certified, "a.b.wild.example").is_err());
}

#[test]
fn a_consumer_that_the_policy_does_not_name_is_refused() {
    let (directory, _, _) = stage();
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    let mut one = client(&gateway, "public", &tls(directory.path(), Some("billing"))).unwrap();
    assert_eq!(code(&mut one, "/shipping"), refused("consumer_not_allowed"));
    let mut bare = client(&gateway, "public", &tls(directory.path(), None)).unwrap();
    assert_eq!(
        code(&mut bare, "/certified"),
        refused("certificate_required")
    );
}

#[test]
fn a_key_that_others_can_read_or_that_is_another_certificates_is_told() {
    let (directory, ca, _) = stage();
    ca.server("stranger", &["localhost"]);
    fs::copy(
        directory.path().join("stranger.key"),
        directory.path().join("server.key"),
    )
    .unwrap();
    write_store(directory.path());
    write_config(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    let file = directory.path().join("gateway.toml").display().to_string();
    let checked = run(PROGRAM, &["check", "--config", &file]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        text(&checked.stderr).contains("is not the key of"),
        "{}",
        text(&checked.stderr)
    );
    for secret in ["credentials.toml", "server.key"] {
        let secret = directory.path().join(secret);
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let checked = run(PROGRAM, &["check", "--config", &file]);
        let said = text(&checked.stderr);
        let cure = format!("chmod 600 {}", secret.display());
        assert!(said.contains(&cure), "{said}");
    }
}

#[test]
fn a_name_as_long_as_a_certificate_may_be_does_not_fill_the_log() {
    let (directory, ca, other) = stage();
    let long = |params: &mut CertificateParams| {
        let name = "\u{1}".repeat(12_000);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
    };
    ca.client_with("long", "spiffe://test/long", "", long);
    other.client_with("unknown", "spiffe://test/long", "", long);
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "optional", "ca.pem") + ROUTES),
    );
    let mut open = client(&gateway, "public", &tls(directory.path(), Some("long"))).unwrap();
    assert_eq!(open.get("localhost", "/open").status, 200);
    let refused = client(&gateway, "public", &tls(directory.path(), Some("unknown")));
    let answer = refused.and_then(|mut client| client.try_ask(b"GET /open HTTP/1.1\r\n\r\n"));
    assert!(answer.is_err());
    for event in ["request", "handshake"] {
        let line = gateway.logged(event, |line| {
            line["event"] == event && line["certificate_subject"].is_string()
        });
        assert!(line.to_string().len() < 8192, "{event}");
        let subject = line["certificate_subject"].as_str().unwrap();
        assert!(subject.ends_with('…'), "{event}");
    }
}
