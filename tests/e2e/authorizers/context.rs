//! What an authorizer says of a caller, and who hears it.

use serde_json::{Value, json};

use super::*;

const TOLD: &str = "context_headers = { \"X-User\" = \"user\", \"X-Level\" = \"level\", \"X-Is-Known\" = \"known\", \"X-Who\" = \"principalId\" }";

/// A guarded route and an open one, to the same upstream.
fn scene() -> Scene {
    Scene::of(vec![verbatim("by")], |places| {
        let guarded = places.guarded("by", &format!("{TOKEN}\n{TOLD}"));
        guarded + &route("open", "open", UPSTREAM)
    })
}

fn allowing(context: Value) -> String {
    saying(&ruling(&[("Allow", "*")], context))
}

#[test]
fn an_upstream_is_told_under_the_names_that_are_configured() {
    let scene = scene();
    let context = json!({"user": "zoe", "level": 7.5, "known": true, "secret": "x"});
    let answer = scene.get("/by/x", &allowing(context));
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("x-user", "zoe"),
        ("x-level", "7.5"),
        ("x-is-known", "true"),
        ("x-who", "user"),
    ] {
        assert_eq!(scene.upstream.field(name).as_deref(), Some(value), "{name}");
    }
    assert!(!scene.upstream.seen().contains("secret"));
}

#[test]
fn nobody_but_the_authorizer_says_what_it_would() {
    let scene = scene();
    let told = allowing(json!({"user": "zoe"}));
    for route in ["by", "open"] {
        for name in [
            "X-User",
            "x-uSeR",
            "X.User",
            "X-Level",
            "X-Is-Known",
            "X-Is.Known",
            "x-who",
        ] {
            scene.upstream.forget();
            let fields = format!("{name}: evil\r\nX-Mine: kept\r\n{told}");
            assert_eq!(scene.get(&format!("/{route}/x"), &fields).status, 200);
            let seen = scene.upstream.seen();
            assert!(
                !seen.contains("evil") && seen.contains("kept"),
                "{route} {name}: {seen}"
            );
        }
        scene.upstream.forget();
        let answer = scene.get(&format!("/{route}/x"), &format!("X_User: evil\r\n{told}"));
        assert_eq!(
            (answer.code(), scene.upstream.seen()),
            ("malformed_request".to_owned(), String::new())
        );
    }
    // The authorizer itself does not hear of them either.
    let event = last_event(&scene.lambda, "by").to_string();
    assert!(!event.contains("evil"), "{event}");
}

/// A line end would be the end of a field, and what follows another one.
#[test]
fn what_no_field_can_hold_is_told_to_nobody() {
    let scene = scene();
    for text in [
        "a\r\nX-Evil: 1",
        "a\nb",
        "a\rb",
        "a\0b",
        "\u{7f}",
        "\u{1b}[2J",
    ] {
        let answer = scene.get("/by/x", &allowing(json!({"user": text})));
        assert_eq!(
            (answer.status, answer.code()),
            (500, "authorizer_failed".to_owned()),
            "{text:?}"
        );
        // Where no field tells of it, it does no harm.
        let answer = scene.get("/by/x", &allowing(json!({"other": text})));
        assert_eq!(answer.status, 200, "{text:?}");
    }
    assert!(!scene.upstream.seen().to_ascii_lowercase().contains("evil"));
    for text in ["Zo\u{eb}", "a\tb", "", " "] {
        let answer = scene.get("/by/x", &allowing(json!({"user": text})));
        assert_eq!(answer.status, 200, "{text:?}");
    }
    let is = |line: &Value| line["detail"] == "a context value is no value of a field";
    scene.gateway.logged("the reason", is);
}

/// `/FORMAT/{proxy+}` to a function that answers with its event, behind authorizers of every
/// kind of API.
fn telling() -> Scene {
    let mut functions = ["rest", "v2", "simple"].map(verbatim).to_vec();
    functions.push(Function::python("echo"));
    Scene::of(functions, |places| {
        let request = "type = \"request\"\nidentity_sources = [\"$request.header.Authorization\"]\npayload_format";
        let authorizers = [
            places.authorizer("rest", &format!("{request} = \"rest\"")),
            places.authorizer("v2", &format!("{request} = \"2.0\"")),
            places.authorizer("simple", SIMPLE),
        ];
        let policies = ["rest", "v2", "simple"].map(policy);
        let formats = ["rest", "1.0", "2.0"].map(|format| {
            integration(
                &format!("echo-{format}"),
                "echo",
                places.lambda,
                &format!("payload_format = \"{format}\""),
            )
        });
        let routes = ["rest", "v2", "simple"].iter().flat_map(|by| {
            ["rest", "1.0", "2.0"].map(|format| {
                format!(
                    "[[route]]\npath = \"/{by}/{format}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"{by}\"\nintegration = \"echo-{format}\"\n"
                )
            })
        });
        let routes: String = routes.collect();
        authorizers.concat() + &policies.concat() + &formats.concat() + &routes
    })
}

#[test]
fn a_function_is_told_in_its_own_format() {
    let scene = telling();
    let told = |by: &str, format: &str, answer: &Value| {
        let answer = scene.get(&format!("/{by}/{format}/x"), &saying(answer));
        assert_eq!(answer.status, 200, "{by} {format}: {}", answer.code());
        json(&answer)["requestContext"]["authorizer"].clone()
    };
    let context = json!({"text": "t", "number": 1.5, "yes": true, "principalId": "evil"});
    let by_policy = ruling(&[("Allow", "*")], context.clone());
    assert_eq!(
        told("rest", "rest", &by_policy),
        json!({"principalId": "user", "text": "t", "number": "1.5", "yes": "true"})
    );
    assert_eq!(
        told("rest", "1.0", &by_policy),
        json!({"principalId": "user", "text": "t", "number": 1.5, "yes": true})
    );
    let typed = json!({ "lambda": context });
    assert_eq!(told("v2", "2.0", &by_policy), typed);
    let rich = json!({"list": [1, {"a": null}], "map": {"b": [true]}, "text": "t"});
    let by_word = json!({"isAuthorized": true, "context": rich});
    assert_eq!(told("simple", "2.0", &by_word), json!({ "lambda": rich }));
    assert_eq!(
        told("simple", "rest", &by_word),
        json!({"list": "[1,{\"a\":null}]", "map": "{\"b\":[true]}", "text": "t"})
    );
    let bare = json!({"isAuthorized": true});
    assert_eq!(told("simple", "2.0", &bare), json!({ "lambda": null }));
}
