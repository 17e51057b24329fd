//! Signatures at the gateway: whose they are, what they cover, and what a refusal gives away.

use std::fs;

use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client, tls};
use crate::harness::gateway::{
    Gateway, ID, OTHER_ID, OTHER_SECRET, PROGRAM, REGION, SECRET, SERVICE,
};
use crate::harness::http2;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::signed::{Signed, sha256};
use crate::harness::{run, text};

struct Stage {
    directory: TempDir,
    upstream: Recorder,
    gateway: Gateway,
}

fn config(upstream: &Recorder) -> String {
    let signature = format!(r#"schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}""#);
    let route = |name: &str, more: &str| {
        format!(
            r#"
[[route]]
path = "/{name}/{{proxy+}}"
method = "ANY"
policy = "{name}"
integration = "recorder"
{more}
"#
        )
    };
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
credentials = ["{ID}"]
[[consumer]]
name = "shipping"
certificate = {{ san_uri = "spiffe://test/shipping" }}
credentials = ["{OTHER_ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ {signature} }}
[[policy]]
name = "both"
all_of = ["certificate", "signature"]
signature = {{ {signature} }}
[[policy]]
name = "either"
any_of = ["certificate", "signature"]
signature = {{ {signature} }}
[[policy]]
name = "unsigned-body"
all_of = ["signature"]
signature = {{ {signature}, unsigned_payload = true }}
[[policy]]
name = "shipping-only"
all_of = ["signature"]
signature = {{ {signature} }}
consumers = ["shipping"]
{}{}{}{}{}
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        route("signed", ""),
        route("both", "forward_authorization = true"),
        route("either", ""),
        route("unsigned-body", ""),
        route("shipping-only", ""),
        upstream.address,
    )
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let authority = Authority::new(directory.path(), "ca");
        authority.server("server", &["localhost"]);
        authority.client("billing", "spiffe://test/billing");
        authority.client("shipping", "spiffe://test/shipping");
        let upstream = Recorder::start();
        let gateway = Gateway::start(directory.path(), &config(&upstream));
        Self {
            directory,
            upstream,
            gateway,
        }
    }

    fn connect(&self, certificate: Option<&str>) -> Client {
        let config = tls(self.directory.path(), certificate);
        Client::tls(self.gateway.address("public"), &config, "localhost").unwrap()
    }

    fn ask(&self, certificate: Option<&str>, request: &Signed) -> (u16, String) {
        let answer = self.connect(certificate).try_ask(&request.bytes()).unwrap();
        (answer.status, answer.code())
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const SERVED: (u16, String) = (200, String::new());

fn by_other(target: &str) -> Signed {
    Signed::by(OTHER_ID, OTHER_SECRET, "GET", target, &[], None, b"")
}

fn unsigned(target: &str) -> Signed {
    let mut request = Signed::get(target);
    request.fields.truncate(1);
    request
}

#[test]
fn a_certificate_and_a_signature_of_different_consumers_are_refused() {
    let stage = Stage::new();
    let (own, other) = (Signed::get("/both/x"), by_other("/both/x"));
    assert_eq!(stage.ask(Some("billing"), &own), SERVED);
    assert_eq!(stage.ask(Some("shipping"), &other), SERVED);
    stage.upstream.forget();
    assert_eq!(
        stage.ask(Some("shipping"), &own),
        refused(403, "consumer_mismatch")
    );
    assert_eq!(
        stage.ask(Some("billing"), &other),
        refused(403, "consumer_mismatch")
    );
    assert_eq!(stage.ask(None, &own), refused(403, "certificate_required"));
    let nothing = unsigned("/both/x");
    assert_eq!(
        stage.ask(Some("billing"), &nothing),
        refused(401, "signature_required")
    );
    assert_eq!(stage.upstream.seen(), "");
}

#[test]
fn any_of_takes_one_proof_but_no_wrong_one() {
    let stage = Stage::new();
    let nothing = unsigned("/either/x");
    assert_eq!(stage.ask(Some("billing"), &nothing), SERVED);
    assert_eq!(stage.ask(None, &Signed::get("/either/x")), SERVED);
    assert_eq!(
        stage.ask(None, &nothing),
        refused(401, "signature_required")
    );
    let wrong = Signed::get("/either/y");
    let wrong = Signed {
        target: "/either/x".to_owned(),
        ..wrong
    };
    assert_eq!(
        stage.ask(Some("billing"), &wrong),
        refused(403, "signature_mismatch")
    );
    let other = by_other("/either/x");
    assert_eq!(
        stage.ask(Some("billing"), &other),
        refused(403, "consumer_mismatch")
    );
}

#[test]
fn a_consumer_that_the_policy_does_not_name_is_refused_with_a_right_signature() {
    let stage = Stage::new();
    let target = "/shipping-only/x";
    assert_eq!(stage.ask(None, &by_other(target)), SERVED);
    let own = Signed::get(target);
    assert_eq!(stage.ask(None, &own), refused(403, "consumer_not_allowed"));
}

#[test]
fn the_signature_stays_here_unless_the_route_says_otherwise() {
    let stage = Stage::new();
    assert_eq!(stage.ask(None, &Signed::get("/signed/x")), SERVED);
    assert_eq!(stage.upstream.field("authorization"), None);
    assert_eq!(
        stage.upstream.field("x-consumer").as_deref(),
        Some("billing")
    );
    let request = Signed::get("/both/x");
    assert_eq!(stage.ask(Some("billing"), &request), SERVED);
    let passed = stage.upstream.field("authorization");
    assert_eq!(passed.as_deref(), Some(request.field("authorization")));
}

#[test]
fn p2_the_upstream_gets_the_very_target_that_was_signed() {
    let stage = Stage::new();
    for target in [
        "/signed/%7Ea~b/c%20d?x=%2f&y=a%20b&y=%41",
        "/signed/a;b=c/,d?",
        "/signed/a?b?c=d/e",
    ] {
        stage.upstream.forget();
        let answer = stage.ask(None, &Signed::get(target));
        match answer.0 {
            200 => assert!(
                stage
                    .upstream
                    .seen()
                    .starts_with(&format!("GET {target} HTTP/1.1\r\n")),
                "{target}: {}",
                stage.upstream.seen()
            ),
            // What signers canonicalise differently has no one meaning to pass on.
            _ => assert_eq!(answer, refused(403, "signature_malformed"), "{target}"),
        }
    }
}

#[test]
fn s3_a_header_of_amazons_that_is_added_on_the_way_is_refused() {
    let stage = Stage::new();
    let added = Signed::get("/signed/x").add("x-amz-meta-role", "admin");
    assert_eq!(stage.ask(None, &added), refused(403, "signature_malformed"));
    let twice = Signed::get("/signed/x");
    let date = twice.field("x-amz-date").to_owned();
    let twice = twice.add("x-amz-date", &date);
    assert_eq!(stage.ask(None, &twice).0, 403);
}

#[test]
fn s5_an_unsigned_body_needs_leave_and_tls() {
    let stage = Stage::new();
    let request =
        |route: &str| Signed::post(&format!("/{route}/x"), b"hello", Some("UNSIGNED-PAYLOAD"));
    assert_eq!(stage.ask(None, &request("unsigned-body")), SERVED);
    let signed = request("signed");
    assert_eq!(
        stage.ask(None, &signed),
        refused(403, "payload_mode_refused")
    );
    let mut plain = Client::plain(stage.gateway.address("plain"));
    let answer = plain.try_ask(&request("unsigned-body").bytes()).unwrap();
    assert_eq!(
        (answer.status, answer.code()),
        refused(403, "payload_mode_refused")
    );
    for mode in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "unsigned-payload",
        "",
    ] {
        for route in ["signed", "unsigned-body"] {
            let request = Signed::post(&format!("/{route}/x"), b"hello", Some(mode));
            let (status, code) = stage.ask(None, &request);
            assert_eq!(status, 403, "{route} {mode}: {code}");
        }
    }
}

#[test]
fn s6_credentials_in_two_places_are_none() {
    let stage = Stage::new();
    let request = Signed::get("/signed/x");
    let authorization = request.field("authorization").to_owned();
    let twice = request.add("authorization", &authorization);
    assert_eq!(stage.ask(None, &twice).0, 403);
    for query in [
        "X-Amz-Signature=0",
        "X-Amz-Credential=a",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0",
    ] {
        for route in ["signed", "either"] {
            let target = format!("/{route}/x?{query}");
            let both = Signed::get(&target);
            assert_eq!(stage.ask(Some("billing"), &both).0, 403, "{target}");
            let alone = unsigned(&target);
            assert_ne!(stage.ask(None, &alone).0, 200, "{target}");
        }
    }
}

/// What a stranger could compare: everything but the request's id.
fn told(answer: &Answer) -> (u16, String) {
    let body = text(&answer.body);
    let without_id = body.split("\"request_id\"").next();
    (answer.status, without_id.unwrap_or_default().to_owned())
}

#[test]
fn s11_a_stranger_cannot_tell_an_unknown_credential_from_a_wrong_signature() {
    let stage = Stage::new();
    let target = "/signed/x";
    let wrong_secret = Signed::by(
        ID,
        "not-the-secret-of-anyone",
        "GET",
        target,
        &[],
        None,
        b"",
    );
    let unknown = Signed::by("CSNOBODY", SECRET, "GET", target, &[], None, b"");
    let ask = |request: &Signed| stage.connect(None).try_ask(&request.bytes()).unwrap();
    let (one, other) = (ask(&wrong_secret), ask(&unknown));
    assert_eq!(told(&one), told(&other));
    assert_eq!(one.status, 403);
    let names = |answer: &Answer| {
        let lines = answer.head.lines();
        lines
            .map(|line| line.split(':').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&one), names(&other));
    // The operator is told them apart, and neither log nor answer holds a secret or signature.
    stage.gateway.logged("the reason", |line| {
        line["detail"]
            .as_str()
            .is_some_and(|why| why.contains("unknown"))
    });
    let log = fs::read_to_string(stage.directory.path().join("access.log")).unwrap();
    let signature = wrong_secret
        .field("authorization")
        .rsplit('=')
        .next()
        .unwrap();
    let said = stage.gateway.said().join("\n");
    for hidden in [SECRET, OTHER_SECRET, "not-the-secret-of-anyone", signature] {
        assert!(!log.contains(hidden) && !said.contains(hidden), "{hidden}");
    }
    assert!(!stage.gateway.metrics().contains("CSNOBODY"));
}

#[test]
fn s14_an_access_key_of_iam_is_explained_in_the_log() {
    let stage = Stage::new();
    let request = Signed::by(
        "AKIAIOSFODNN7EXAMPLE",
        SECRET,
        "GET",
        "/signed/x",
        &[],
        None,
        b"",
    );
    assert_eq!(
        stage.ask(None, &request),
        refused(403, "signature_mismatch")
    );
    let line = stage
        .gateway
        .logged("the reason", |line| line["refusal"] == "signature_mismatch");
    let why = line["detail"].as_str().unwrap_or_default();
    assert!(why.contains("IAM"), "{why}");
}

#[test]
fn a_credential_that_is_retired_is_gone_after_a_reload_on_open_connections() {
    let stage = Stage::new();
    let mut client = stage.connect(None);
    let mut ask = || {
        let answer = client.try_ask(&Signed::get("/signed/x").bytes()).unwrap();
        (answer.status, answer.code())
    };
    assert_eq!(ask(), SERVED);
    let file = stage
        .directory
        .path()
        .join("gateway.toml")
        .display()
        .to_string();
    let retired = run(PROGRAM, &["credentials", "retire", "--config", &file, ID]);
    assert!(retired.status.success(), "{}", text(&retired.stderr));
    assert!(stage.gateway.reload_as_it_is());
    assert_eq!(ask(), refused(403, "signature_mismatch"));
}

#[test]
fn s8_a_signature_for_another_region_or_service_is_refused_by_its_own_code() {
    let stage = Stage::new();
    for (from, to) in [(REGION, "eu-west-1"), (SERVICE, "s3")] {
        let mut request = Signed::get("/signed/x");
        let authorization = request
            .fields
            .iter_mut()
            .find(|(name, _)| name == "authorization");
        let value = &mut authorization.unwrap().1;
        *value = value.replace(from, to);
        assert_eq!(
            stage.ask(None, &request),
            refused(403, "signature_scope"),
            "{to}"
        );
    }
}

/// Without `:authority` a request looked like one of HTTP/1, which has no body when nothing
/// says how long it is.
#[test]
fn a_body_that_nobody_signed_does_not_pass_over_http2_without_an_authority() {
    let stage = Stage::new();
    let empty = sha256(b"");
    let signed = Signed::by(ID, SECRET, "POST", "/signed/x", &[], Some(&empty), b"");
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", b"/signed/x"),
    ];
    let own = signed.fields.iter();
    fields.extend(own.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let (address, tls) = (
        stage.gateway.address("public"),
        tls(stage.directory.path(), None),
    );
    let fate = http2::ask(address, &tls, &fields, Some(b"nobody signed this"));
    assert_ne!(fate, http2::Fate::Answered(200));
    assert!(!stage.upstream.seen().contains("nobody signed this"));
}

/// Whoever is on the way can add `Connection`, which no signer signs.
#[test]
fn a_signed_field_cannot_be_named_away_by_connection() {
    let stage = Stage::new();
    let signed = Signed::by(
        ID,
        SECRET,
        "GET",
        "/signed/x",
        &[("x-only-read", "1")],
        None,
        b"",
    );
    assert_eq!(stage.ask(None, &signed), SERVED);
    assert_eq!(stage.upstream.field("x-only-read").as_deref(), Some("1"));
    stage.upstream.forget();
    let changed = signed.add("connection", "x-only-read");
    assert_eq!(stage.ask(None, &changed), refused(400, "malformed_request"));
    assert_eq!(stage.upstream.seen(), "");
}
