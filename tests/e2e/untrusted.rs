//! Certificates that prove nothing: taken unverified, or not trusted any more. Upstreams are told
//! so and cannot take them for a proof; a policy takes them for none; and whoever does not hold
//! the key gets no further than the handshake.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls, tls_with};
use crate::harness::gateway::{Gateway, ID, REGION, SECRET, SERVICE};
use crate::harness::nginx::Nginx;
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::{python, run, text, wait_for};

const CALLER: &str = "spiffe://example.org/billing";
const EVERY_FORM: &str = r#"
{ form = "rfc9440", chain = true }, { form = "xfcc", fields = ["hash", "cert", "chain"] },
{ form = "alb" }, { form = "nginx" }
"#;

/// A listener `public` that is as `client_certificate` says and one beside it that believes `ca`;
/// every upstream is told in every form.
fn config(upstream: impl std::fmt::Display, stores: &str, client_certificate: &str) -> String {
    format!(
        r#"
{stores}
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ {client_certificate} }}
[[listener]]
name = "strict"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "required", trust = ["ca.pem"] }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "{CALLER}" }}
credentials = ["{ID}"]
[[policy]]
name = "certified"
all_of = ["certificate"]
[[policy]]
name = "either"
any_of = ["certificate", "signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}" }}
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "told"
[[route]]
path = "/either"
method = "GET"
policy = "either"
integration = "told"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "told"
[[integration]]
name = "told"
type = "http_proxy"
targets = ["{upstream}"]
certificate_headers = [{EVERY_FORM}]
"#
    )
}

const UNVERIFIED: &str = "mode = \"unverified\"";

/// `ca` vouches for the server, and for `known`; nobody for `alone`, nor for `stranger`, who
/// brings a chain.
fn stage() -> (TempDir, Authority) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost"]);
    ca.client("known", CALLER);
    let nobody = Authority::new(directory.path(), "nobody");
    nobody.client("alone", CALLER);
    let below = nobody.below("below", |_| {});
    below.client_with("stranger", CALLER, &below.pem(), |_| {});
    (directory, ca)
}

