//! A SPIFFE ID counts where the trust store speaks for its trust domain, and nowhere else; one
//! that is none gets no further than the handshake.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rcgen::{SanType, string::Ia5String};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, Client2, tls};
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;

/// `billing` is known by its ID, `shipping` by a name that a store says nothing of; the policy
/// `team` wants an ID of one team, whoever has it.
fn config(upstream: &Recorder, domains: &str) -> String {
    format!(
        r#"
[[trust_store]]
name = "clients"
authorities = ["ca.pem"]
spiffe_trust_domains = [{domains}]
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust_store = "clients" }}
[[consumer]]
name = "billing"
certificate = {{ spiffe_trust_domain = "test", spiffe_path = "/team/billing" }}
[[consumer]]
name = "shipping"
certificate = {{ san_dns = "shipping.example" }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[policy]]
name = "team"
all_of = ["certificate"]
certificate = {{ spiffe_trust_domain = "test", spiffe_path = "/team/*" }}
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "recorder"
[[route]]
path = "/team"
method = "GET"
policy = "team"
integration = "recorder"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "recorder"
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    )
}

fn stage() -> (TempDir, Authority) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost"]);
    (directory, ca)
}

fn ia5(text: &str) -> Ia5String {
    text.try_into().unwrap()
}

/// An X.509-SVID with this ID, in which `change` changes something.
fn svid(ca: &Authority, name: &str, id: &str, change: impl FnOnce(&mut CertificateParams)) {
    ca.client_with(name, id, "", |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(params);
    });
}

fn shipping(params: &mut CertificateParams) {
    let name = SanType::DnsName(ia5("shipping.example"));
    params.subject_alt_names.push(name);
}

/// What a new connection comes to: the status and the refusal's code, or that there is none.
fn ask(gateway: &Gateway, name: &str, path: &str) -> Option<(u16, String)> {
    let settings = tls(&gateway.directory, Some(name));
    let mut client = Client::tls(gateway.address("public"), &settings, "localhost").ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = client.try_ask(request.as_bytes()).ok()?;
    Some((answer.status, answer.code()))
}

fn refused(code: &str) -> Option<(u16, String)> {
    Some((403, code.to_owned()))
}

#[test]
fn an_id_of_a_domain_for_which_the_store_speaks_is_its_consumers_and_fits_its_rule() {
    let (directory, ca) = stage();
    svid(&ca, "billing", "spiffe://test/team/billing", |_| {});
    svid(&ca, "shipping", "spiffe://test/team/shipping", shipping);
    svid(&ca, "alone", "spiffe://test/shipping", shipping);
    svid(&ca, "deeper", "spiffe://test/team/billing/x", |_| {});
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, r#""test""#));
    for (name, consumer) in [("billing", "billing"), ("shipping", "shipping")] {
        for path in ["/certified", "/team"] {
            assert_eq!(ask(&gateway, name, path).unwrap().0, 200, "{name} {path}");
            assert_eq!(upstream.field("x-consumer").as_deref(), Some(consumer));
        }
    }
    assert_eq!(ask(&gateway, "alone", "/certified").unwrap().0, 200);
    let not_allowed = refused("certificate_not_allowed");
    assert_eq!(ask(&gateway, "alone", "/team"), not_allowed);
    let unknown = refused("certificate_unknown");
    assert_eq!(ask(&gateway, "deeper", "/team"), unknown);
}

#[test]
fn a_certificate_without_an_id_passes_a_store_that_speaks_for_domains() {
    let (directory, ca) = stage();
    svid(&ca, "plain", "https://shipping.example/", shipping);
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, r#""test""#));
    assert_eq!(ask(&gateway, "plain", "/certified").unwrap().0, 200);
    let not_allowed = refused("certificate_not_allowed");
    assert_eq!(ask(&gateway, "plain", "/team"), not_allowed);
}

