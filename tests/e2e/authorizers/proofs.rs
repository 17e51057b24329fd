//! Authorizers beside certificates and signatures.

use serde_json::json;

use crate::harness::client::tls;
use crate::harness::gateway::{ID, OTHER_ID, OTHER_SECRET, REGION, SECRET, SERVICE};
use crate::harness::signed::{Signed, sha256};

use super::*;

const BY_TOKEN: &str = "type = \"token\"\nidentity_sources = [\"$request.header.X-Token\"]\n\
                        context_headers = { \"X-Known-As\" = \"token\" }";
const BILLING: &str = "spiffe://tests/billing";

/// A policy and a route of one name, to the upstream or a function.
fn demanding(name: &str, proofs: &str, more: &str, integration: &str) -> String {
    let signature = match proofs.contains("signature") {
        true => "signature = { schemes = [\"sigv4\"], service = \"SERVICE\", region = \"REGION\" }",
        false => "",
    };
    let signature = signature
        .replace("SERVICE", SERVICE)
        .replace("REGION", REGION);
    let once = match name {
        "once" => signature.replace(" }", ", refuse_replays = true }"),
        _ => signature,
    };
    format!("[[policy]]\nname = \"{name}\"\n{proofs}\nauthorizer = \"by\"\n{once}\n{more}\n")
        + &route(name, name, integration)
}

fn scene() -> Scene {
    let scene = Scene::of(vec![asked_as("by"), Function::python("echo")], |places| {
        let consumers = format!(
            "[[consumer]]\nname = \"billing\"\ncredentials = [\"{ID}\"]\ncertificate = {{ san_uri = \"{BILLING}\" }}\n\
             [[consumer]]\nname = \"shipping\"\ncredentials = [\"{OTHER_ID}\"]\n"
        );
        let both = "all_of = [\"signature\", \"authorizer\"]";
        let either = "any_of = [\"signature\", \"authorizer\"]";
        let certified = "all_of = [\"certificate\", \"authorizer\"]";
        let shown = "any_of = [\"certificate\", \"authorizer\"]";
        [
            consumers,
            places.authorizer("by", BY_TOKEN),
            demanding("certified", certified, "", UPSTREAM),
            demanding("signed", both, "", UPSTREAM),
            demanding("once", both, "", UPSTREAM),
            demanding("billing", both, "consumers = [\"billing\"]", UPSTREAM),
            demanding("either", either, "", UPSTREAM),
            demanding("shown", shown, "", UPSTREAM),
            demanding("told", both, "", "echo"),
            integration("echo", "echo", places.lambda, "payload_format = \"rest\""),
        ]
        .concat()
    });
    scene.authority.client("billing", BILLING);
    scene
        .authority
        .client("stranger", "spiffe://tests/stranger");
    scene
}

fn token(word: &str) -> String {
    format!("Bearer {word}{SECRET_PART}")
}

fn signed(target: &str, word: &str) -> Signed {
    Signed::by(
        ID,
        SECRET,
        "GET",
        target,
        &[("x-token", &token(word))],
        None,
        b"",
    )
}

impl Scene {
    fn code(&self, bytes: &[u8]) -> String {
        let answer = self.send(bytes);
        match answer.status {
            200 => "served".to_owned(),
            _ => answer.code(),
        }
    }
}

#[test]
fn a_certificate_and_the_leave_of_an_authorizer_are_both_needed() {
    let scene = scene();
    let ask = |certificate: Option<&str>, word: &str| {
        let config = tls(scene.home.path(), certificate);
        let address = scene.gateway.address("public");
        let mut client = Client::tls(address, &config, "localhost").unwrap();
        let line = format!("X-Token: {}\r\n", token(word));
        let head = format!("GET /certified/x HTTP/1.1\r\nHost: localhost\r\n{line}\r\n");
        let answer = client.ask(&head);
        (answer.status, answer.code())
    };
    assert_eq!(ask(None, "allow").1, "certificate_required");
    assert_eq!(ask(Some("stranger"), "allow").1, "certificate_unknown");
    // Of those whom the policy refuses anyway, nobody asks.
    assert_eq!(scene.count("by"), 0);
    assert_eq!(ask(Some("billing"), "deny").1, "authorizer_denied");
    assert_eq!(scene.upstream.seen(), "");
    assert_eq!(ask(Some("billing"), "allow").0, 200);
    assert_eq!(
        scene.upstream.field("x-consumer").as_deref(),
        Some("billing")
    );
    assert_eq!(scene.upstream.field("x-known-as").as_deref(), Some("allow"));
}

#[test]
fn with_any_of_those_whose_certificate_is_no_consumers_are_asked_about() {
    let scene = scene();
    let ask = |certificate: Option<&str>, word: &str| {
        let config = tls(scene.home.path(), certificate);
        let address = scene.gateway.address("public");
        let mut client = Client::tls(address, &config, "localhost").unwrap();
        let line = format!("X-Token: {}\r\n", token(word));
        let head = format!("GET /shown/x HTTP/1.1\r\nHost: localhost\r\n{line}\r\n");
        let answer = client.ask(&head);
        (answer.status, scene.count("by"))
    };
    assert_eq!(ask(Some("billing"), "deny"), (200, 0));
    let consumer = || scene.upstream.field("x-consumer");
    assert_eq!(consumer().as_deref(), Some("billing"));
    scene.upstream.forget();
    assert_eq!(ask(Some("stranger"), "deny"), (403, 1));
    assert_eq!(ask(None, "deny"), (403, 1));
    assert_eq!(scene.upstream.seen(), "");
    assert_eq!(ask(Some("stranger"), "allow"), (200, 2));
    assert_eq!(ask(None, "allow"), (200, 2));
    assert_eq!(consumer(), None);
}

