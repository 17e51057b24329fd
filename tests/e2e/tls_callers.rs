//! Client certificates as real clients show them: curl, openssl, Python's `ssl`, Node's `https`
//! and the JDK's `HttpClient`, in both versions of TLS, in full handshakes and with the session of
//! the one before.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tempfile::{TempDir, tempdir};

use crate::harness::gateway::Gateway;
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::pki::Authority;
use crate::harness::tls_caller::{Call, Heard, TlsCaller, heard_of, s_client};
use crate::harness::{run, text};

const VERSIONS: [&str; 2] = ["1.2", "1.3"];
const HOSTS: [&str; 5] = [
    "optional.test",
    "required.test",
    "silent.test",
    "pinned.test",
    "named.test",
];
/// Kinds of key, and what `openssl req -newkey` calls them.
const KEYS: [(&str, &str); 4] = [
    ("p256", "ec -pkeyopt ec_paramgen_curve:P-256"),
    ("p384", "ec -pkeyopt ec_paramgen_curve:P-384"),
    ("rsa2048", "rsa:2048"),
    ("ed25519", "ed25519"),
];

/// Of the last two, one tells callers the names of its authorities and one does not.
const CONFIG: &str = r#"
[[trust_store]]
name = "clients"
authorities = ["clients/ca.pem"]
[[trust_store]]
name = "silent"
authorities = ["clients/ca.pem"]
advertise_ca_names = false
[[trust_store]]
name = "pinned"
authorities = ["clients/ca.pem"]
pins = [{ certificate = "pinned.pem" }]
[[trust_store]]
name = "named"
authorities = ["clients/ca.pem"]
pins = [{ certificate = "pinned.pem" }]
advertise_ca_names = true
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
[[listener.host]]
name = "optional.test"
client_certificate = { mode = "optional", trust_store = "clients" }
[[listener.host]]
name = "required.test"
client_certificate = { mode = "required", trust_store = "clients" }
[[listener.host]]
name = "silent.test"
client_certificate = { mode = "required", trust_store = "silent" }
[[listener.host]]
name = "pinned.test"
client_certificate = { mode = "required", trust_store = "pinned" }
[[listener.host]]
name = "named.test"
client_certificate = { mode = "optional", trust_store = "named" }
[[consumer]]
name = "billing"
certificate = [{ san_uri = "spiffe://example.org/billing" }, { subject = "CN=ApiGateway,L=Seattle,C=US" }]
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
body = "ok"
"#;

struct Stage {
    directory: TempDir,
    clients: OpensslCa,
    gateway: Gateway,
}

impl Stage {
    /// `ca` vouches for the server, an authority in `clients/` for callers.
    fn new() -> Self {
        let directory = tempdir().unwrap();
        Authority::new(directory.path(), "ca").server("server", &HOSTS);
        let clients = OpensslCa::new(&directory.path().join("clients"));
        like_api_gateway(directory.path());
        bundle(directory.path(), "pinned");
        let gateway = Gateway::start(directory.path(), CONFIG);
        Self {
            directory,
            clients,
            gateway,
        }
    }

    fn issue(&self, name: &str, key: &str, options: &str) {
        self.clients.issue_with(name, "caller", key, options);
        bundle(&self.clients.directory, name);
    }

    /// A certificate of an authority that nobody trusts, in `other/`.
    fn issue_elsewhere(&self) {
        let other = OpensslCa::named(&self.directory.path().join("other"), "other");
        other.issue("stranger", "caller");
        bundle(&other.directory, "stranger");
    }

    /// Each call comes to what is wanted of it, in every version of TLS and again with the
    /// session, which is taken up.
    fn check(&self, caller: TlsCaller, wanted: &[(&'static str, Option<&'static str>, Wanted)]) {
        let mut calls = Vec::new();
        let mut all = Vec::new();
        for version in VERSIONS {
            for (host, certificate, wanted) in wanted.iter().copied() {
                calls.push(Call {
                    host,
                    version,
                    certificate,
                });
                all.push(wanted);
            }
        }
        let address = self.gateway.address("public");
        let heard = caller.call(self.directory.path(), address, &calls);
        let (mut full, mut resumed) = (0.0, 0.0);
        for ((call, wanted), heard) in calls.iter().zip(all).zip(&heard) {
            wanted.check(&self.gateway, call, heard, caller);
            match wanted {
                Wanted::Refused(_) => {}
                _ if caller.resumes(call.version) => (full, resumed) = (full + 1.0, resumed + 1.0),
                _ => full += 2.0,
            }
        }
        let handshakes = |result| {
            let name = "countersign_handshakes_total";
            self.gateway.metric(name, result)
        };
        assert_eq!((handshakes("full"), handshakes("resumed")), (full, resumed));
    }
}

/// What is to come of a call.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// 200.
    Served,
    /// 403 `certificate_required`: the handshake did without.
    Demanded,
    /// An alert, and this reason in the log.
    Refused(&'static str),
}

