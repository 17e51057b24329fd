//! `InvokeWithResponseStream`, of functions that stream and of one that does not.

use countersign_local_lambda::{Emulator, Ending, Function, Kind, LocalLambda};
use serde_json::{Value, json};

use crate::caller::{Boto3, Gate, abandon_stream, invoke};
use crate::only;

/// What an HTTP API would hand to a function for `GET /stream`.
pub fn event(query: &str) -> String {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/stream",
        "rawQueryString": query,
        "headers": {"host": "api.example.org"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.org",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": "/stream",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_u64,
        },
        "queryStringParameters": query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect::<std::collections::HashMap<_, _>>(),
        "isBase64Encoded": false,
    })
    .to_string()
}

fn stream(lambda: &LocalLambda, function: &str, payload: &str) -> Boto3 {
    let arguments = json!({"FunctionName": function, "Payload": payload});
    Boto3::start(lambda, "invoke_with_response_stream", arguments)
}

/// What a stream tells until its function waits at the gate.
fn until_first(caller: &mut Boto3) -> String {
    let mut early = String::new();
    while !early.ends_with("first\n") {
        early += caller.next()["chunk"].as_str().expect("a chunk");
    }
    early
}

/// The chunks of a stream put together, and what came at its end.
fn gathered(events: &[Value]) -> (String, Value) {
    let chunks = events.iter().filter_map(|event| event["chunk"].as_str());
    let last = events.last().expect("an event");
    (chunks.collect(), last["complete"].clone())
}

#[test]
fn the_first_byte_arrives_before_the_last_is_made() {
    let gate = Gate::new();
    let lambda = LocalLambda::start(vec![Function::native("lambda-stream")]);
    let mut caller = stream(&lambda, "lambda-stream", &event(&gate.query()));
    let held = gate.reached();
    let early = until_first(&mut caller);
    // It waits at the gate yet.
    assert_eq!(lambda.in_flight("lambda-stream"), 1);
    let (prelude, body) = early.split_once("\0\0\0\0\0\0\0\0").expect("a delimiter");
    let prelude: Value = serde_json::from_str(prelude).unwrap();
    assert_eq!(prelude["statusCode"], 200);
    assert_eq!(prelude["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(body, "first\n");

    drop(held);
    let (rest, complete) = gathered(&caller.all());
    assert_eq!(rest, "last\n");
    assert_eq!(complete, json!({}));
    let invocation = only(&lambda, "lambda-stream");
    assert_eq!(invocation.kind, Kind::Stream);
    assert_eq!(invocation.ending, Some(Ending::Answered));
}

#[test]
fn a_stream_may_be_larger_than_a_whole_answer() {
    let lambda = LocalLambda::start(vec![Function::native("lambda-stream")]);
    let large = event("bytes=7000000");
    let (told, complete) = gathered(&stream(&lambda, "lambda-stream", &large).all());
    let (_, body) = told.split_once("\0\0\0\0\0\0\0\0").expect("a delimiter");
    assert_eq!(body.len(), "first\n".len() + 7_000_000 + "last\n".len());
    assert_eq!(complete, json!({}));

    let refused = invoke(lambda.address(), "lambda-stream", &large);
    assert_eq!(refused.header("x-amz-function-error"), Some("Unhandled"));
    assert!(refused.body.contains("Function.ResponseSizeTooLarge"));
}

#[test]
fn a_stream_that_fails_says_so_at_its_end() {
    let mut trailing = Function::python("trailing");
    trailing.command = vec![trailing.command[0].clone(), "trailing.py".to_string()];
    trailing.emulator = Emulator::RuntimeApi;
    let lambda = LocalLambda::start(vec![Function::native("lambda-stream"), trailing]);
    for (function, query, said) in [
        ("lambda-stream", "fail=early", "failed early, on purpose"),
        ("trailing", "", "failed late, on purpose"),
    ] {
        let (body, complete) = gathered(&stream(&lambda, function, &event(query)).all());
        assert_eq!(body.contains("first"), query != "fail=early", "{body}");
        assert!(!body.contains("last"));
        assert_eq!(complete["ErrorCode"], "Unhandled", "{query}: {complete}");
        let details = complete["ErrorDetails"].as_str().unwrap();
        assert!(details.contains(said), "{details}");
        for invocation in lambda.invocations(function) {
            assert_eq!(invocation.ending, Some(Ending::FunctionError));
        }
    }
}

#[test]
fn a_process_that_exits_in_the_middle_of_a_stream_fails_it() {
    let gate = Gate::new();
    let lambda = LocalLambda::start(vec![Function::native("lambda-stream")]);
    let query = format!("fail=exit&{}", gate.query());
    let mut caller = stream(&lambda, "lambda-stream", &event(&query));
    let held = gate.reached();
    until_first(&mut caller);
    drop(held);
    let (rest, complete) = gathered(&caller.all());
    assert_eq!(rest, "");
    assert_eq!(complete["ErrorCode"], "Unhandled");
    // Whether the end of the process or that of its connection is seen first.
    let details = complete["ErrorDetails"].as_str().unwrap();
    assert!(details.contains("\"errorType\":\"Runtime."), "{details}");
}

#[test]
fn a_function_that_does_not_stream_answers_in_one_chunk() {
    let lambda = LocalLambda::start(vec![Function::python("shapes"), Function::python("crash")]);
    let (body, complete) = gathered(&stream(&lambda, "shapes", r#"{"a":1}"#).all());
    assert_eq!(body, r#"{"a": 1}"#);
    assert_eq!(complete, json!({}));
    let (body, complete) = gathered(&stream(&lambda, "crash", "{}").all());
    assert_eq!(body, "");
    assert_eq!(complete["ErrorCode"], "Unhandled");
}

#[test]
fn a_caller_that_leaves_a_stream_is_told_from_one_that_stays() {
    let gate = Gate::new();
    let lambda = LocalLambda::start(vec![Function::native("lambda-stream")]);
    let caller = abandon_stream(lambda.address(), "lambda-stream", &event(&gate.query()));
    let held = gate.reached();
    drop(caller);
    lambda.wait_until("the caller's end", |lambda| {
        only(lambda, "lambda-stream").ending == Some(Ending::Abandoned)
    });
    assert_eq!(lambda.in_flight("lambda-stream"), 1);
    drop(held);
    lambda.wait_until("the function's end", |lambda| {
        lambda.in_flight("lambda-stream") == 0
    });
}
