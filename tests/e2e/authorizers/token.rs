//! Authorizers that are told a token.

use countersign_local_lambda::ServiceFailure;
use serde_json::json;

use crate::harness::client::{Client2, tls};
use crate::harness::lambda::Gate;

use super::*;

const DENIED: &str = "User is not authorized to access this resource with an explicit deny";

fn token_scene() -> Scene {
    Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    })
}

#[test]
fn a_function_is_told_the_token_and_what_is_called_and_nothing_else() {
    let scene = token_scene();
    let fields = bearer("allow") + "X-Other: 1\r\n";
    let answer = scene.get("/token/orders/7%20a?x=1", &fields);
    assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]));
    let want = json!({
        "type": "TOKEN",
        "authorizationToken": format!("Bearer allow{SECRET_PART}"),
        "methodArn": format!("{API}/GET/token/orders/7%20a"),
    });
    assert_eq!(last_event(&scene.lambda, "token"), want);
    // The upstream hears of the request, and nothing of what its caller showed.
    let seen = scene.upstream.seen_for("/token/orders/7%20a?x=1");
    assert!(
        seen.to_ascii_lowercase().contains("\r\nx-other: 1\r\n"),
        "{seen}"
    );
    assert!(!seen.contains("Bearer"), "{seen}");
    assert_eq!(scene.ended("token", "answered"), 1.0);
}

#[test]
fn what_is_no_token_is_refused_without_asking() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        let pattern = "token_pattern = 'Bearer [a-z]+(#s3cr3t)?'";
        places.guarded("token", &format!("{TOKEN}\n{pattern}"))
    });
    let twice = bearer("allow") + &bearer("allow");
    for fields in [
        "",
        "Authorization:\r\n",
        "Authorization:   \r\n",
        "X-Authorization: Bearer allow#s3cr3t\r\n",
        "Authorization: bearer allow#s3cr3t\r\n",
        "Authorization: xBearer allow#s3cr3t\r\n",
        "Authorization: Bearer allow#s3cr3t!\r\n",
        "Authorization: Bearer all\u{f6}w#s3cr3t\r\n",
        &twice,
    ] {
        let got = words(&scene.get("/token/x", fields));
        let want = (401, "authorizer_unauthorized", "Unauthorized");
        assert_eq!((got.0, &*got.1, &*got.2), want, "{fields:?}");
    }
    assert_eq!(
        (scene.count("token"), scene.upstream.seen()),
        (0, String::new())
    );
    assert_eq!(scene.get("/token/x", &bearer("allow")).status, 200);
}

/// What failed is asked again; what was said is not.
#[test]
fn an_answer_comes_to_what_it_comes_to_at_a_rest_api() {
    let scene = token_scene();
    let cases = [
        ("deny", 403, "authorizer_denied", DENIED, 1),
        (
            "Unauthorized",
            401,
            "authorizer_unauthorized",
            "Unauthorized",
            2,
        ),
        ("nobody", 401, "authorizer_unauthorized", "Unauthorized", 2),
        (
            "crash",
            500,
            "authorizer_failed",
            "Internal Server Error",
            2,
        ),
        (
            "malformed",
            500,
            "authorizer_failed",
            "Internal Server Error",
            2,
        ),
        (
            "no-principal",
            500,
            "authorizer_failed",
            "Internal Server Error",
            2,
        ),
        ("true", 500, "authorizer_failed", "Internal Server Error", 2),
    ];
    for (word, status, code, message, asked) in cases {
        let before = scene.count("token");
        for _ in 0..2 {
            let got = words(&scene.get("/token/x", &bearer(word)));
            assert_eq!((got.0, &*got.1, &*got.2), (status, code, message), "{word}");
        }
        assert_eq!(scene.count("token") - before, asked, "{word}");
        assert_eq!(scene.upstream.seen(), "", "{word}");
    }
    assert_eq!(scene.ended("token", "function_answer_malformed"), 6.0);
    assert_eq!(scene.ended("token", "function_error"), 6.0);
    for detail in ["function_error", "\"principalId\" is no text"] {
        scene.gateway.logged(detail, |line| {
            line["refusal"] == "authorizer_failed" && line["detail"] == detail
        });
    }
}

