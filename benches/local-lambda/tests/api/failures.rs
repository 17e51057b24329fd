//! Functions that fail, in either emulator.

use countersign_local_lambda::{Emulator, Ending, Function, LocalLambda};
use serde_json::{Value, json};

use crate::caller::{Gate, invoke, whole};
use crate::{only, payload};

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
