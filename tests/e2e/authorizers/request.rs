//! Authorizers that are told of a whole request, in every format.

use serde_json::{Value, json};

use crate::harness::client::tls;
use crate::harness::lambda::post;

use super::*;

const SOURCES: &str =
    "identity_sources = [\"$request.header.Authorization\", \"$request.querystring.who\"]";
const TARGET: &str = "/orders/7%20a?who=me&x=1&x=2";

fn request_form(format: &str) -> String {
    format!("type = \"request\"\npayload_format = \"{format}\"\n{SOURCES}")
}

/// One authorizer of each form, called as the form is.
fn scene_of_all() -> Scene {
    let functions = ["rest", "v1", "v2", "simple"].map(asked_as);
    Scene::of(functions.to_vec(), |places| {
        let simple = request_form("2.0") + "\nsimple_responses = true";
        let forms = [
            ("rest", request_form("rest")),
            ("v1", request_form("1.0")),
            ("v2", request_form("2.0")),
            ("simple", simple),
        ];
        let all = forms.map(|(name, form)| places.guarded(name, &form));
        all.concat()
    })
}

fn token(word: &str) -> String {
    format!("Bearer {word}{SECRET_PART}")
}

/// The keys of an object.
fn keys(event: &Value) -> String {
    let keys = event.as_object().unwrap().keys().map(String::as_str);
    keys.collect::<Vec<_>>().join(" ")
}

/// Posts to an authorizer's route, and says what its function was told.
fn asked(scene: &Scene, name: &str, word: &str) -> Value {
    let fields =
        bearer(word) + "X-MiXed: a\r\nX-Mixed: b\r\nCookie: c=1; d=2\r\nX-Consumer: me\r\n";
    let mut client = Client::plain(scene.gateway.address("plain"));
    let answer = post(&mut client, &format!("/{name}{TARGET}"), &fields, b"a body");
    assert_eq!(answer.status, 200, "{name}: {}", answer.code());
    let seen = scene.upstream.seen_for(&format!("/{name}{TARGET}"));
    assert!(seen.ends_with("\r\n\r\na body"), "{name}: {seen}");
    let event = last_event(&scene.lambda, name);
    let text = event.to_string();
    assert!(
        !text.contains("a body") && !text.contains("isBase64Encoded"),
        "{text}"
    );
    // What a caller says of itself is the gateway's to say.
    assert!(!text.to_ascii_lowercase().contains("x-consumer"), "{text}");
    event
}

#[test]
fn a_rest_api_tells_everything_but_the_body() {
    let scene = scene_of_all();
    let event = asked(&scene, "rest", "allow");
    assert_eq!(
        keys(&event),
        "headers httpMethod methodArn multiValueHeaders multiValueQueryStringParameters path \
         pathParameters queryStringParameters requestContext resource stageVariables type"
    );
    assert_eq!(event["type"], "REQUEST");
    assert_eq!(event["methodArn"], format!("{API}/POST/rest/orders/7%20a"));
    assert_eq!(event["resource"], "/rest/{proxy+}");
    assert_eq!(event["path"], "/rest/orders/7%20a");
    assert_eq!(event["headers"]["Authorization"], token("allow"));
    assert_eq!(
        event["multiValueQueryStringParameters"]["x"],
        json!(["1", "2"])
    );
    assert_eq!(event["pathParameters"], json!({"proxy": "orders/7%20a"}));
    assert_eq!(event["stageVariables"], json!({"table": "orders"}));
    let context = &event["requestContext"];
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["stage"], "prod");
    assert_eq!(context.get("authorizer"), None);
}

#[test]
fn an_http_api_tells_it_in_format_1_0() {
    let scene = scene_of_all();
    let event = asked(&scene, "v1", "allow");
    assert_eq!(
        keys(&event),
        "authorizationToken headers httpMethod identitySource methodArn path pathParameters \
         queryStringParameters requestContext resource stageVariables type version"
    );
    let identity = format!("{},me", token("allow"));
    assert_eq!(event["version"], "1.0");
    assert_eq!(event["methodArn"], format!("{API}/POST/v1/orders/7%20a"));
    assert_eq!(event["identitySource"], identity);
    assert_eq!(event["authorizationToken"], identity);
    assert_eq!(event["headers"]["authorization"], token("allow"));
}

#[test]
fn an_http_api_tells_it_in_format_2_0() {
    let scene = scene_of_all();
    for (name, word) in [("v2", "allow"), ("simple", "true")] {
        let event = asked(&scene, name, word);
        assert_eq!(
            keys(&event),
            "cookies headers identitySource pathParameters queryStringParameters rawPath \
             rawQueryString requestContext routeArn routeKey stageVariables type version"
        );
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["type"], "REQUEST");
        let arn = format!("{API}/POST/{name}/orders/7%20a");
        assert_eq!(event["routeArn"], arn);
        assert_eq!(event["identitySource"], json!([token(word), "me"]));
        assert_eq!(event["routeKey"], format!("ANY /{name}/{{proxy+}}"));
        assert_eq!(event["rawPath"], format!("/prod/{name}/orders/7 a"));
        assert_eq!(event["rawQueryString"], "who=me&x=1&x=2");
        assert_eq!(event["cookies"], json!(["c=1", "d=2"]));
        assert_eq!(event["headers"]["authorization"], token(word));
        assert_eq!(event["requestContext"].get("authorizer"), None);
    }
}