#[test]
fn an_id_of_another_domain_or_one_that_is_none_is_refused_in_the_handshake() {
    let (directory, ca) = stage();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, r#""test""#));
    const GOOD: &str = "spiffe://test/team/billing";
    type Change = fn(&mut CertificateParams);
    let bad: [(&str, &str, Change); 11] = [
        ("another domain", "spiffe://other/team/billing", |_| {}),
        ("a domain below", "spiffe://a.test/team/billing", |_| {}),
        ("an id and another", GOOD, |params| {
            let other = SanType::URI(ia5("spiffe://test/team/shipping"));
            params.subject_alt_names.push(other);
        }),
        ("an id and a uri", GOOD, |params| {
            let other = SanType::URI(ia5("https://billing.example/"));
            params.subject_alt_names.insert(0, other);
        }),
        ("no path", "spiffe://test", |_| {}),
        ("upper case", "SPIFFE://TEST/team/billing", |_| {}),
        ("dots", "spiffe://test/team/../billing", |_| {}),
        ("a port", "spiffe://test:443/team/billing", |_| {}),
        ("no key usage", GOOD, |params| params.key_usages.clear()),
        ("lists", GOOD, |params| {
            params.key_usages.push(KeyUsagePurpose::CrlSign);
        }),
        ("certificates", GOOD, |params| {
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }),
    ];
    for (name, id, change) in bad {
        svid(&ca, name, id, change);
        assert_eq!(ask(&gateway, name, "/open"), None, "{name}");
        let line = gateway.logged(name, |line| {
            line["event"] == "handshake" && line["certificate_subject"] == format!("CN={name}")
        });
        assert_eq!(line["reason"], "bad_spiffe_id", "{name}");
        let why = "its SPIFFE ID is not one that the trust store vouches for";
        assert_eq!(line["detail"], why, "{name}");
    }
    // Whose fault it is otherwise is told first.
    let other: [(&str, Change, &str); 2] = [
        (
            "a server's",
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            "bad_purpose",
        ),
        (
            "an authority's",
            |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            "authority_as_caller",
        ),
    ];
    for (name, change, reason) in other {
        svid(&ca, name, GOOD, change);
        assert_eq!(ask(&gateway, name, "/open"), None, "{name}");
        gateway.logged(name, |line| line["reason"] == reason);
    }
    assert_eq!(upstream.seen(), "");
    let metric = "countersign_handshake_failures_total";
    assert_eq!(gateway.metric(metric, "bad_spiffe_id"), 11.0);
}

#[test]
fn m2_a_domain_that_is_taken_away_is_gone_for_open_connections_of_http1_and_http2() {
    let (directory, ca) = stage();
    svid(&ca, "billing", "spiffe://test/team/billing", |_| {});
    svid(&ca, "shipping", "spiffe://test/team/shipping", shipping);
    let upstream = Recorder::start();
    let with = |domains: &str| config(&upstream, domains);
    let both = with(r#""test", "other""#);
    let gateway = Gateway::start(directory.path(), &both);
    let address = gateway.address("public");
    let settings = |name| tls(directory.path(), Some(name));
    let mut one = Client::tls(address, &settings("billing"), "localhost").unwrap();
    let mut two = Client2::tls(address, &settings("billing"), "localhost");
    let mut ruled = Client2::tls(address, &settings("shipping"), "localhost");
    let mut ask = |path: &str| {
        let answer = one.get("localhost", path);
        let said = (answer.status, answer.code());
        assert_eq!(two.get("localhost", path), said);
        (said.0, said.1, ruled.get("localhost", path).1)
    };
    let all = |status: u16, code: &str, ruled: &str| (status, code.to_owned(), ruled.to_owned());
    assert_eq!(ask("/team"), all(200, "", ""));
    assert!(gateway.reload(&with(r#""other""#)));
    let untrusted = "certificate_untrusted";
    assert_eq!(ask("/team"), all(403, untrusted, untrusted));
    gateway.logged("the refusal", |line| {
        line["refusal"] == untrusted
            && line["detail"] == "its SPIFFE ID is not one that the trust store vouches for"
    });
    // A store that speaks for no domain takes every certificate, and no ID from it.
    assert!(gateway.reload(&with("")));
    let (unknown, not_allowed) = ("certificate_unknown", "certificate_not_allowed");
    assert_eq!(ask("/team"), all(403, unknown, not_allowed));
    assert_eq!(ask("/certified"), all(403, unknown, ""));
    assert!(gateway.reload(&both));
    assert_eq!(ask("/team"), all(200, "", ""));
}
