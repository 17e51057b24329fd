//! Answers of authorizers, row by row from what API Gateway documents and IAM defines; and that no
//! Deny is lost.

mod answers;
mod policies;

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::{AuthorizerForm, Function, Stage};
use crate::names::AuthorizerName;

fn authorizer(payload_format: PayloadFormat, simple_responses: bool) -> Authorizer {
    Authorizer {
        name: AuthorizerName::new("a"),
        function: Function {
            name: "f".to_owned(),
            qualifier: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            connect_timeout: Duration::from_secs(1),
            timeout: None,
            max_concurrency: 1,
            max_payload_bytes: 6 << 20,
        },
        form: AuthorizerForm::Request,
        payload_format,
        simple_responses,
        identity_sources: Vec::new(),
        cache_ttl: Duration::ZERO,
        context_headers: Vec::new(),
        line: 0,
    }
}

const REST: (PayloadFormat, bool) = (PayloadFormat::Rest, false);
const V1: (PayloadFormat, bool) = (PayloadFormat::V1, false);
const V2: (PayloadFormat, bool) = (PayloadFormat::V2, false);
const SIMPLE: (PayloadFormat, bool) = (PayloadFormat::V2, true);

fn read_as((format, simple): (PayloadFormat, bool), answer: &Value) -> Result<Verdict, Malformed> {
    read(&authorizer(format, simple), answer.to_string().as_bytes())
}

fn policy(statements: Value) -> Value {
    json!({
        "principalId": "user",
        "policyDocument": {"Version": "2012-10-17", "Statement": statements},
    })
}

fn statement(effect: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
}

/// What a policy of these statements says of `GET /pets/1`, or of another path.
fn judged(statements: Value, path: &str) -> Option<Allowed> {
    let arn = method_arn("us-east-1", &stage(), "GET", path).unwrap();
    let verdict = read_as(REST, &policy(statements)).ok()?;
    Some(verdict.allows(&arn))
}

fn stage() -> Stage {
    Stage {
        name: "test".to_owned(),
        account_id: "123456789012".to_owned(),
        api_id: "abcdef123".to_owned(),
        ..Stage::default()
    }
}

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets/1";
const YES: Option<Allowed> = Some(Allowed::Yes);
const NO: Option<Allowed> = Some(Allowed::Denied { explicit: false });
const NEVER: Option<Allowed> = Some(Allowed::Denied { explicit: true });

/// A statement of any sort, good or not.
fn any_statement() -> impl Strategy<Value = Value> {
    let pattern = || {
        prop_oneof![
            Just(json!("*")),
            Just(json!(ARN)),
            Just(json!(["arn:b", "arn:*"])),
            Just(json!("arn:${x}")),
            "arn:[a*?/]{0,6}".prop_map(|text| json!(text)),
            Just(json!([])),
        ]
    };
    let action = prop_oneof![
        Just(json!("execute-api:Invoke")),
        Just(json!("*")),
        Just(json!(["s3:*", "execute-api:*"])),
    ];
    let effect = prop_oneof![4 => Just("Allow"), 2 => Just("Deny"), 1 => Just("allow")];
    (effect, action, pattern(), any::<[bool; 3]>()).prop_map(
        |(effect, action, resource, [not_action, not_resource, condition])| {
            let mut statement = json!({"Effect": effect});
            statement[if not_action { "NotAction" } else { "Action" }] = action;
            statement[if not_resource {
                "NotResource"
            } else {
                "Resource"
            }] = resource;
            if condition {
                statement["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}});
            }
            statement
        },
    )
}

proptest! {
    #[test]
    fn a_deny_is_never_lost(
        mut statements in prop::collection::vec(any_statement(), 0..6),
        at in any::<prop::sample::Index>(),
        deny in prop_oneof![
            Just(statement("Deny", ARN)),
            Just(statement("Deny", "*")),
            Just(json!({"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:b"})),
            Just(json!({"Effect": "Deny", "Action": "*", "Resource": ARN, "Condition": {"a": 1}})),
        ],
    ) {
        statements.insert(at.index(statements.len() + 1), deny);
        let judged = judged(json!(statements), "/pets/1");
        prop_assert!(judged.is_none() || judged == NEVER, "{:?}", judged);
    }

    #[test]
    fn no_answer_makes_a_panic(
        payload in prop_oneof![
            any::<Vec<u8>>(),
            prop::collection::vec(any_statement(), 0..3)
                .prop_map(|statements| policy(json!(statements)).to_string().into_bytes()),
            "[\\[\\]{}\":,a-z0-9\\\\ ]{0,40}".prop_map(String::into_bytes),
        ],
        path in "\\PC{0,20}",
    ) {
        is_unauthorized(&payload);
        for (format, simple) in [REST, V1, V2, SIMPLE] {
            if let Ok(verdict) = read(&authorizer(format, simple), &payload) {
                verdict.allows(&path);
            }
        }
    }
}