/// The status and the body.
fn curl(gateway: &Gateway, certificate: Option<&str>, more: &[&str], path: &str) -> (u16, String) {
    let file = |name: String| gateway.directory.join(name).display().to_string();
    let ca = file("ca.pem".to_owned());
    let mut all = vec!["-s", "--max-time", "20", "--cacert", &ca];
    let files = certificate.map(|name| [file(format!("{name}.pem")), file(format!("{name}.key"))]);
    if let Some([certificate, key]) = &files {
        all.extend(["--cert", certificate, "--key", key]);
    }
    let url = gateway.url(path);
    all.extend_from_slice(more);
    all.extend(["-w", "\n%{http_code}", &url]);
    let said = text(&run("curl", &all).stdout);
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// What Python makes of percent-encoded text.
fn unquoted(encoded: &str) -> String {
    let script = "import sys, urllib.parse as u; sys.stdout.write(u.unquote(sys.argv[1]))";
    let output = run(python(), &["-c", script, encoded]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A real nginx that says what it was told, a line for each field.
fn nginx(directory: &Path) -> Nginx {
    let fields = [
        "http_x_amzn_mtls_clientcert",
        "http_x_ssl_client_verify",
        "http_x_consumer",
        // Nothing of what an upstream could take for a proof.
        "http_client_cert$http_client_cert_chain$http_x_forwarded_client_cert",
        "http_x_amzn_mtls_clientcert_leaf$http_x_amzn_mtls_clientcert_subject",
        "http_x_ssl_client_cert$http_x_ssl_client_s_dn$http_x_ssl_client_fingerprint",
    ];
    let said = fields.map(|field| format!("${field}")).join("\\n");
    Nginx::with(directory, |address, _| {
        format!("listen {address}; location / {{ return 200 \"{said}\"; }}")
    })
}

#[test]
fn a_chain_that_is_taken_unverified_reaches_a_real_nginx_as_it_was_shown() {
    let (directory, _ca) = stage();
    let nginx = nginx(directory.path());
    let gateway = Gateway::start(directory.path(), &config(nginx.address, "", UNVERIFIED));
    for (name, version) in [
        ("stranger", "--http1.1"),
        ("stranger", "--http2"),
        ("alone", "--http2"),
    ] {
        let (status, said) = curl(&gateway, Some(name), &[version], "/open");
        assert_eq!(status, 200, "{said}");
        let lines: Vec<&str> = said.split('\n').collect();
        let shown = fs::read_to_string(directory.path().join(format!("{name}.pem"))).unwrap();
        assert_eq!(unquoted(lines[0]), shown.replace("\r\n", "\n"));
        assert_eq!(lines[1..], ["FAILED:unverified", "", "", "", ""]);
    }
    // Without a certificate the connection goes on.
    let (status, said) = curl(&gateway, None, &[], "/open");
    assert_eq!((status, said.as_str()), (200, "\nNONE\n\n\n\n"));
}

#[test]
fn a_certificate_that_is_taken_unverified_is_no_proof_for_a_policy() {
    let (directory, _ca) = stage();
    let nginx = nginx(directory.path());
    let gateway = Gateway::start(directory.path(), &config(nginx.address, "", UNVERIFIED));
    for name in ["stranger", "known"] {
        let (status, said) = curl(&gateway, Some(name), &[], "/certified");
        assert_eq!(status, 403, "{said}");
        assert!(said.contains("certificate_untrusted"), "{said}");
        let (status, said) = curl(&gateway, Some(name), &[], "/either");
        assert_eq!(status, 401, "{said}");
        assert!(said.contains("signature_required"), "{said}");
    }
    let line = gateway.logged("the refusal", |line| {
        line["refusal"] == "certificate_untrusted"
    });
    let why = "the connection was made where certificates are not verified";
    assert_eq!(line["detail"], why);
    assert_eq!(line["certificate_verdict"], "unverified");
    let (status, said) = curl(&gateway, None, &[], "/certified");
    assert_eq!(status, 403, "{said}");
    assert!(said.contains("certificate_required"), "{said}");
    // Who signs is let in, whatever is shown beside it.
    let scheme = format!("aws:amz:{REGION}:{SERVICE}");
    let user = format!("{ID}:{SECRET}");
    let signed = ["--aws-sigv4", &scheme, "--user", &user];
    for (certificate, verdict) in [(Some("stranger"), "FAILED:unverified"), (None, "NONE")] {
        let (status, said) = curl(&gateway, certificate, &signed, "/either");
        assert_eq!(status, 200, "{said}");
        let lines: Vec<&str> = said.split('\n').collect();
        assert_eq!(lines[1..], [verdict, "billing", "", "", ""]);
    }
}

/// Shows one's certificate and signs with the key of another.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesClientCert for Impostor {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn impostor(honest: &ClientConfig, from: &ClientConfig) -> Arc<ClientConfig> {
    let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
    let resolve = |config: &ClientConfig| {
        let resolver = config.client_auth_cert_resolver.clone();
        resolver.resolve(&[], &schemes).unwrap()
    };
    let (shown, own) = (resolve(honest), resolve(from));
    let both = CertifiedKey::new(shown.cert.clone(), own.key.clone());
    let mut config = honest.clone();
    config.client_auth_cert_resolver = Arc::new(Impostor(Arc::new(both)));
    Arc::new(config)
}

#[test]
fn who_shows_the_certificate_of_another_is_refused_in_the_handshake() {
    let (directory, ca) = stage();
    ca.client("thief", "spiffe://example.org/thief");
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(upstream.address, "", UNVERIFIED));
    for listener in ["public", "strict"] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let settings = |name| tls_with(directory.path(), Some(name), &[version]);
            let ask = |settings: &Arc<ClientConfig>| {
                let connected = Client::tls(gateway.address(listener), settings, "localhost");
                let asked = connected.and_then(|mut client| {
                    client.try_ask(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n")
                });
                asked.is_ok_and(|answer| answer.status == 200)
            };
            let honest = settings("known");
            assert!(ask(&honest), "{listener} {version:?}");
            upstream.forget();
            let forged = impostor(&honest, &settings("thief"));
            assert!(!ask(&forged), "{listener} {version:?}");
        }
        let line = gateway.logged(listener, |line| {
            line["event"] == "handshake" && line["listener"] == listener
        });
        assert_eq!(line["reason"], "no_proof_of_possession");
        assert_eq!(line["certificate_subject"], "CN=known");
    }
    assert_eq!(upstream.seen(), "");
    let metric = "countersign_handshake_failures_total";
    assert_eq!(gateway.metric(metric, "no_proof_of_possession"), 4.0);
}

