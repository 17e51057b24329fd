//! What was said once, and for whom and how long it holds.

use serde_json::json;

use crate::harness::client::{Client2, tls};
use crate::harness::lambda::{Gate, LISTENER};
use crate::harness::wait_for;

use super::*;

const TWO_SOURCES: &str = "type = \"request\"\npayload_format = \"rest\"\n\
                           identity_sources = [\"$request.header.X-A\", \"$request.header.X-B\"]";

#[test]
fn a_function_is_asked_once_about_an_identity_and_again_about_another() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    });
    for (fields, asked) in [
        ("Authorization: Bearer allow#s3cr3t\r\n", 1),
        ("Authorization: Bearer allow#s3cr3t\r\n", 1),
        ("AUTHORIZATION: Bearer allow#s3cr3t\r\n", 1),
        // Whitespace around a value is none of it (RFC 9110 §5.5).
        ("Authorization:   Bearer allow#s3cr3t  \r\n", 1),
        ("Authorization: Bearer allow#S3cr3t\r\n", 2),
        ("Authorization: Bearer allow#s3cr3t2\r\n", 3),
        ("Authorization: Bearer  allow#s3cr3t\r\n", 4),
    ] {
        scene.get("/token/x", fields);
        assert_eq!(scene.count("token"), asked, "{fields}");
    }
    for target in ["/token/y", "/token/x/y?z=1"] {
        assert_eq!(scene.get(target, &bearer("allow")).status, 200);
    }
    assert_eq!(scene.count("token"), 4);
}

#[test]
fn values_that_read_the_same_together_are_two_identities() {
    let scene = Scene::of(vec![verbatim("two")], |places| {
        places.guarded("two", TWO_SOURCES)
    });
    let allowing = saying(&ruling(&[("Allow", "*")], json!({})));
    let denying = saying(&ruling(&[("Deny", "*")], json!({})));
    let ask = |a: &str, b: &str, answer: &str| {
        scene
            .get("/two/x", &format!("X-A: {a}\r\nX-B: {b}\r\n{answer}"))
            .status
    };
    assert_eq!(ask("ab", "c", &allowing), 200);
    assert_eq!(ask("a", "bc", &denying), 403);
    assert_eq!(ask("c", "ab", &denying), 403);
    assert_eq!(ask("ab", "c", &denying), 200);
    assert_eq!(scene.count("two"), 3);
}

/// Which a request of HTTP/2 has in other places than one of HTTP/1.
#[test]
fn hosts_and_cookies_tell_callers_apart_in_every_version_of_http() {
    let scene = Scene::of(vec![asked_as("crumbs")], |places| {
        let sources = "identity_sources = [\"$request.header.Cookie\", \"$request.header.Host\"]";
        let form = "type = \"request\"\npayload_format = \"2.0\"";
        places.guarded("crumbs", &format!("{form}\n{sources}"))
    });
    let fields = bearer("allow") + "Cookie: a=1; b=2\r\n";
    assert_eq!(scene.get("/crumbs/x", &fields).status, 200);
    let told = last_event(&scene.lambda, "crumbs")["identitySource"].clone();
    assert_eq!(told, json!(["a=1; b=2", "localhost"]));
    let config = tls(scene.home.path(), None);
    let mut client = Client2::tls(scene.gateway.address("public"), &config, "localhost");
    let mut ask = |crumbs: &[&str]| {
        let request = http::Request::get("https://localhost/crumbs/x");
        let request = request.header("authorization", format!("Bearer allow{SECRET_PART}"));
        let request = crumbs
            .iter()
            .fold(request, |all, one| all.header("cookie", *one));
        client.ask(request).status
    };
    assert_eq!(ask(&["a=1", "b=2"]), 200);
    assert_eq!(scene.count("crumbs"), 1);
    assert_eq!(ask(&["a=1", "b=3"]), 200);
    assert_eq!(scene.count("crumbs"), 2);
    let told = last_event(&scene.lambda, "crumbs");
    assert_eq!(told["identitySource"], json!(["a=1; b=3", "localhost"]));
    assert_eq!(told["cookies"], json!(["a=1", "b=3"]));
    assert_eq!(ask(&[]), 401);
}

/// What surprises at API Gateway too: a policy that names what was asked denies the rest.
#[test]
fn a_policy_that_is_kept_is_judged_for_every_route() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN) + &route("other", "token", UPSTREAM)
    });
    let fields = bearer("allow-method");
    assert_eq!(scene.get("/token/a", &fields).status, 200);
    let implicit = (
        403,
        "authorizer_denied".to_owned(),
        "User is not authorized to access this resource".to_owned(),
    );
    for target in ["/token/b", "/other/a", "/token/a/b"] {
        assert_eq!(words(&scene.get(target, &fields)), implicit, "{target}");
    }
    let post = format!("POST /token/a HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    assert_eq!(words(&scene.send(post.as_bytes())), implicit);
    assert_eq!(scene.get("/token/a", &fields).status, 200);
    assert_eq!(scene.count("token"), 1);
}

