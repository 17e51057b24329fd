//! Every shape of client certificate, at every door of one listener, in both versions of TLS: in a
//! full handshake, taken up again, and on connections that outlive a reload.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tempfile::tempdir;

use crate::harness::client::{Client, tls_with};
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;

const URI: &str = "spiffe://test/billing";

/// What a shape comes to where certificates are judged: nothing when it is believed.
type Expected = Option<&'static str>;

/// Name, and what is expected of it. The files are made by `make`.
const SHAPES: [(&str, Expected); 18] = [
    ("good", None),
    ("through-an-intermediate", None),
    ("of-no-purpose", None),
    ("pinned", None),
    ("pinned-by-key", None),
    ("pinned-authority", None),
    ("child-of-pinned", Some("unknown_issuer")),
    ("namesake-of-pinned", Some("unknown_issuer")),
    ("expired", Some("expired")),
    ("not-yet-valid", Some("not_yet_valid")),
    ("of-an-unknown-issuer", Some("unknown_issuer")),
    ("of-a-namesake-issuer", Some("bad_signature")),
    ("for-servers", Some("bad_purpose")),
    ("not-for-signatures", Some("bad_key_usage")),
    ("an-authority", Some("authority_as_caller")),
    ("of-a-caller", Some("not_an_authority")),
    ("outside-the-constraint", Some("name_constraint")),
    ("too-long", Some("chain_too_long")),
];

const DOORS: [&str; 4] = ["off", "optional", "required", "unverified"];