/// The names of fields about certificates in the last request, and nginx's verdict.
fn told(upstream: &Recorder) -> (Vec<String>, String) {
    let seen = upstream.seen().to_ascii_lowercase();
    let names = seen.lines().filter_map(|line| line.split_once(':'));
    let names = names.map(|(name, _)| name.to_owned());
    let names = names.filter(|name| name.contains("cert") || name.contains("ssl"));
    let verdict = upstream.field("x-ssl-client-verify").unwrap_or_default();
    (names.collect(), verdict)
}

/// Asks on one connection until the verdict is no success any more: nothing else is told then.
fn tells_only(gateway: &Gateway, upstream: &Recorder, client: &mut Client, verdict: &str) {
    let last = wait_for(verdict, || {
        upstream.forget();
        assert_eq!(client.get("localhost", "/open").status, 200);
        let told = told(upstream);
        (told.1 != "SUCCESS").then_some(told)
    });
    let only = vec!["x-ssl-client-verify".to_owned()];
    assert_eq!(last, (only, verdict.to_owned()));
    let refused = client.get("localhost", "/certified");
    assert_eq!(refused.code(), "certificate_untrusted");
    // The log tells it beside the name, which is still there.
    let word = verdict.trim_start_matches("FAILED:");
    gateway.logged(word, |line| {
        line["certificate_verdict"] == word && line["certificate_subject"].is_string()
    });
    gateway.logged("trusted", |line| line["certificate_verdict"] == "trusted");
    assert_eq!(
        gateway.metric("countersign_handshake_failures_total", ""),
        0.0
    );
}

#[test]
fn m2_of_a_certificate_that_is_revoked_an_open_connection_tells_nothing_but_that() {
    let (directory, _ca) = stage();
    let clients = OpensslCa::new(&directory.path().join("clients"));
    clients.issue("bad", "caller");
    clients.publish();
    let store = r#"
[[trust_store]]
name = "clients"
authorities = ["clients/ca.pem"]
revocation = { crls = ["clients/list.pem"], refresh_secs = 1 }
"#;
    let upstream = Recorder::start();
    let door = "mode = \"optional\", trust_store = \"clients\"";
    let gateway = Gateway::start(directory.path(), &config(upstream.address, store, door));
    let settings = tls(directory.path(), Some("clients/bad"));
    let mut open = Client::tls(gateway.address("public"), &settings, "localhost").unwrap();
    assert_eq!(open.get("localhost", "/open").status, 200);
    assert_eq!(told(&upstream).1, "SUCCESS");
    clients.revoke("bad");
    clients.publish();
    tells_only(&gateway, &upstream, &mut open, "FAILED:revoked");
}

#[test]
fn m2_of_a_certificate_that_expires_an_open_connection_tells_nothing_but_that() {
    let (directory, ca) = stage();
    let upstream = Recorder::start();
    let door = "mode = \"optional\", trust = [\"ca.pem\"]";
    let gateway = Gateway::start(directory.path(), &config(upstream.address, "", door));
    ca.client_with("brief", CALLER, "", |params| {
        params.not_after = (SystemTime::now() + Duration::from_secs(5)).into();
    });
    let settings = tls(directory.path(), Some("brief"));
    let mut open = Client::tls(gateway.address("public"), &settings, "localhost").unwrap();
    assert_eq!(open.get("localhost", "/open").status, 200);
    assert_eq!(told(&upstream).1, "SUCCESS");
    tells_only(&gateway, &upstream, &mut open, "FAILED:expired");
}
