//! Policies, row by row as IAM defines them, and the names of what they are about.

use super::*;

/// "Control access to HTTP APIs with AWS Lambda authorizers", the `routeArn` of its example.
#[test]
fn a_method_has_the_name_that_api_gateway_gives_it() {
    let named = |method: &str, path: &str| method_arn("us-east-1", &stage(), method, path);
    assert_eq!(
        named("GET", "/request").as_deref(),
        Some("arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request")
    );
    assert_eq!(
        named("POST", "/").as_deref(),
        Some("arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/POST/")
    );
    assert_eq!(
        method_arn("eu-west-1", &Stage::default(), "GET", "/a//b%20/").as_deref(),
        Some("arn:aws:execute-api:eu-west-1:000000000000:countersign/$default/GET/a//b%20/")
    );
    let start = named("GET", "/").unwrap().len();
    let path = |bytes: usize| format!("/{}", "a".repeat(bytes));
    assert_eq!(named("GET", &path(1600 - start)).unwrap().len(), 1600);
    assert_eq!(named("GET", &path(1601 - start)), None);
    assert_eq!(named("GET", &path(1 << 20)), None);
}

/// "IAM JSON policy element reference" and "Policy evaluation logic".
#[test]
fn a_policy_is_judged_as_iam_judges_it() {
    for (statements, want) in [
        (json!([statement("Allow", ARN)]), YES),
        (statement("Allow", ARN), YES),
        (json!([statement("Allow", "*")]), YES),
        (
            json!([statement("Allow", "arn:aws:execute-api:*:*:*/*/GET/*")]),
            YES,
        ),
        (
            json!([statement(
                "Allow",
                "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/*/pets/?"
            )]),
            YES,
        ),
        (
            json!([statement(
                "Allow",
                "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/POST/*"
            )]),
            NO,
        ),
        (
            json!([statement(
                "Allow",
                "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets"
            )]),
            NO,
        ),
        (
            json!([statement(
                "Allow",
                "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets/"
            )]),
            NO,
        ),
        (
            json!([statement(
                "Allow",
                "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/get/pets/1"
            )]),
            NO,
        ),
        (json!([]), NO),
        (json!([statement("Deny", ARN)]), NEVER),
        (
            json!([statement("Allow", "*"), statement("Deny", ARN)]),
            NEVER,
        ),
        (
            json!([statement("Deny", ARN), statement("Allow", "*")]),
            NEVER,
        ),
        (
            json!([
                statement("Allow", "*"),
                statement("Deny", "arn:aws:execute-api:*/POST/*")
            ]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "Action": ["s3:Get", "EXECUTE-API:invoke"], "Resource": ["arn:b", ARN]}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "Action": "execute-api:*", "Resource": ARN}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "Action": "*", "Resource": ARN}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "Action": "execute-api:Inv?ke", "Resource": ARN}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": ARN}]),
            NO,
        ),
        (
            json!([{"Effect": "Allow", "Action": "s3:*", "Resource": ARN}]),
            NO,
        ),
        (
            json!([{"Sid": "1", "Effect": "Allow", "Action": "*", "Resource": ARN, "Condition": {}}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "NotAction": "s3:*", "Resource": ARN}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "NotAction": "execute-api:INVOKE", "Resource": ARN}]),
            NO,
        ),
        (
            json!([{"Effect": "Allow", "Action": "*", "NotResource": "arn:b"}]),
            YES,
        ),
        (
            json!([{"Effect": "Allow", "Action": "*", "NotResource": ["arn:b", ARN]}]),
            NO,
        ),
        (
            json!([statement("Allow", "*"), {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}]),
            NEVER,
        ),
        (
            json!([statement("Allow", "*"), {"Effect": "Deny", "NotAction": "execute-api:*", "Resource": "*"}]),
            YES,
        ),
        (
            json!([statement("Allow", "*"), {"Effect": "Deny", "Action": "*", "NotResource": "arn:b"}]),
            NEVER,
        ),
        (
            json!([statement("Allow", "*"), {"Effect": "Deny", "Action": "*", "NotResource": ARN}]),
            YES,
        ),
    ] {
        assert_eq!(judged(statements.clone(), "/pets/1"), want, "{statements}");
    }
}