/// Most authorizers hand back the name that they were given.
#[test]
fn a_policy_for_what_was_asked_allows_just_that_however_it_is_written() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    });
    for (number, target) in [
        "/a", "/a/", "/a%20b", "/%61", "/a;b=1", "/a*", "/%3F", "/%2a/",
    ]
    .iter()
    .enumerate()
    {
        let fields = bearer(&format!("allow-method#{number}"));
        let answer = scene.get(&format!("/token{target}?x"), &fields);
        assert_eq!(
            (answer.status, scene.count("token")),
            (200, number + 1),
            "{target}"
        );
    }
}

/// Sends requests of one identity at once, each on a connection of its own.
fn all_at_once(scene: &Scene, count: usize, fields: &str) -> Vec<Client> {
    let clients = (0..count).map(|number| {
        let mut client = Client::plain(scene.gateway.address("plain"));
        let head = format!("GET /token/{number} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        client.send(head.as_bytes()).unwrap();
        client
    });
    clients.collect()
}

/// A gateway that is asked this many times at once says so.
fn under_way(scene: &Scene, count: usize) {
    wait_for("all requests", || {
        let open = scene.gateway.metric("countersign_requests_in_flight", "");
        (open == count as f64).then_some(())
    });
}

#[test]
fn requests_that_come_while_it_is_asked_wait_for_the_same_answer() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    });
    let gate = Gate::new();
    let fields = bearer(&format!("slow-allow:{}", gate.address()));
    let clients = all_at_once(&scene, 8, &fields);
    let waiting = gate.reached();
    under_way(&scene, 8);
    waiting.let_go();
    for mut client in clients {
        assert_eq!(client.answer().unwrap().status, 200);
    }
    assert_eq!(scene.count("token"), 1);
}

/// One after the other would wait, each as long as the function is let.
#[test]
fn requests_that_come_while_it_is_asked_fail_with_it_and_the_next_one_asks_again() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    });
    let gate = Gate::new();
    let fields = bearer(&format!("slow-crash:{}", gate.address()));
    let clients = all_at_once(&scene, 8, &fields);
    let waiting = gate.reached();
    under_way(&scene, 8);
    waiting.let_go();
    for mut client in clients {
        assert_eq!(client.answer().unwrap().code(), "authorizer_failed");
    }
    assert_eq!(scene.count("token"), 1);
    let mut next = all_at_once(&scene, 1, &fields);
    gate.reached().let_go();
    assert_eq!(next[0].answer().unwrap().status, 500);
    assert_eq!(scene.count("token"), 2);
    assert_eq!(scene.upstream.seen(), "");
}

/// A question goes on to its end: what is said is good for the next request.
#[test]
fn those_who_wait_are_answered_when_the_one_who_asked_has_left() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    });
    let gate = Gate::new();
    let fields = bearer(&format!("slow-allow:{}", gate.address()));
    let first = all_at_once(&scene, 1, &fields);
    let waiting = gate.reached();
    let others = all_at_once(&scene, 4, &fields);
    under_way(&scene, 5);
    drop(first);
    waiting.let_go();
    for mut client in others {
        assert_eq!(client.answer().unwrap().status, 200);
    }
    assert_eq!(scene.count("token"), 1);
}

#[test]
fn what_was_said_is_asked_again_when_it_does_not_hold_any_more() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", &format!("{TOKEN}\ncache_ttl_secs = 1"))
    });
    wait_for("the next question", || {
        assert_eq!(scene.get("/token/x", &bearer("allow")).status, 200);
        (scene.count("token") == 3).then_some(())
    });
}

#[test]
fn a_reload_keeps_what_an_authorizer_said_that_has_not_changed() {
    let scene = Scene::of(vec![asked_as("token")], |places| {
        places.guarded("token", TOKEN)
    });
    let ask = || scene.get("/token/x", &bearer("allow")).status;
    let reload = |before: &str, keys: &str| {
        let places = scene.places();
        let guarded = places.guarded("token", &format!("{TOKEN}\n{keys}"));
        let config = places.around(&format!("{before}{guarded}"));
        assert!(scene.gateway.reload(&format!("{LISTENER}{config}")));
    };
    assert_eq!((ask(), scene.count("token")), (200, 1));
    // It stands further down, and the policy and the route are others.
    let more = "# A remark.\n[[consumer]]\nname = \"c\"\ncredentials = [\"CSTESTBILLING\"]\n";
    reload(more, "");
    assert_eq!((ask(), scene.count("token")), (200, 1));
    for (round, keys) in ["cache_ttl_secs = 299", "timeout_ms = 9000", ""]
        .iter()
        .enumerate()
    {
        reload("", keys);
        assert_eq!((ask(), scene.count("token")), (200, round + 2), "{keys}");
    }
}
