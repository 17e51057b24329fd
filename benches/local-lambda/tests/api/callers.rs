//! Callers that come at once, and callers that go away.

use std::time::Duration;

use countersign_local_lambda::{Ending, Function, LocalLambda};
use serde_json::json;

use crate::caller::{Boto3, Gate, abandon, invoke, whole};
use crate::only;

#[test]
fn a_caller_too_many_is_throttled_and_told_why() {
    let gate = Gate::new();
    let lambda = LocalLambda::start(vec![Function::python("slow")]);
    let first = Boto3::start(
        &lambda,
        "invoke",
        json!({"FunctionName": "slow", "Payload": gate.event()}),
    );
    let held = gate.reached();
    let refused = whole(&lambda, json!({"FunctionName": "slow"}));
    assert_eq!(refused["status"], 429, "{refused}");
    assert_eq!(refused["error"], "TooManyRequestsException");
    assert_eq!(refused["reason"], "ConcurrentInvocationLimitExceeded");
    assert_eq!(refused["message"], "Rate Exceeded.");
    assert_eq!(lambda.throttled("slow"), 1);

    drop(held);
    assert_eq!(first.last()["status"], 200);
    // What was refused was not invoked.
    assert_eq!(only(&lambda, "slow").ending, Some(Ending::Answered));
}

#[test]
fn a_caller_waits_where_the_function_lets_it() {
    let gate = Gate::new();
    let slow = Function {
        max_wait: Duration::from_secs(30),
        ..Function::python("slow")
    };
    let lambda = LocalLambda::start(vec![slow]);
    let arguments = json!({"FunctionName": "slow", "Payload": gate.event()});
    let first = Boto3::start(&lambda, "invoke", arguments);
    let held = gate.reached();
    let second = Boto3::start(&lambda, "invoke", json!({"FunctionName": "slow"}));
    drop(held);
    assert_eq!(first.last()["status"], 200);
    assert_eq!(second.last()["status"], 200);
    assert_eq!(lambda.cold_starts("slow"), 1);
}

#[test]
fn two_callers_at_once_have_a_sandbox_each() {
    let gate = Gate::new();
    let slow = Function {
        sandboxes: 2,
        ..Function::python("slow")
    };
    let lambda = LocalLambda::start(vec![slow]);
    let arguments = json!({"FunctionName": "slow", "Payload": gate.event()});
    let first = Boto3::start(&lambda, "invoke", arguments.clone());
    let second = Boto3::start(&lambda, "invoke", arguments);
    let held = [gate.reached(), gate.reached()];
    assert_eq!(lambda.in_flight("slow"), 2);
    assert_eq!(lambda.cold_starts("slow"), 2);
    drop(held);
    assert_eq!(first.last()["status"], 200);
    assert_eq!(second.last()["status"], 200);
}

#[test]
fn a_caller_that_goes_away_leaves_the_function_to_its_work() {
    let gate = Gate::new();
    let lambda = LocalLambda::start(vec![Function::python("slow")]);
    let caller = abandon(lambda.address(), "slow", &gate.event());
    let held = gate.reached();
    drop(caller);
    lambda.wait_until("the caller's end", |lambda| {
        only(lambda, "slow").ending == Some(Ending::Abandoned)
    });
    assert_eq!(lambda.in_flight("slow"), 1);

    drop(held);
    lambda.wait_until("the function's end", |lambda| lambda.in_flight("slow") == 0);
    assert_eq!(invoke(lambda.address(), "slow", "{}").status, 200);
    assert_eq!(lambda.cold_starts("slow"), 1);
}