#[test]
fn an_answer_comes_to_what_it_comes_to_at_its_api() {
    let scene = scene_of_all();
    let rest = "User is not authorized to access this resource with an explicit deny";
    let failed = (500, "authorizer_failed", "Internal Server Error");
    let unauthorized = (401, "authorizer_unauthorized", "Unauthorized");
    let forbidden = (403, "authorizer_denied", "Forbidden");
    let mut cases = vec![
        ("rest", "deny", (403, "authorizer_denied", rest)),
        ("v1", "deny", forbidden),
        ("v2", "deny", forbidden),
        ("simple", "false", forbidden),
        ("rest", "true", failed),
        ("v1", "true", failed),
        ("v2", "true", failed),
        ("simple", "allow", failed),
        ("simple", "deny", failed),
    ];
    for name in ["rest", "v1", "v2", "simple"] {
        cases.extend([
            (name, "Unauthorized", unauthorized),
            (name, "crash", failed),
            (name, "malformed", failed),
        ]);
    }
    for name in ["rest", "v1", "v2"] {
        cases.push((name, "no-principal", failed));
    }
    for (name, word, want) in cases {
        let got = words(&scene.get(&format!("/{name}{TARGET}"), &bearer(word)));
        assert_eq!((got.0, &*got.1, &*got.2), want, "{name} {word}");
    }
    assert_eq!(scene.upstream.seen(), "");
}

#[test]
fn what_tells_callers_apart_must_be_there_once() {
    let scene = scene_of_all();
    let good = bearer("allow");
    let twice = good.clone() + &good;
    for name in ["rest", "v1", "v2", "simple"] {
        for (target, fields) in [
            ("/x?who=me", ""),
            ("/x?who=me", "Authorization:\r\n"),
            ("/x?who=me", &twice),
            ("/x", &good),
            ("/x?who", &good),
            ("/x?who=", &good),
            ("/x?WHO=me", &good),
            ("/x?who=me&who=you", &good),
            ("/x?who=me&wh%6f=you", &good),
        ] {
            let got = words(&scene.get(&format!("/{name}{target}"), fields));
            let want = (401, "authorizer_unauthorized", "Unauthorized");
            assert_eq!((got.0, &*got.1, &*got.2), want, "{name} {target} {fields}");
        }
        assert_eq!(scene.count(name), 0, "{name}");
    }
    assert_eq!(scene.upstream.seen(), "");
}

/// Where nothing is kept, nobody need be told apart.
#[test]
fn without_a_cache_a_function_is_asked_about_every_request() {
    let scene = Scene::of(vec![asked_as("each"), asked_as("token")], |places| {
        let each = "type = \"request\"\npayload_format = \"rest\"\ncache_ttl_secs = 0";
        places.guarded("each", each)
            + &places.guarded("token", &format!("{TOKEN}\ncache_ttl_secs = 0"))
    });
    for name in ["each", "token"] {
        for _ in 0..2 {
            assert_eq!(
                scene.get(&format!("/{name}/x"), &bearer("allow")).status,
                200
            );
        }
        assert_eq!(
            scene.get(&format!("/{name}/x"), &bearer("deny")).status,
            403
        );
        assert_eq!(scene.count(name), 3, "{name}");
    }
    // A word in the query is as good to one that sees it all; nothing at all is no word.
    assert_eq!(scene.get("/each/x?token=allow%23s3cr3t", "").status, 200);
    assert_eq!(scene.get("/each/x", "").status, 401);
}

#[test]
fn a_function_is_told_of_the_callers_certificate() {
    let scene = scene_of_all();
    scene.authority.client("zoe", "spiffe://tests/zoe");
    let config = tls(scene.home.path(), Some("zoe"));
    for (name, place) in [
        ("rest", "/requestContext/identity/clientCert/clientCertPem"),
        ("v1", "/requestContext/identity/clientCert/clientCertPem"),
        (
            "v2",
            "/requestContext/authentication/clientCert/clientCertPem",
        ),
    ] {
        let address = scene.gateway.address("public");
        let mut client = Client::tls(address, &config, "localhost").unwrap();
        let head = format!(
            "GET /{name}{TARGET} HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            bearer("allow")
        );
        assert_eq!(client.ask(&head).status, 200, "{name}");
        let event = last_event(&scene.lambda, name);
        let told = event.pointer(place).and_then(Value::as_str).unwrap();
        assert!(told.starts_with("-----BEGIN CERTIFICATE-----\n"), "{told}");
    }
}

/// What is too much for one event is no matter of the others'.
#[test]
fn a_request_that_makes_too_large_an_event_is_not_asked_about() {
    let scene = Scene::of(vec![asked_as("small")], |places| {
        let form = "type = \"request\"\npayload_format = \"2.0\"\nmax_payload_bytes = 4096";
        let source = "identity_sources = [\"$request.header.Authorization\"]";
        places.guarded("small", &format!("{form}\n{source}"))
    });
    let large = format!("{}X-Large: {}\r\n", bearer("allow"), "x".repeat(4096));
    let answer = scene.get("/small/x", &large);
    assert_eq!(
        (answer.status, answer.code()),
        (500, "authorizer_failed".to_owned())
    );
    assert_eq!(
        (scene.count("small"), scene.upstream.seen()),
        (0, String::new())
    );
    assert_eq!(scene.ended("small", "event_too_large"), 1.0);
    let is = |line: &Value| line["detail"] == "event_too_large";
    scene.gateway.logged("the reason", is);
    assert_eq!(scene.get("/small/x", &bearer("allow")).status, 200);
    // What is known need not be asked.
    assert_eq!(scene.get("/small/x", &large).status, 200);
    assert_eq!(scene.count("small"), 1);
}
