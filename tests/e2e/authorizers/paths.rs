//! One path in all its spellings: what a policy denies is not had by another name.

use serde_json::json;

use super::*;

fn scene() -> Scene {
    Scene::of(vec![verbatim("by")], |places| places.guarded("by", TOKEN))
}

#[test]
fn what_is_denied_is_denied_in_every_spelling() {
    let scene = scene();
    let everything = format!("{API}/*");
    let admin = "arn:aws:execute-api:*:*:*/*/GET/by/admin/*";
    let exactly = format!("{API}/GET/by/exactly");
    let encoded = format!("{API}/GET/by/%65ncoded");
    let fields = saying(&ruling(
        &[
            ("Allow", &everything),
            ("Deny", admin),
            ("Deny", &exactly),
            ("Deny", &encoded),
        ],
        json!({}),
    ));
    for target in [
        "/by/admin/x",
        "/by/admin/",
        "/by/admin/x/",
        "/by/%61dmin/x",
        "/%62y/%61dmin/x",
        "/by/%61%64%6D%69%6e/x",
        "/by/admin/%78?open=1",
        "/by/exactly",
        "/by/exactly/",
        "/by/exactl%79",
        "/by/exactl%79/",
        "/by/encoded",
        "/by/%65ncoded",
        "/by/e%6ecoded",
        // Those that a server behind may make the same of are refused, whatever the policy says.
        "/by//admin/x",
        "//by/admin/x",
        "/by/./admin/x",
        "/by/open/../admin/x",
        "/by/open/%2e%2e/admin/x",
        "/by/open/..%2fadmin/x",
        "/by%2fadmin/x",
        "/by/admin%2fx",
        "/by/admin;v=1/x",
        "/by/open/..;/admin/x",
        "/by/admin\\x",
        "/by/admin%5cx",
        "/by/admin%00/x",
        "/by/exactly//",
    ] {
        let answer = scene.get(target, &fields);
        let code = answer.code();
        let is_refused = [
            "authorizer_denied",
            "path_refused",
            "malformed_request",
            "route_not_found",
        ];
        assert!(
            is_refused.contains(&&*code),
            "{target}: {} {code}",
            answer.status
        );
    }
    assert_eq!(scene.upstream.seen(), "");
    for target in [
        "/by/open",
        "/by/administrators",
        "/by/open/admin/x",
        "/by/ADMIN/x",
    ] {
        assert_eq!(scene.get(target, &fields).status, 200, "{target}");
    }
    assert_eq!(scene.count("by"), 1);
}

/// An Allow is for the path as it is written, or the server behind may see another.
#[test]
fn what_is_allowed_is_allowed_as_it_is_written() {
    let scene = scene();
    let open = format!("{API}/GET/by/open/*");
    let fields = saying(&ruling(&[("Allow", &open)], json!({})));
    for target in [
        "/by/open/x",
        "/by/open/a%20b",
        "/by/open/x/y/",
        "/by/open/%78",
    ] {
        assert_eq!(scene.get(target, &fields).status, 200, "{target}");
    }
    scene.upstream.forget();
    for target in ["/by/op%65n/x", "/by/open", "/by/opened/x", "/by/OPEN/x"] {
        assert_eq!(
            scene.get(target, &fields).code(),
            "authorizer_denied",
            "{target}"
        );
    }
    assert_eq!(scene.upstream.seen(), "");
}

/// A policy speaks of methods by their own names: HEAD is not GET.
#[test]
fn a_policy_speaks_of_one_method_at_a_time() {
    let scene = scene();
    let gets = format!("{API}/GET/*");
    let fields = saying(&ruling(&[("Allow", &gets)], json!({})));
    assert_eq!(scene.get("/by/x", &fields).status, 200);
    for method in ["POST", "DELETE", "OPTIONS", "PUT"] {
        let head = format!("{method} /by/x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        assert_eq!(
            scene.send(head.as_bytes()).code(),
            "authorizer_denied",
            "{method}"
        );
    }
    let head = format!("HEAD /by/x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    let mut client = Client::plain(scene.gateway.address("plain"));
    client.send(head.as_bytes()).unwrap();
    assert_eq!(client.interim().unwrap(), 403);
    assert_eq!(scene.count("by"), 1);
}

#[test]
fn a_name_that_is_too_long_for_a_policy_is_refused() {
    let scene = scene();
    let everything = saying(&ruling(&[("Allow", "*")], json!({})));
    let prefix = format!("{API}/GET/by/").len();
    for (length, want) in [(1600 - prefix, ""), (1601 - prefix, "path_refused")] {
        let target = format!("/by/{}", "x".repeat(length));
        assert_eq!(scene.get(&target, &everything).code(), want);
    }
    assert_eq!(scene.count("by"), 1);
}