#[test]
fn a_function_that_cannot_be_asked_lets_nobody_pass() {
    let failing = |name: &str, status, error_type: &str| {
        let mut function = asked_as(name);
        function.answers = Some(ServiceFailure {
            status,
            error_type: error_type.to_owned(),
        });
        function
    };
    // What nobody waits for any more keeps its sandbox busy.
    let mut late = asked_as("late");
    late.sandboxes = 2;
    let functions = vec![
        failing("throttled", 429, "TooManyRequestsException"),
        failing("denied", 403, "AccessDeniedException"),
        failing("broken", 500, "ServiceException"),
        late,
    ];
    let scene = Scene::of(functions, |places| {
        let all = ["throttled", "denied", "broken", "missing"];
        let all = all.map(|name| places.guarded(name, TOKEN));
        let late = places.guarded("late", &format!("{TOKEN}\ntimeout_ms = 400"));
        all.concat() + &late
    });
    let gate = Gate::new();
    let slow = format!("slow-allow:{}", gate.address());
    for (name, result) in [
        ("throttled", "function_throttled"),
        ("denied", "function_denied"),
        ("broken", "function_service_failed"),
        ("missing", "function_missing"),
        ("late", "function_timeout"),
    ] {
        for round in [1.0, 2.0] {
            let answer = scene.get(&format!("/{name}/x"), &bearer(&slow));
            let got = (answer.status, answer.code());
            assert_eq!(got, (500, "authorizer_failed".to_owned()), "{name}");
            assert_eq!(scene.ended(name, result), round, "{name}");
        }
    }
    assert_eq!(scene.upstream.seen(), "");
}

#[test]
fn a_function_is_asked_about_requests_of_http_2() {
    let scene = token_scene();
    let config = tls(scene.home.path(), None);
    let mut client = Client2::tls(scene.gateway.address("public"), &config, "localhost");
    let mut ask = |word: Option<&str>| {
        let mut request = http::Request::get("https://localhost/token/x");
        if let Some(word) = word {
            let value = format!("Bearer {word}{SECRET_PART}");
            request = request.header("authorization", value);
        }
        client.ask(request).status
    };
    assert_eq!(ask(None), 401);
    assert_eq!(ask(Some("deny")), 403);
    assert_eq!(scene.upstream.seen(), "");
    assert_eq!(ask(Some("allow")), 200);
    assert_eq!(scene.count("token"), 2);
}

#[test]
fn every_request_of_a_connection_is_judged_by_itself() {
    let scene = token_scene();
    let mut client = Client::plain(scene.gateway.address("plain"));
    let head = |word: &str| {
        let fields = bearer(word);
        format!("GET /token/{word} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
    };
    for (word, status) in [
        ("allow", 200),
        ("deny", 403),
        ("allow", 200),
        ("crash", 500),
        ("allow", 200),
    ] {
        let answer = client.ask(&head(word));
        assert_eq!((answer.status, answer.closes()), (status, false), "{word}");
    }
    // They come together, and the second one does not profit from the first.
    client
        .send((head("allow") + &head("deny") + &head("allow")).as_bytes())
        .unwrap();
    for status in [200, 403, 200] {
        assert_eq!(client.answer().unwrap().status, status);
    }
    let seen = scene.upstream.seen();
    assert!(
        !seen.contains("/token/deny") && !seen.contains("/token/crash"),
        "{seen}"
    );
}

/// Nobody is invited to send a body that goes nowhere.
#[test]
fn a_caller_who_waits_with_its_body_is_refused_before_it_sends_it() {
    let scene = token_scene();
    for (word, first) in [("deny", 403), ("crash", 500), ("allow", 100)] {
        let fields = bearer(word);
        let head = format!(
            "POST /token/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n{fields}\r\n"
        );
        let mut client = Client::plain(scene.gateway.address("plain"));
        client.send(head.as_bytes()).unwrap();
        assert_eq!(client.interim().unwrap(), first, "{word}");
        if first == 100 {
            client.send(&[b'x'; 100_000]).unwrap();
            assert_eq!(client.answer().unwrap().status, 200);
        }
    }
}