#[test]
fn what_is_not_judged_takes_from_an_allow_and_adds_to_a_deny() {
    let condition = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    for (key, value) in [
        ("Condition", condition),
        ("Condition", json!(null)),
        ("Principal", json!("*")),
        ("NotPrincipal", json!({"AWS": "1"})),
        ("condition", json!({})),
    ] {
        let with = |effect: &str, resource: &str| {
            let mut statement = statement(effect, resource);
            statement[key] = value.clone();
            statement
        };
        assert_eq!(judged(with("Allow", "*"), "/pets/1"), NO, "{key}");
        let both = json!([statement("Allow", "*"), with("Deny", ARN)]);
        assert_eq!(judged(both, "/pets/1"), NEVER, "{key}");
        let other = json!([statement("Allow", "*"), with("Deny", "arn:b")]);
        assert_eq!(judged(other, "/pets/1"), YES, "{key}");
    }
    let variable = "arn:aws:execute-api:*/${aws:userid}/*";
    assert_eq!(
        judged(statement("Allow", variable), "/a/${aws:userid}/b"),
        NO
    );
    let both = json!([statement("Allow", "*"), statement("Deny", variable)]);
    assert_eq!(judged(both, "/pets/1"), NEVER);
    let but = json!([statement("Allow", "*"), {"Effect": "Deny", "Action": "*", "NotResource": "arn:${*}"}]);
    assert_eq!(judged(but, "/pets/1"), NEVER);
}

/// A route is found whichever way its path is spelled.
#[test]
fn a_deny_holds_for_every_spelling_of_a_path() {
    const START: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/";
    let but = |pattern: &str| {
        let resource = format!("{START}{pattern}");
        let denied = json!([statement("Allow", "*"), statement("Deny", &resource)]);
        let left_out = json!([{"Effect": "Allow", "Action": "*", "NotResource": resource}]);
        [denied, left_out]
    };
    for (pattern, path, allowed) in [
        ("admin/*", "/admin/x", false),
        ("admin/*", "/%61dmin/x", false),
        ("admin/*", "/admin%2Fx", false),
        ("admin", "/admin/", false),
        ("admin", "/admin//", false),
        ("admin", "/%61dmin/", false),
        ("admin/", "/%61dmin/", false),
        ("caf%c3%a9", "/caf%C3%A9", false),
        ("caf\u{e9}", "/caf%C3%A9", false),
        ("admin/*", "/admin;v=1/x", false),
        ("admin/*", "/admin%3Bv=1/x", false),
        ("admin/*", "/open/../admin/x", false),
        ("admin/*", "/open/%2e%2E%2fadmin/", false),
        ("admin/*", "/open/..;a/admin/x", false),
        ("admin/*", "/../../admin//x", false),
        ("admin/*", "\\admin\\x", false),
        ("admin/*", "/./admin/x;/", false),
        ("", "/..", false),
        ("admin/*", "/admins/x", true),
        ("admin/*", "/admin/../x", false),
        ("admin/*", "/open/admin/x;a", true),
        ("admin", "/admin/x", true),
        ("admin", "/%2561dmin", true),
    ] {
        for statements in but(pattern) {
            let judged = judged(statements, path);
            assert_eq!(judged == YES, allowed, "{pattern} {path}");
        }
    }
    // An Allow is taken at its word.
    let admin = statement("Allow", &format!("{START}admin"));
    assert_eq!(judged(admin.clone(), "/%61dmin"), NO);
    assert_eq!(judged(admin, "/admin/"), NO);
    let told = statement("Allow", &format!("{START}caf%C3%A9"));
    assert_eq!(judged(told, "/caf%C3%A9"), YES);
}

#[test]
fn what_is_no_policy_is_no_answer() {
    let arn = json!(ARN);
    let long = format!("arn:{}", "a".repeat(509));
    for statements in [
        json!(null),
        json!("Allow"),
        json!([null]),
        json!([{}]),
        json!([{"Effect": "allow", "Action": "*", "Resource": arn}]),
        json!([{"effect": "Allow", "Action": "*", "Resource": arn}]),
        json!([{"Effect": "Allow", "Resource": arn}]),
        json!([{"Effect": "Deny", "Action": "*"}]),
        json!([{"Effect": "Deny", "Action": [], "Resource": arn}]),
        json!([{"Effect": "Deny", "Action": "*", "Resource": []}]),
        json!([{"Effect": "Deny", "Action": "Invoke", "Resource": arn}]),
        json!([{"Effect": "Deny", "Action": "*", "Resource": "pets/1"}]),
        json!([{"Effect": "Deny", "Action": "*", "Resource": [arn, 1]}]),
        json!([{"Effect": "Deny", "Action": {"a": 1}, "Resource": arn}]),
        json!([{"Effect": "Deny", "Action": "*", "NotAction": "*", "Resource": arn}]),
        json!([statement("Allow", &long)]),
        json!([statement("Allow", "*"), {"Effect": "Deny"}]),
    ] {
        assert_eq!(judged(statements.clone(), "/pets/1"), None, "{statements}");
    }
    for (key, value) in [
        ("Version", json!("2012-10-18")),
        ("Version", json!(null)),
        ("statement", json!([])),
        ("STATEMENT", json!([])),
    ] {
        let mut answer = policy(json!([statement("Allow", "*")]));
        answer["policyDocument"][key] = value;
        assert!(read_as(REST, &answer).is_err(), "{key}");
    }
    let many: Vec<Value> = (0..200).map(|_| statement("Allow", ARN)).collect();
    assert!(read_as(REST, &policy(json!(many))).is_err());
}
