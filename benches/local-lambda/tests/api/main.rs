//! The local Lambda, invoked by AWS's own SDK: what is proved here is that it speaks what that
//! expects, and that its account of what happened is true.

mod caller;
mod streams;

use std::fs;

use countersign_local_lambda::{
    Emulator, Ending, Function, Invocation, Kind, LocalLambda, ServiceFailure,
};
use serde_json::{Value, json};

use crate::caller::{Boto3, Gate, abandon, invoke, whole};

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
fn a_function_that_raises_is_a_function_error_in_either_emulator() {
    for emulator in [Emulator::Rie, Emulator::RuntimeApi] {
        let crash = Function {
            emulator,
            ..Function::python("crash")
        };
        let lambda = LocalLambda::start(vec![crash]);
        let answer = whole(&lambda, json!({"FunctionName": "crash"}));
        assert_eq!(answer["status"], 200, "{answer}");
        assert_eq!(answer["function_error"], "Unhandled");
        assert_eq!(payload(&answer)["errorType"], "Crash");
        assert_eq!(payload(&answer)["errorMessage"], "on purpose");
        let ending = only(&lambda, "crash").ending;
        assert_eq!(ending, Some(Ending::FunctionError));
        assert_eq!(lambda.cold_starts("crash"), 1);
    }
}

#[test]
fn a_process_that_exits_is_a_function_error_and_costs_its_sandbox() {
    for emulator in [Emulator::Rie, Emulator::RuntimeApi] {
        let exit = Function {
            emulator,
            ..Function::python("exit")
        };
        let lambda = LocalLambda::start(vec![exit]);
        for cold_starts in 1..=2 {
            let answer = invoke(lambda.address(), "exit", "{}");
            assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
            let error: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
            let message = error["errorMessage"].as_str().unwrap();
            assert!(message.ends_with("Runtime exited with error: exit status 3"));
            assert_eq!(lambda.cold_starts("exit"), cold_starts);
        }
    }
}

#[test]
fn a_function_past_its_timeout_is_ended() {
    for emulator in [Emulator::Rie, Emulator::RuntimeApi] {
        let gate = Gate::new();
        let slow = Function {
            emulator,
            timeout_secs: 1,
            ..Function::python("slow")
        };
        let lambda = LocalLambda::start(vec![slow]);
        let answer = invoke(lambda.address(), "slow", &gate.event());
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(error["errorType"], "Sandbox.Timedout", "{error}");
        assert_eq!(lambda.in_flight("slow"), 0);
    }
}

#[test]
fn a_handler_that_cannot_be_loaded_fails_the_invocation() {
    for emulator in [Emulator::Rie, Emulator::RuntimeApi] {
        let missing = Function {
            emulator,
            ..Function::python("nothing")
        };
        let lambda = LocalLambda::start(vec![missing]);
        let answer = invoke(lambda.address(), "nothing", "{}");
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(error["errorType"], "Runtime.ImportModuleError", "{error}");
    }
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
        max_wait: std::time::Duration::from_secs(30),
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