#[test]
fn a_signature_and_the_leave_of_an_authorizer_are_both_needed() {
    let scene = scene();
    let unsigned = format!(
        "GET /signed/x HTTP/1.1\r\nHost: localhost\r\nX-Token: {}\r\n\r\n",
        token("allow")
    );
    assert_eq!(scene.code(unsigned.as_bytes()), "signature_required");
    let mut wrong = signed("/signed/x", "allow");
    wrong.target = "/signed/y".to_owned();
    assert_eq!(scene.code(&wrong.bytes()), "signature_mismatch");
    let mut other = signed("/signed/x", "allow");
    other.set("x-token", &token("deny"));
    assert_eq!(scene.code(&other.bytes()), "signature_mismatch");
    let shipping = Signed::by(
        OTHER_ID,
        OTHER_SECRET,
        "GET",
        "/billing/x",
        &[("x-token", &token("allow"))],
        None,
        b"",
    );
    assert_eq!(scene.code(&shipping.bytes()), "consumer_not_allowed");
    assert_eq!(scene.count("by"), 0);
    let without = Signed::get("/signed/x");
    assert_eq!(scene.code(&without.bytes()), "authorizer_unauthorized");
    assert_eq!(
        scene.code(&signed("/signed/x", "deny").bytes()),
        "authorizer_denied"
    );
    assert_eq!(scene.upstream.seen(), "");
    assert_eq!(scene.code(&signed("/signed/x", "allow").bytes()), "served");
    assert_eq!(scene.code(&signed("/billing/x", "allow").bytes()), "served");
    assert_eq!(
        scene.upstream.field("x-consumer").as_deref(),
        Some("billing")
    );
}

#[test]
fn a_body_that_was_not_signed_goes_nowhere_whatever_an_authorizer_says() {
    let scene = scene();
    for (target, hash) in [
        ("/signed/x", None),
        ("/signed/x", Some(sha256(b"a body"))),
        ("/once/x", None),
        ("/either/x", Some(sha256(b"a body"))),
    ] {
        let fields = [("x-token", &*token("allow"))];
        let good = Signed::by(
            ID,
            SECRET,
            "POST",
            target,
            &fields,
            hash.as_deref(),
            b"a body",
        );
        let mut forged = good.clone();
        forged.body = b"a bode".to_vec();
        let code = scene.code(&forged.bytes());
        assert!(
            ["body_hash_mismatch", "signature_mismatch"].contains(&&*code),
            "{target}: {code}"
        );
        assert_eq!(scene.upstream.seen(), "", "{target}");
        // The forged one did not use the signature up.
        assert_eq!(scene.code(&good.bytes()), "served", "{target}");
        scene.upstream.forget();
    }
}

/// Only what was right in every way is remembered.
#[test]
fn a_signature_is_used_up_when_the_authorizer_has_let_it_pass_and_not_before() {
    let scene = scene();
    let denied = signed("/once/x", "deny").bytes();
    for _ in 0..2 {
        assert_eq!(scene.code(&denied), "authorizer_denied");
    }
    let failing = signed("/once/x", "crash").bytes();
    for _ in 0..2 {
        assert_eq!(scene.code(&failing), "authorizer_failed");
    }
    let allowed = signed("/once/x", "allow").bytes();
    let before = scene.count("by");
    assert_eq!(scene.code(&allowed), "served");
    scene.upstream.forget();
    assert_eq!(scene.code(&allowed), "signature_replayed");
    assert_eq!(scene.upstream.seen(), "");
    // The second time, its answer was known.
    assert_eq!(scene.count("by") - before, 1);
}

#[test]
fn with_any_of_an_authorizer_is_asked_about_those_who_show_nothing_else() {
    let scene = scene();
    let unsigned = |word: &str| {
        let line = format!("X-Token: {}\r\n", token(word));
        format!("GET /either/x HTTP/1.1\r\nHost: localhost\r\n{line}\r\n").into_bytes()
    };
    assert_eq!(scene.code(&signed("/either/x", "deny").bytes()), "served");
    assert_eq!(
        scene.upstream.field("x-consumer").as_deref(),
        Some("billing")
    );
    assert_eq!(scene.upstream.field("x-known-as"), None);
    scene.upstream.forget();
    let mut wrong = signed("/either/x", "allow");
    wrong.target = "/either/y".to_owned();
    assert_eq!(scene.code(&wrong.bytes()), "signature_mismatch");
    let unknown = Signed::by(
        "NOBODY",
        "x",
        "GET",
        "/either/x",
        &[("x-token", &token("allow"))],
        None,
        b"",
    );
    assert_eq!(scene.code(&unknown.bytes()), "signature_mismatch");
    assert_eq!(
        (scene.count("by"), scene.upstream.seen()),
        (0, String::new())
    );
    assert_eq!(scene.code(&unsigned("deny")), "authorizer_denied");
    assert_eq!(scene.code(&unsigned("allow")), "served");
    assert_eq!(scene.upstream.field("x-consumer"), None);
    assert_eq!(scene.upstream.field("x-known-as").as_deref(), Some("allow"));
    assert_eq!(scene.count("by"), 2);
    let bare = b"GET /either/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(scene.code(bare), "authorizer_unauthorized");
}

#[test]
fn a_function_is_told_of_the_consumer_and_of_what_the_authorizer_said() {
    let scene = scene();
    let answer = scene.send(&signed("/told/x", "allow").bytes());
    let told = &json(&answer)["requestContext"]["authorizer"];
    assert_eq!(
        *told,
        json!({
            "principalId": "user|allow", "consumer": "billing",
            "token": "allow", "calls": "1", "is_known": "true",
        })
    );
    let line = scene
        .gateway
        .logged("the request", |line| line["route"] == "told");
    assert_eq!(line["consumer"], "billing");
}