fn make(directory: &Path) {
    let ca = Authority::new(directory, "ca");
    let names = [
        "off.test",
        "optional.test",
        "required.test",
        "unverified.test",
        "other.test",
    ];
    ca.server("server", &names);
    let client = |name: &str, change: &dyn Fn(&mut CertificateParams)| {
        ca.client_with(name, URI, "", change);
    };
    client("good", &|_| {});
    client("of-no-purpose", &|params| {
        params.extended_key_usages.clear()
    });
    client("expired", &|params| {
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    client("not-yet-valid", &|params| {
        (params.not_before, params.not_after) =
            (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
    });
    client("for-servers", &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    client("not-for-signatures", &|params| {
        params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    });
    client("an-authority", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let middle = ca.below("middle", |_| {});
    middle.client_with("through-an-intermediate", URI, &middle.pem(), |_| {});
    let lower = middle.below("lower", |_| {});
    let lowest = lower.below("lowest", |_| {});
    let chain = [&lowest, &lower, &middle].map(Authority::pem).concat();
    lowest.client_with("too-long", URI, &chain, |_| {});
    let caller = ca.below("caller", |params| params.is_ca = IsCa::ExplicitNoCa);
    caller.client_with("of-a-caller", URI, &caller.pem(), |_| {});
    let bound = ca.below("bound", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("inside.test".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    bound.client_with("outside-the-constraint", URI, &bound.pem(), |params| {
        let name = "outside.example".try_into().unwrap();
        params.subject_alt_names = vec![SanType::DnsName(name)];
    });
    let elsewhere = directory.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    Authority::new(directory, "other").client("of-an-unknown-issuer", URI);
    let namesake = Authority::new(&elsewhere, "ca");
    namesake.client("of-a-namesake-issuer", URI);
    for end in ["pem", "key"] {
        let name = format!("of-a-namesake-issuer.{end}");
        std::fs::copy(elsewhere.join(&name), directory.join(&name)).unwrap();
    }
    self_signed(directory);
}

/// Certificates as API Gateway makes them: self-signed, no extension, one name for everybody; and
/// the one that `openssl req -x509` makes, which is an authority's.
fn self_signed(directory: &Path) {
    let like_api_gateway = |params: &mut CertificateParams| {
        params.is_ca = IsCa::NoCa;
        params
            .distinguished_name
            .push(DnType::CommonName, "ApiGateway");
    };
    let alone = |name: &str| Authority::with(directory, name, like_api_gateway).with_key(name);
    let pinned = alone("pinned");
    pinned.client("child-of-pinned", URI);
    alone("pinned-by-key");
    alone("namesake-of-pinned");
    Authority::new(directory, "pinned-authority").with_key("pinned-authority");
}

fn config(store: &str) -> String {
    let door = |mode: &str| match mode {
        "off" | "unverified" => format!(
            "[[listener.host]]\nname = \"{mode}.test\"\nclient_certificate = {{ mode = \"{mode}\" }}\n"
        ),
        _ => format!(
            "[[listener.host]]\nname = \"{mode}.test\"\nclient_certificate = {{ mode = \"{mode}\", trust_store = \"{store}\" }}\n"
        ),
    };
    format!(
        r#"
[[trust_store]]
name = "ours"
authorities = ["ca.pem"]
pins = [{{ certificate = "pinned.pem" }}, {{ public_key = "KEY" }}, {{ certificate = "pinned-authority.pem" }}]
max_chain_certificates = 3
[[trust_store]]
name = "theirs"
authorities = ["other.pem"]
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
{}
[[consumer]]
name = "billing"
certificate = [{{ san_uri = "{URI}" }}, {{ subject = "CN=ApiGateway" }}, {{ subject = "CN=pinned-authority" }}, {{ public_key = "KEY" }}]
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "ok"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#,
        DOORS.map(door).concat()
    )
}

/// What a connection comes to: what each route says, and whether its session was taken up again.
#[derive(Debug, PartialEq)]
struct Served {
    certified: (u16, String),
    open: (u16, String),
}

fn served(certified: (u16, &str), open: (u16, &str)) -> Option<Served> {
    let owned = |(status, code): (u16, &str)| (status, code.to_owned());
    Some(Served {
        certified: owned(certified),
        open: owned(open),
    })
}

const OK: (u16, &str) = (200, "");

/// What is to come of a shape at a door.
fn expected(door: &str, shape: Option<Expected>) -> Option<Served> {
    const REQUIRED: (u16, &str) = (403, "certificate_required");
    const UNTRUSTED: (u16, &str) = (403, "certificate_untrusted");
    match (door, shape) {
        ("off", _) | ("optional" | "unverified", None) => served(REQUIRED, OK),
        ("unverified", Some(_)) => served(UNTRUSTED, OK),
        (_, Some(None)) => served(OK, OK),
        _ => None,
    }
}

fn ask(client: &mut Client, host: &str) -> std::io::Result<Served> {
    let mut get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = client.try_ask(request.as_bytes())?;
        Ok::<_, std::io::Error>((answer.status, answer.code()))
    };
    Ok(Served {
        certified: get("/certified")?,
        open: get("/open")?,
    })
}

struct Stage {
    gateway: Gateway,
    version: &'static SupportedProtocolVersion,
}

impl Stage {
    /// A connection, and what comes of it; `None` when it is refused.
    fn connect(&self, config: &Arc<ClientConfig>, host: &str) -> Option<(Client, Served)> {
        let mut client = Client::tls(self.gateway.address("public"), config, host).ok()?;
        let served = ask(&mut client, host).ok()?;
        Some((client, served))
    }

    /// A shape at a door; what is left open for after the reload.
    fn try_at(&self, shape: Option<(&str, Expected)>, door: &str) -> Option<Open> {
        let host = format!("{door}.test");
        let what = format!("{shape:?} at {host}, {:?}", self.version);
        let name = shape.map(|(name, _)| name);
        let config = tls_with(&self.gateway.directory, name, &[self.version]);
        let wanted = expected(door, shape.map(|(_, expected)| expected));
        let first = self.connect(&config, &host);
        let (client, served) = first.map_or((None, None), |(client, served)| {
            (Some(client), Some(served))
        });
        assert_eq!(served, wanted, "{what}");
        let again = self.connect(&config, &host);
        let Some(client) = client else {
            assert!(again.is_none(), "{what}, again");
            let reason = shape.map_or("missing", |(_, expected)| expected.unwrap_or_default());
            self.was_told(&host, reason, name);
            return None;
        };
        let (resumed, served) = again.expect("what was taken once is taken again");
        assert_eq!(Some(served), wanted, "{what}, again");
        assert!(
            resumed.resumed,
            "{what}: nothing is shown when it is not resumed"
        );
        Some(Open {
            what,
            client,
            config,
            host,
            believed: shape.is_some() && wanted == served_by_proof(),
        })
    }

    /// The refusal is in the log, with the reason and with what was shown.
    fn was_told(&self, host: &str, reason: &str, name: Option<&str>) {
        let fingerprint = name.map(|name| {
            let file = self.gateway.directory.join(format!("{name}.pem"));
            let command = format!(
                "openssl x509 -in {} -noout -fingerprint -sha256",
                file.display()
            );
            let said = crate::harness::run("sh", &["-c", &command]);
            let said = crate::harness::text(&said.stdout);
            let hash = said.trim().rsplit('=').next().unwrap_or_default();
            hash.replace(':', "").to_ascii_lowercase()
        });
        self.gateway
            .logged(&format!("{name:?} at {host}: {reason}"), |line| {
                line["event"] == "handshake"
                    && line["sni"] == host
                    && line["reason"] == reason
                    && line["certificate_fingerprint"].as_str() == fingerprint.as_deref()
            });
    }
}

fn served_by_proof() -> Option<Served> {
    served(OK, OK)
}

/// A connection that was taken, and its session.
struct Open {
    what: String,
    client: Client,
    config: Arc<ClientConfig>,
    host: String,
    believed: bool,
}

impl Open {
    /// After the trust was taken away.
    fn must_be_refused(self, stage: &Stage) {
        let Self {
            what,
            mut client,
            config,
            host,
            believed,
        } = self;
        let wanted = match (believed, host.as_str()) {
            (true, "required.test") => served(
                (403, "certificate_untrusted"),
                (403, "certificate_untrusted"),
            ),
            (true, _) => served((403, "certificate_untrusted"), OK),
            (false, _) => return,
        };
        let still_open = ask(&mut client, &host).ok();
        assert_eq!(still_open, wanted, "{what}: open");
        let resumed = stage.connect(&config, &host);
        assert!(resumed.is_none(), "{what}: resumed");
    }
}

fn every_shape_in(version: &'static SupportedProtocolVersion) {
    let directory = tempdir().unwrap();
    make(directory.path());
    let key = "openssl x509 -in pinned-by-key.pem -noout -pubkey | openssl pkey -pubin -outform der | sha256sum";
    let key = std::process::Command::new("sh")
        .args(["-c", key])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let key = crate::harness::text(&key.stdout)[..64].to_owned();
    let config = |store| config(store).replace("KEY", &key);
    let stage = Stage {
        gateway: Gateway::start(directory.path(), &config("ours")),
        version,
    };
    let mut open = Vec::new();
    for door in DOORS {
        open.extend(stage.try_at(None, door));
        for shape in SHAPES {
            open.extend(stage.try_at(Some(shape), door));
        }
    }
    let failures = stage
        .gateway
        .metric("countersign_handshake_failures_total", "reason=\"expired\"");
    assert_eq!(failures, 4.0, "two doors, twice each");
    assert!(stage.gateway.reload(&config("theirs")));
    assert!(open.iter().filter(|one| one.believed).count() == 12);
    for one in open {
        one.must_be_refused(&stage);
    }
}

#[test]
fn every_shape_of_certificate_meets_every_door_in_tls_1_2() {
    every_shape_in(&rustls::version::TLS12);
}

#[test]
fn every_shape_of_certificate_meets_every_door_in_tls_1_3() {
    every_shape_in(&rustls::version::TLS13);
}
