//! Events against texts written by hand, and against whatever callers may send.
//!
//! The texts follow the samples of the API Gateway Developer Guide ("Lambda proxy integrations in
//! API Gateway", "AWS Lambda proxy integrations for HTTP APIs", "Control access to HTTP APIs with
//! AWS Lambda authorizers") and of Elastic Load Balancing ("Lambda functions as targets"). Where
//! these say too little they follow events that others recorded on AWS: LocalStack's snapshots of
//! `test_lambda_aws_proxy_integration` (nulls, names as sent, queries decoded and paths not, the
//! last of several values, no `Content-Length`), Powertools for AWS Lambda (TypeScript), issue
//! 2624 (authorizers are told empty objects, `Content-Length` and no body; `lambda` is `null`),
//! `events/testdata` of aws-lambda-go (load balancers, requests without a body in 2.0),
//! fastify/aws-lambda-fastify, issue 169 (HTTP APIs decode the path), and
//! milliHQ/terraform-aws-next-js, issue 31 (which names of fields format 1.0 writes with capitals).

mod arbitrary;
mod requests;
mod sized;

use serde_json::{Value, json};

use crate::config::{Lambda, PayloadFormat, Stage};
use crate::lambda::{Context, Request};

use super::{authorizer_request, authorizer_token, encode};

use requests::{FULL_BODY, bare, context, der, field, full, lambda, named_stage, over_http2};

use PayloadFormat::{Alb, Rest, V1, V2};

const FORMATS: [PayloadFormat; 4] = [Rest, V1, V2, Alb];

fn event(lambda: &Lambda, request: &Request<'_>, body: &[u8]) -> Value {
    let event = encode(lambda, request, body).expect("an event");
    serde_json::from_slice(&event).expect("JSON")
}

fn told(format: PayloadFormat, request: &Request<'_>, body: &[u8]) -> Value {
    event(&lambda(format, 1 << 20), request, body)
}

