//! What the log and a trace tell of requests that an authorizer let in, and what it is told itself.

use serde_json::json;

use super::*;
use crate::harness::otlp::{Receiver, hex};
use crate::harness::wait_for;

const PROCESS: &str = "[gateway]\naccess_log = \"access.log\"\nthreads = 1\n\
     access_log_format = \"$context.xrayTraceId|$context.authorizer.tenant|\
     $context.authorizer.principalId|$context.integration.status|$context.integrationStatus|\
     $context.error.responseType|$context.requestId\"\n[admin]\naddress = \"127.0.0.1:0\"\n";
const REQUEST: &str = "type = \"request\"\npayload_format = \"rest\"\n\
     identity_sources = [\"$request.header.Authorization\"]";

#[test]
fn an_authorizer_and_its_word_are_in_the_trace_and_in_the_log() {
    let receiver = Receiver::start();
    let scene = Scene::of(vec![verbatim("by"), Function::python("echo")], |places| {
        PROCESS.to_owned()
            + &places.authorizer("by", REQUEST)
            + &policy("by")
            + &route("by", "by", "echo")
            + &integration("echo", "echo", places.lambda, "payload_format = \"rest\"")
            + &receiver.config("sample = 1")
    });
    let forged = "X-Amzn-Trace-Id: Root=1-4bf92f35-77b34da6a3ce929d0e0e4736\r\n";
    let context = json!({"tenant": "a|b"});
    let allowed = saying(&ruling(&[("Allow", "*")], context));
    assert_eq!(scene.get("/by/x", &(allowed + forged)).status, 200);
    let denied = saying(&ruling(&[("Deny", "*")], json!({})));
    assert_eq!(scene.get("/by/x", &denied).status, 403);

    let lines = wait_for("two lines", || {
        let text = scene.gateway.log_text();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() == 2).then_some(lines)
    });
    let (root, rest) = lines[0].split_once('|').unwrap();
    assert!(rest.starts_with("a|b|user|200|200|-|"), "{}", lines[0]);
    assert!(lines[1].contains("|-|-|-|-|ACCESS_DENIED|"), "{}", lines[1]);

    let trace = root.replacen("1-", "", 1).replace('-', "");
    let spans = receiver.trace(&trace, 2);
    let told = |function: &str, at: usize| {
        let invocations = scene.lambda.invocations(function);
        let event: serde_json::Value = serde_json::from_slice(&invocations[at].body).unwrap();
        event["headers"]["X-Amzn-Trace-Id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let field = |span: &[u8]| format!("Root={root};Parent={};Sampled=1", hex(span));
    assert_eq!(told("by", 0), field(&spans[0].span_id));
    assert_eq!(told("echo", 0), field(&spans[1].span_id));
    assert_eq!(spans[1].parent_span_id, spans[0].span_id);
    assert!(!format!("{:?}", receiver.taken()).contains(SECRET_PART));
}
