//! What was said once, and for whom and how long it holds.

use std::thread;

use serde_json::json;

use crate::harness::lambda::Gate;
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
    let fields = bearer(&format!("slow:{}", gate.address()));
    let clients = all_at_once(&scene, 8, &fields);
    let waiting = gate.reached();
    under_way(&scene, 8);
    waiting.let_go();
    for mut client in clients {
        assert_eq!(client.answer().unwrap().status, 200);
    }
    assert_eq!(scene.count("token"), 1);
}
