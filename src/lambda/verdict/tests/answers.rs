//! What stands around a policy, simple answers, and what is none.

use super::*;

/// "Output from an API Gateway Lambda authorizer".
#[test]
fn a_policy_comes_with_a_principal() {
    let allow = json!([statement("Allow", "*")]);
    for forms in [REST, V1, V2] {
        let verdict = read_as(forms, &policy(allow.clone())).unwrap();
        assert_eq!(verdict.context.principal_id.as_deref(), Some("user"));
        assert_eq!(verdict.allows(ARN), Allowed::Yes);
        for principal in [json!(null), json!(1), json!(["user"])] {
            let mut answer = policy(allow.clone());
            answer["principalId"] = principal;
            assert!(read_as(forms, &answer).is_err());
        }
        let mut answer = policy(allow.clone());
        answer.as_object_mut().unwrap().remove("principalId");
        assert!(read_as(forms, &answer).is_err());
    }
    let mut answer = policy(allow);
    answer["usageIdentifierKey"] = json!("key");
    assert!(read_as(REST, &answer).is_ok());
}

#[test]
fn a_context_holds_what_its_format_can_tell() {
    let plain = json!({"text": "a", "number": 1.5, "flag": false});
    let with = |context: &Value| {
        let mut answer = policy(json!([statement("Allow", "*")]));
        answer["context"] = context.clone();
        answer
    };
    let simple = |context: &Value| json!({"isAuthorized": true, "context": context});
    for forms in [REST, V1, V2] {
        let verdict = read_as(forms, &with(&plain)).unwrap();
        assert_eq!(Value::Object(verdict.context.values), plain);
    }
    for value in [json!([1]), json!({"a": 1}), json!(null)] {
        let context = json!({"key": value});
        assert!(read_as(REST, &with(&context)).is_err());
        assert!(read_as(V1, &with(&context)).is_err());
        assert!(read_as(V2, &with(&context)).is_ok());
        let verdict = read_as(SIMPLE, &simple(&context)).unwrap();
        assert_eq!(Value::Object(verdict.context.values), context);
    }
    for bad in [
        json!([]),
        json!("a"),
        json!({"claims": {}}),
        json!({"a": "b".repeat(16 * 1024)}),
    ] {
        for forms in [REST, V1, V2] {
            assert!(read_as(forms, &with(&bad)).is_err());
        }
        assert!(read_as(SIMPLE, &simple(&bad)).is_err());
    }
    let none = read_as(REST, &with(&json!(null))).unwrap();
    assert!(none.context.values.is_empty());
}

/// "Control access to HTTP APIs with AWS Lambda authorizers".
#[test]
fn a_simple_answer_is_true_or_false() {
    let allowed = |answer: Value| {
        read_as(SIMPLE, &answer)
            .map(|verdict| verdict.allows(ARN))
            .ok()
    };
    assert_eq!(allowed(json!({"isAuthorized": true})), YES);
    assert_eq!(
        allowed(json!({"isAuthorized": false, "context": {"a": [1]}})),
        NEVER
    );
    for bad in [
        json!({}),
        json!(true),
        json!(null),
        json!([true]),
        json!({"isAuthorized": "true"}),
        json!({"isAuthorized": 1}),
        json!({"isAuthorized": null}),
        json!({"IsAuthorized": true}),
        policy(json!([statement("Allow", "*")])),
        json!({"isAuthorized": true, "policyDocument": {}}),
    ] {
        assert_eq!(allowed(bad.clone()), None, "{bad}");
    }
    // Who is not asked for simple answers gives none.
    assert!(read_as(V2, &json!({"isAuthorized": true})).is_err());
    let mut both = policy(json!([statement("Allow", "*")]));
    both["isAuthorized"] = json!(false);
    assert!(read_as(V2, &both).is_err());
}

#[test]
fn what_is_there_twice_or_too_large_is_no_answer() {
    let simple = authorizer(PayloadFormat::V2, true);
    for payload in [
        r#"{"isAuthorized":false,"isAuthorized":true}"#,
        r#"{"isAuthorized":true,"context":{"a":1,"a":2}}"#,
        r#"{"isAuthorized":true,"x":{"a":1,"\u0061":2}}"#,
        r#"{"isAuthorized":true} {}"#,
        "",
        "{",
        "\u{feff}{}",
    ] {
        assert!(read(&simple, payload.as_bytes()).is_err(), "{payload}");
    }
    let padded = format!(r#"{{"isAuthorized":true}}{}"#, " ".repeat(64 * 1024));
    assert!(read(&simple, padded.as_bytes()).is_err());
    let rest = authorizer(PayloadFormat::Rest, false);
    let twice = format!(
        r#"{{"principalId":"a","policyDocument":{{"Statement":[{}],"Statement":[{}]}}}}"#,
        statement("Deny", "*"),
        statement("Allow", "*")
    );
    assert!(read(&rest, twice.as_bytes()).is_err());
}

/// As AWS's runtimes for Node and Python say it.
#[test]
fn unauthorized_is_said_by_that_word_alone() {
    for (payload, want) in [
        (r#"{"errorMessage":"Unauthorized"}"#, true),
        (
            r#"{"errorType":"Error","errorMessage":"Unauthorized","trace":["Error: Unauthorized"]}"#,
            true,
        ),
        (r#"{"errorMessage":"unauthorized"}"#, false),
        (r#"{"errorMessage":"Unauthorized "}"#, false),
        (r#"{"errorMessage":["Unauthorized"]}"#, false),
        (r#"{"errormessage":"Unauthorized"}"#, false),
        (r#"{"a":{"errorMessage":"Unauthorized"}}"#, false),
        (r#"["Unauthorized"]"#, false),
        (r#""Unauthorized""#, false),
        ("Unauthorized", false),
        ("", false),
        (
            r#"{"errorMessage":"x","errorMessage":"Unauthorized"}"#,
            false,
        ),
    ] {
        assert_eq!(is_unauthorized(payload.as_bytes()), want, "{payload}");
    }
}

#[test]
fn a_verdict_keeps_its_context_to_itself() {
    let answer = json!({"isAuthorized": true, "context": {"token": "hush"}});
    let told = format!("{:?}", read_as(SIMPLE, &answer).unwrap());
    assert!(!told.contains("hush"), "{told}");
}