fn asked(format: PayloadFormat, request: &Request<'_>, arn: &str, identity: &[&str]) -> Value {
    let event = authorizer_request(format, request, arn, identity);
    serde_json::from_slice(&event).expect("JSON")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_bare_request_is_told_in_every_form() {
    let stage = Stage::default();
    for (format, want) in [
        (Rest, include_str!("bare.rest.json")),
        (V1, include_str!("bare.v1.json")),
        (V2, include_str!("bare.v2.json")),
        (Alb, include_str!("bare.alb.json")),
    ] {
        assert_eq!(told(format, &bare(&stage), b""), parsed(want), "{format:?}");
    }
}

#[test]
fn a_request_with_everything_is_told_in_every_form() {
    let (stage, der, context) = (named_stage(), der(), context());
    let request = full(&stage, &der, &context);
    for (format, want) in [
        (Rest, include_str!("full.rest.json")),
        (V1, include_str!("full.v1.json")),
        (V2, include_str!("full.v2.json")),
        (Alb, include_str!("full.alb.json")),
    ] {
        let got = told(format, &request, FULL_BODY.as_bytes());
        assert_eq!(got, parsed(want), "{format:?}");
    }
}

#[test]
fn an_http_api_tells_a_path_decoded_but_for_its_slashes() {
    let stage = Stage::default();
    let mut request = bare(&stage);
    request.path = "/a%20b/%2fc%2Fd/%e4/%25";
    for (format, pointer) in [
        (V1, "/path"),
        (V1, "/requestContext/path"),
        (V2, "/rawPath"),
        (V2, "/requestContext/http/path"),
    ] {
        let told = told(format, &request, b"");
        let path = told.pointer(pointer).and_then(Value::as_str);
        assert_eq!(path, Some("/a b/%2fc%2Fd/\u{fffd}/%"), "{pointer}");
    }
    let told = told(Rest, &request, b"");
    assert_eq!(told["path"], request.path);
}

#[test]
fn a_request_over_http2_is_told_in_every_form() {
    let stage = Stage::default();
    for (format, want) in [
        (Rest, include_str!("http2.rest.json")),
        (V1, include_str!("http2.v1.json")),
        (V2, include_str!("http2.v2.json")),
        (Alb, include_str!("http2.alb.json")),
    ] {
        let mut lambda = lambda(format, 1 << 20);
        lambda.multi_value_headers = true;
        let got = event(&lambda, &over_http2(&stage), b"\x89PNG");
        assert_eq!(got, parsed(want), "{format:?}");
    }
}

#[test]
fn authorizers_are_asked_about_a_whole_request_in_every_form() {
    let stage = Stage::default();
    let arn = "arn:aws:execute-api:us-west-2:000000000000:countersign/$default/GET/";
    for (format, want) in [
        (Rest, include_str!("bare.ask_rest.json")),
        (V2, include_str!("bare.ask_v2.json")),
    ] {
        let got = asked(format, &bare(&stage), arn, &[]);
        assert_eq!(got, parsed(want), "{format:?}");
    }
    let (stage, der, context) = (named_stage(), der(), context());
    let request = full(&stage, &der, &context);
    let arn =
        "arn:aws:execute-api:us-west-2:123456789012:abcdef123/test/POST/shop/s%C3%A9/a%2Bb/c+d/";
    for (format, want) in [
        (Rest, include_str!("full.ask_rest.json")),
        (V1, include_str!("full.ask_v1.json")),
        (V2, include_str!("full.ask_v2.json")),
    ] {
        let got = asked(format, &request, arn, &["user1", "123"]);
        assert_eq!(got, parsed(want), "{format:?}");
    }
}

#[test]
fn an_authorizer_is_asked_about_a_token() {
    let event = authorizer_token(
        "Bearer \"foo\"",
        "arn:aws:execute-api:eu-west-1:1:a/prod/POST/x",
    );
    let want = json!({
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:eu-west-1:1:a/prod/POST/x",
        "authorizationToken": "Bearer \"foo\"",
    });
    assert_eq!(serde_json::from_slice::<Value>(&event).expect("JSON"), want);
}

#[test]
fn a_request_without_fields_has_none_to_tell() {
    let stage = Stage::default();
    let request = Request {
        fields: Vec::new(),
        ..bare(&stage)
    };
    // So the console's own test of a REST API has it.
    let rest = told(Rest, &request, b"");
    assert_eq!(rest["headers"], Value::Null);
    assert_eq!(rest["multiValueHeaders"], Value::Null);
    assert_eq!(rest["requestContext"]["identity"]["userAgent"], Value::Null);
    assert_eq!(told(V2, &request, b"")["headers"], json!({}));
    assert_eq!(told(Alb, &request, b"")["headers"], json!({}));
}

#[test]
fn an_authorizer_that_says_nothing_more_is_told_so() {
    let stage = Stage::default();
    let silent = Context::default();
    let request = Request {
        context: Some(&silent),
        ..bare(&stage)
    };
    let authorizer = |format| told(format, &request, b"")["requestContext"]["authorizer"].clone();
    assert_eq!(authorizer(Rest), json!({}));
    assert_eq!(authorizer(V1), json!({}));
    assert_eq!(authorizer(V2), json!({ "lambda": null }));
}

#[test]
fn an_authorizer_names_no_consumer() {
    let stage = Stage::default();
    let mut context = context();
    context
        .values
        .retain(|name, _| name == "consumer" || name == "principalId");
    let request = Request {
        context: Some(&context),
        ..bare(&stage)
    };
    let authorizer = |format| told(format, &request, b"")["requestContext"]["authorizer"].clone();
    assert_eq!(authorizer(Rest), json!({ "principalId": "user|4711" }));
    assert_eq!(authorizer(V1), json!({ "principalId": "user|4711" }));
    // Nobody but the authorizer says `principalId` there.
    assert_eq!(
        authorizer(V2),
        json!({ "lambda": { "principalId": "other" } })
    );
}

/// Whether a body travels in base64, by format.
fn is_base64(fields: &[(&'static str, &'static str)], body: &[u8]) -> [bool; 4] {
    let stage = Stage::default();
    let request = Request {
        fields: fields.iter().map(|known| field(*known)).collect(),
        ..bare(&stage)
    };
    FORMATS.map(|format| told(format, &request, body)["isBase64Encoded"] == true)
}

#[test]
fn what_travels_in_base64_depends_on_the_api() {
    let of_type = |name| [("Content-Type", name)];
    // REST API, HTTP API in both formats, load balancer.
    let (plain, coded) = ([false; 4], [true; 4]);
    let but_rest = [false, true, true, true];
    for (fields, body, want) in [
        (&of_type("text/csv")[..], &b"a,b"[..], plain),
        (&of_type("application/json; charset=utf-8"), b"{}", plain),
        (
            &of_type("application/x-www-form-urlencoded"),
            b"a=b",
            but_rest,
        ),
        (&[], b"text", but_rest),
        (&of_type("IMAGE/svg+xml"), b"<svg/>", coded),
        // Nothing needs no base64, and what is no UTF-8 cannot do without.
        (&of_type("image/png"), b"", plain),
        (&of_type("text/plain"), b"\xe9", coded),
        (
            &[("content-type", "text/plain"), ("content-encoding", "x")],
            b"text",
            [false, false, false, true],
        ),
    ] {
        assert_eq!(is_base64(fields, body), want, "{fields:?} {body:?}");
    }
}
