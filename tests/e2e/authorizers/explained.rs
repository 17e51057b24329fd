//! What the command line says of routes that a function guards: it asks nobody.

use std::fs;

use crate::harness::gateway::{PROGRAM, REGION, SERVICE};
use crate::harness::{run, text};

use super::*;

fn scene() -> Scene {
    Scene::of(vec![asked_as("token")], |places| {
        let each = "type = \"request\"\npayload_format = \"rest\"\ncache_ttl_secs = 0";
        let signature = format!(
            "signature = {{ schemes = [\"sigv4\"], service = \"{SERVICE}\", region = \"{REGION}\" }}"
        );
        let both = format!(
            "[[policy]]\nname = \"both\"\nall_of = [\"signature\", \"authorizer\"]\nauthorizer = \"token\"\n{signature}\n"
        );
        let either = both.replace("both", "either").replace("all_of", "any_of");
        [
            places.guarded("token", TOKEN),
            places.authorizer("each", each),
            policy("each"),
            route("each", "each", UPSTREAM),
            both,
            either,
            route("both", "both", UPSTREAM),
            route("either", "either", UPSTREAM),
        ]
        .concat()
    })
}

fn said(scene: &Scene, arguments: &[&str]) -> (Option<i32>, String) {
    let config = scene.gateway.directory.join("gateway.toml");
    let config = config.display().to_string();
    let arguments = [arguments, &["--config", &config]].concat();
    let output = run(PROGRAM, &arguments);
    let all = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), all)
}

#[test]
fn a_route_is_explained_without_asking_the_function_that_guards_it() {
    let scene = scene();
    let passes = |name: &str| format!("served when the function of authorizer {name} lets it pass");
    let signed =
        "served when it is signed and the function of authorizer token lets it pass; unsigned: 401";
    for (name, demand, outcome) in [
        (
            "token",
            "token: the leave of authorizer token",
            passes("token"),
        ),
        ("each", "each: the leave of authorizer each", passes("each")),
        (
            "both",
            "and the leave of authorizer token",
            signed.to_owned(),
        ),
        (
            "either",
            "or the leave of authorizer token",
            passes("token"),
        ),
    ] {
        let url = format!("https://localhost/{name}/x");
        let (code, all) = said(&scene, &["routes", "explain", "GET", &url]);
        assert_eq!(code, Some(0), "{all}");
        assert!(
            all.contains(demand) && all.contains(&outcome),
            "{name}: {all}"
        );
    }
    assert_eq!(scene.count("token"), 0);
}

#[test]
fn a_recorded_request_is_judged_as_far_as_the_function_need_not_be_asked() {
    let scene = scene();
    let file = scene.home.path().join("request");
    let name = file.display().to_string();
    for (target, fields, outcome) in [
        ("/token/x", bearer("deny"), "lets it pass\n"),
        (
            "/token/x",
            String::new(),
            "lets it pass; without what it asks about: 401 authorizer_unauthorized",
        ),
        ("/each/x", String::new(), "authorizer each lets it pass\n"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        fs::write(&file, head).unwrap();
        let (code, all) = said(&scene, &["verify", "--request", &name]);
        assert_eq!(code, Some(0), "{all}");
        assert!(all.contains(outcome), "{target}: {all}");
        assert!(!all.contains("s3cr3t"), "{all}");
    }
    assert_eq!(scene.count("token"), 0);
}