impl Wanted {
    fn check(self, gateway: &Gateway, call: &Call, heard: &[Heard; 2], caller: TlsCaller) {
        let what = format!("{caller:?} {call:?}: {heard:#?}");
        let answer = match self {
            Self::Served => Heard::Answer(200, String::new()),
            Self::Demanded => Heard::Answer(403, "certificate_required".to_owned()),
            Self::Refused(reason) => {
                let alert = |one: &Heard| match one {
                    Heard::Refused(why) => why.to_ascii_lowercase().contains("alert"),
                    Heard::Answer(..) => false,
                };
                assert!(heard.iter().all(alert), "{what}");
                gateway.logged(&what, |line| {
                    line["event"] == "handshake"
                        && line["sni"] == call.host
                        && line["reason"] == reason
                        && line["certificate_fingerprint"].is_string() == call.certificate.is_some()
                });
                return;
            }
        };
        assert!(heard.iter().all(|one| *one == answer), "{what}");
    }
}

/// A certificate as API Gateway makes it: self-signed, RSA, no extension.
fn like_api_gateway(directory: &Path) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::NoCa;
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in [
        (DnType::CountryName, "US"),
        (DnType::LocalityName, "Seattle"),
        (DnType::CommonName, "ApiGateway"),
    ] {
        params.distinguished_name.push(kind, value);
    }
    let pem = params.self_signed(&key).unwrap().pem();
    fs::write(directory.join("pinned.pem"), pem).unwrap();
    fs::write(directory.join("pinned.key"), key.serialize_pem()).unwrap();
}

/// `NAME.p12`, which is how Java has a certificate and its key.
fn bundle(directory: &Path, name: &str) {
    let file = |end: &str| {
        directory
            .join(format!("{name}.{end}"))
            .display()
            .to_string()
    };
    let words = [
        "pkcs12",
        "-export",
        "-passout",
        "pass:secret",
        "-in",
        &file("pem"),
        "-inkey",
        &file("key"),
        "-out",
        &file("p12"),
    ];
    let made = run("openssl", &words);
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// Everything that one client is tried with. Java shows a certificate only to whom names its
/// issuer, or names nobody.
fn is_judged(caller: TlsCaller) {
    let stage = Stage::new();
    let names = KEYS.map(|(name, key)| {
        stage.issue(name, key, "");
        format!("clients/{name}")
    });
    let keys = names.map(|name| Some(&*name.leak()));
    stage.issue_elsewhere();
    let stranger = Some("other/stranger");
    let mut wanted = vec![
        ("optional.test", None, Wanted::Demanded),
        ("required.test", None, Wanted::Refused("missing")),
        ("silent.test", stranger, Wanted::Refused("unknown_issuer")),
        ("pinned.test", Some("pinned"), Wanted::Served),
        ("pinned.test", stranger, Wanted::Refused("unknown_issuer")),
        ("optional.test", keys[0], Wanted::Served),
    ];
    wanted.extend(keys.map(|key| ("required.test", key, Wanted::Served)));
    wanted.extend(match caller {
        TlsCaller::Java => [
            ("optional.test", stranger, Wanted::Demanded),
            ("named.test", Some("pinned"), Wanted::Demanded),
        ],
        _ => [
            ("optional.test", stranger, Wanted::Refused("unknown_issuer")),
            ("named.test", Some("pinned"), Wanted::Served),
        ],
    });
    stage.check(caller, &wanted);
}

#[test]
fn curl_is_judged_by_its_certificate() {
    is_judged(TlsCaller::Curl);
}

#[test]
fn java_is_judged_by_its_certificate() {
    is_judged(TlsCaller::Java);
}

#[test]
fn node_is_judged_by_its_certificate() {
    is_judged(TlsCaller::Node);
}

#[test]
fn openssl_is_judged_by_its_certificate() {
    is_judged(TlsCaller::Openssl);
}

#[test]
fn python_is_judged_by_its_certificate() {
    is_judged(TlsCaller::Python);
}

#[test]
fn weak_keys_and_signatures_of_openssl_are_refused() {
    let stage = Stage::new();
    stage.issue("weak-key", "rsa:1024", "");
    stage.issue("weak-signature", "rsa:2048", "-md sha1");
    for version in VERSIONS {
        for (certificate, reason) in [
            ("clients/weak-key", "weak_key"),
            ("clients/weak-signature", "weak_signature"),
        ] {
            let call = Call {
                host: "required.test",
                version,
                certificate: Some(certificate),
            };
            let address = stage.gateway.address("public");
            let anything = ["-cipher", "DEFAULT@SECLEVEL=0"];
            let output = s_client(stage.directory.path(), address, &call, &anything);
            let heard = [heard_of(&output), heard_of(&output)];
            Wanted::Refused(reason).check(&stage.gateway, &call, &heard, TlsCaller::Openssl);
        }
    }
}
