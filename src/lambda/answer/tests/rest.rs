//! Answers to a REST API.

use super::*;

/// LocalStack's `test_aws_proxy_response_payload_format_validation`, recorded of API Gateway; and
/// `null` fields as functions in Rust write them.
#[test]
fn answers_are_taken_as_a_rest_api_takes_them() {
    const JSON: &str = "content-type: application/json";
    for (payload, want) in [
        (r#"{"statusCode":200}"#, format!("200 [{JSON}] ")),
        (
            r#"{"statusCode":200,"headers":{"test-header":"value","header-bool":true}}"#,
            format!("200 [test-header: value, header-bool: true, {JSON}] "),
        ),
        (
            r#"{"statusCode":200,"headers":null}"#,
            format!("200 [{JSON}] "),
        ),
        (
            r#"{"statusCode":200,"wrongValue":"value"}"#,
            "malformed".to_owned(),
        ),
        ("{}", "malformed".to_owned()),
        (r#""justAString""#, "malformed".to_owned()),
        ("null", "malformed".to_owned()),
        (
            r#"{"statusCode":200,"body":"dGVzdC1kYXRh","isBase64Encoded":true}"#,
            format!("200 [{JSON}] dGVzdC1kYXRh"),
        ),
        (
            r#"{"statusCode":200,"body":"dGVzdC1kYXRh"}"#,
            format!("200 [{JSON}] dGVzdC1kYXRh"),
        ),
        (
            r#"{"statusCode":200,"multiValueHeaders":{"test-multi":["value1","value2"]}}"#,
            format!("200 [test-multi: value1, test-multi: value2, {JSON}] "),
        ),
        (
            r#"{"statusCode":200,"multiValueHeaders":{"tesT-Multi":["value-multi"]},"headers":{"test-multi":"value-solo"}}"#,
            format!("200 [test-multi: value-multi, test-multi: value-solo, {JSON}] "),
        ),
        (
            r#"{"statusCode":200,"headers":{"test-multi":"b"},"multiValueHeaders":{"Test-Multi":["a","b"]}}"#,
            format!("200 [test-multi: a, test-multi: b, {JSON}] "),
        ),
        (
            r#"{"statusCode":200,"multiValueHeaders":{"test-multi-invalid":"value1"}}"#,
            "malformed".to_owned(),
        ),
        (r#"{"statusCode":"test"}"#, "malformed".to_owned()),
        (r#"{"statusCode":"201"}"#, format!("201 [{JSON}] ")),
        (
            r#"{"headers":{"test-header":"value"}}"#,
            format!("200 [test-header: value, {JSON}] "),
        ),
        (
            r#"{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":"foobar\n"}"#,
            format!("200 [{JSON}] foobar\n"),
        ),
    ] {
        assert_eq!(read_as(PayloadFormat::Rest, payload), want, "{payload}");
    }
}

#[test]
fn what_is_no_json_or_of_another_kind_is_no_answer() {
    for payload in [
        "",
        " ",
        "OK",
        "{\"statusCode\":200",
        "{\"statusCode\":200} x",
        "[200]",
        "[{\"statusCode\":200}]",
        "true",
        "7",
        r#"{"statusCode":200,"body":{"a":1}}"#,
        r#"{"statusCode":200,"body":["a"]}"#,
        r#"{"statusCode":200,"body":1}"#,
        r#"{"statusCode":200,"body":true}"#,
        r#"{"statusCode":200,"body":"\ud800"}"#,
        r#"{"statusCode":200,"headers":[]}"#,
        r#"{"statusCode":200,"headers":"a"}"#,
        r#"{"statusCode":200,"headers":{"a":null}}"#,
        r#"{"statusCode":200,"headers":{"a":["b"]}}"#,
        r#"{"statusCode":200,"headers":{"a":{}}}"#,
        r#"{"statusCode":200,"multiValueHeaders":{"a":[["b"]]}}"#,
        r#"{"statusCode":200,"isBase64Encoded":"true"}"#,
        r#"{"statusCode":200,"cookies":["a=b"]}"#,
        r#"{"StatusCode":200}"#,
    ] {
        assert_eq!(
            read_as(PayloadFormat::Rest, payload),
            "malformed",
            "{payload}"
        );
    }
    let broken = Bytes::from_static(b"{\"statusCode\":200,\"body\":\"\xff\"}");
    let answer = read(&lambda(PayloadFormat::Rest, &[]), broken, None);
    assert_eq!(told(answer), "malformed");
}

/// "Content type conversions in API Gateway": the first media type of `Accept` alone decides.
#[test]
fn base64_is_decoded_for_a_caller_who_accepts_a_binary_type_first() {
    let payload = r#"{"statusCode":200,"headers":{"content-type":"image/png"},"body":"AAEC","isBase64Encoded":true}"#;
    for (binary, accept, decoded) in [
        (&["image/png"][..], Some("image/png"), true),
        (&["image/*"], Some("image/png;q=0.5, text/html"), true),
        (&["image/png"], Some("text/html, image/png"), false),
        (&["image/png"], Some("*/*"), false),
        (&["image/png"], None, false),
        (&[], Some("image/png"), false),
        (&["*/*"], Some("*/*"), true),
        (&["*/*"], None, true),
        (&["application/json"], None, true),
    ] {
        let lambda = lambda(PayloadFormat::Rest, binary);
        let answer = read(&lambda, Bytes::from_static(payload.as_bytes()), accept);
        let body = answer.map(|answer| answer.body);
        let want: &[u8] = if decoded { &[0, 1, 2] } else { b"AAEC" };
        assert_eq!(body.as_deref(), Ok(want), "{binary:?} {accept:?}");
    }
}
