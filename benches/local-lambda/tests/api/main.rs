//! The local Lambda, invoked by AWS's own SDK: what is proved here is that it speaks what that
//! expects, and that its account of what happened is true.

mod caller;
mod callers;
mod failures;
mod handlers;
mod shares;
mod streams;

use std::fs;

use countersign_local_lambda::{
    Emulator, Ending, Function, Invocation, Kind, LocalLambda, ServiceFailure,
};
use serde_json::{Value, json};

use crate::caller::{invoke, whole};

/// The only invocation of a function, so far.
fn only(lambda: &LocalLambda, function: &str) -> Invocation {
    let mut invocations = lambda.invocations(function);
    assert_eq!(invocations.len(), 1);
    invocations.remove(0)
}

fn payload(answer: &Value) -> Value {
    let text = answer["payload"].as_str().expect("a payload");
    serde_json::from_str(text).expect("a payload of JSON")
}

#[test]
fn the_sdk_reads_what_a_function_answers_and_the_account_has_what_it_sent() {
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    let arn = Function::python("echo").arn();
    let answer = whole(
        &lambda,
        json!({"FunctionName": arn, "Qualifier": "live", "Payload": r#"{"a":1}"#}),
    );
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(answer["function_error"], Value::Null);
    assert_eq!(answer["version"], "$LATEST");
    assert_eq!(payload(&answer)["body"], r#"{"a": 1}"#);

    let invocation = only(&lambda, "echo");
    assert_eq!(answer["request_id"], invocation.request_id);
    assert_eq!(invocation.kind, Kind::RequestResponse);
    assert_eq!(invocation.named, arn);
    assert_eq!(invocation.qualifier.as_deref(), Some("live"));
    assert_eq!(invocation.body, r#"{"a":1}"#);
    assert_eq!(invocation.ending, Some(Ending::Answered));
    let authorization = invocation.headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"));
}

#[test]
fn a_kept_sandbox_starts_once() {
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    for _ in 0..3 {
        invoke(lambda.address(), "echo", "{}");
    }
    assert_eq!(lambda.cold_starts("echo"), 1);
    assert_eq!(lambda.in_flight("echo"), 0);
}

#[test]
fn an_event_is_accepted_and_invoked_behind_the_answer() {
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    let answer = whole(
        &lambda,
        json!({"FunctionName": "echo", "InvocationType": "Event", "Payload": "{}"}),
    );
    assert_eq!(answer["status"], 202, "{answer}");
    assert_eq!(answer["payload"], "");
    assert_eq!(answer["version"], Value::Null);
    lambda.wait_until("the end of the event", |lambda| {
        only(lambda, "echo").ending == Some(Ending::Answered)
    });
    assert_eq!(only(&lambda, "echo").kind, Kind::Event);
}

#[test]
fn lambda_refuses_in_its_own_words() {
    let failing = Function {
        name: "failing".to_string(),
        answers: Some(ServiceFailure {
            status: 503,
            error_type: "ServiceUnavailableException".to_string(),
        }),
        ..Function::python("echo")
    };
    let lambda = LocalLambda::start(vec![Function::python("echo"), failing]);
    for (arguments, status, error) in [
        (
            json!({"FunctionName": "none"}),
            404,
            "ResourceNotFoundException",
        ),
        (
            json!({"FunctionName": "echo", "Payload": "{"}),
            400,
            "InvalidRequestContentException",
        ),
        (
            json!({"FunctionName": "echo", "PayloadOfBytes": 6_291_457}),
            413,
            "RequestTooLargeException",
        ),
        (
            json!({"FunctionName": "echo", "InvocationType": "Event", "PayloadOfBytes": 1_048_577}),
            413,
            "RequestTooLargeException",
        ),
        (
            json!({"FunctionName": "failing"}),
            503,
            "ServiceUnavailableException",
        ),
    ] {
        let answer = whole(&lambda, arguments.clone());
        assert_eq!(answer["status"], status, "{arguments}: {answer}");
        assert_eq!(answer["error"], error, "{arguments}");
    }
    assert!(lambda.invocations("echo").is_empty());
    assert!(lambda.invocations("failing").is_empty());
}

#[test]
fn the_largest_payload_is_invoked() {
    let lambda = LocalLambda::start(vec![Function::native("lambda-bare")]);
    let answer = whole(
        &lambda,
        json!({"FunctionName": "lambda-bare", "PayloadOfBytes": 6_291_456}),
    );
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["function_error"], Value::Null);
}

#[test]
fn the_rust_runtime_runs_in_either_emulator_and_is_told_the_trace_by_one() {
    for emulator in [Emulator::Rie, Emulator::RuntimeApi] {
        let echo = Function {
            emulator,
            ..Function::native("lambda-echo")
        };
        let lambda = LocalLambda::start(vec![echo]);
        let event = streams::event("q=1");
        let answer = caller::invoke_with(
            lambda.address(),
            "lambda-echo",
            &[(
                "x-amzn-trace-id",
                "Root=1-5759e988-bd862e3fe1be46a994272793",
            )],
            &event,
        );
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let told: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(told["method"], "GET");
        assert_eq!(told["raw_path"], "/stream");
        if emulator == Emulator::RuntimeApi {
            assert_eq!(told["trace_id"], "Root=1-5759e988-bd862e3fe1be46a994272793");
        }
    }
}

#[test]
fn nothing_is_left_of_a_lambda_that_is_dropped() {
    let mark = format!("dropped-{}", std::process::id());
    let marked = |function: Function| Function {
        environment: vec![("MARK".to_string(), mark.clone())],
        ..function
    };
    let lambda = LocalLambda::start(vec![
        marked(Function::python("echo")),
        marked(Function::native("lambda-bare")),
    ]);
    invoke(lambda.address(), "echo", "{}");
    invoke(lambda.address(), "lambda-bare", "{}");
    // The emulator, its runtime, and the runtime that needs no emulator.
    assert_eq!(processes_with(&mark), 3);
    drop(lambda);
    assert_eq!(processes_with(&mark), 0);
}

/// How many processes have the mark in their environment.
fn processes_with(mark: &str) -> usize {
    let wanted = format!("MARK={mark}\0");
    let processes = fs::read_dir("/proc").expect("the processes");
    processes
        .filter_map(|process| fs::read(process.ok()?.path().join("environ")).ok())
        .filter(|environment| String::from_utf8_lossy(environment).contains(&wanted))
        .count()
}
