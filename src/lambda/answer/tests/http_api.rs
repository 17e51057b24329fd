//! Answers to an HTTP API, in both of its formats.

use super::*;

/// LocalStack's `test_aws_proxy_response_payload_format_validation_v1`, recorded of API Gateway.
#[test]
fn answers_are_taken_as_an_http_api_takes_them_in_format_1_0() {
    const TEXT: &str = "content-type: text/plain; charset=utf-8";
    for (payload, want) in [
        (r#"{"statusCode":200}"#, "200 [] ".to_owned()),
        (
            r#"{"statusCode":200,"headers":{"test-header":"value","header-bool":true}}"#,
            "200 [test-header: value, header-bool: true] ".to_owned(),
        ),
        (
            r#"{"statusCode":200,"wrongValue":"value"}"#,
            "200 [] ".to_owned(),
        ),
        ("{}", "malformed".to_owned()),
        (
            r#"{"statusCode":200,"body":"dGVzdC1kYXRh","isBase64Encoded":true}"#,
            format!("200 [{TEXT}] test-data"),
        ),
        (
            r#"{"statusCode":200,"body":"dGVzdC1kYXRh"}"#,
            format!("200 [{TEXT}] dGVzdC1kYXRh"),
        ),
        (
            r#"{"statusCode":200,"multiValueHeaders":{"test-multi":["value1","value2"]}}"#,
            "200 [test-multi: value1, test-multi: value2] ".to_owned(),
        ),
        (
            r#"{"statusCode":200,"multiValueHeaders":{"test-multi-invalid":"value1"}}"#,
            "malformed".to_owned(),
        ),
        (r#"{"statusCode":"test"}"#, "malformed".to_owned()),
        (r#"{"statusCode":"201"}"#, "201 [] ".to_owned()),
        (r#""justAString""#, "malformed".to_owned()),
        (
            r#"{"headers":{"test-header":"value"}}"#,
            "malformed".to_owned(),
        ),
        (r#"{"statusCode":null}"#, "malformed".to_owned()),
        (
            r#"{"statusCode":200,"cookies":["a=b"],"body":"x"}"#,
            format!("200 [{TEXT}] x"),
        ),
    ] {
        assert_eq!(read_as(PayloadFormat::V1, payload), want, "{payload}");
    }
}

/// LocalStack's `test_aws_proxy_response_payload_format_validation_v2`, recorded likewise, and
/// "AWS Lambda integrations for HTTP APIs".
#[test]
fn answers_are_taken_as_an_http_api_takes_them_in_format_2_0() {
    const JSON: &str = "content-type: application/json";
    const TEXT: &str = "content-type: text/plain; charset=utf-8";
    for (payload, want) in [
        (r#"{"statusCode":200}"#, "200 [] ".to_owned()),
        (
            r#"{"statusCode":200,"wrongValue":"value"}"#,
            "200 [] ".to_owned(),
        ),
        ("{}", format!("200 [{JSON}] {{}}")),
        (
            r#"{"statusCode":200,"body":"dGVzdC1kYXRh","isBase64Encoded":true}"#,
            format!("200 [{TEXT}] test-data"),
        ),
        (
            r#"{"statusCode":200,"cookies":["a=b; Path=/","c=d"]}"#,
            "200 [set-cookie: a=b; Path=/, set-cookie: c=d] ".to_owned(),
        ),
        (
            r#"{"statusCode":200,"cookies":{"test-cookies-invalid":"value1"}}"#,
            "malformed".to_owned(),
        ),
        (r#"{"statusCode":"test"}"#, "malformed".to_owned()),
        (r#"{"statusCode":"201"}"#, "201 [] ".to_owned()),
        (r#""justAString""#, format!("200 [{JSON}] justAString")),
        (
            r#""Hello \"from\" Lambda!""#,
            format!("200 [{JSON}] Hello \"from\" Lambda!"),
        ),
        (
            r#"{"headers":{"test-header":"value"}}"#,
            format!(r#"200 [{JSON}] {{"headers":{{"test-header":"value"}}}}"#),
        ),
        (
            r#"{"random": {"json-body":"value"}}"#,
            format!(r#"200 [{JSON}] {{"random": {{"json-body":"value"}}}}"#),
        ),
        (
            r#"{"errorMessage":"test fake error message"}"#,
            "malformed".to_owned(),
        ),
        (r#""null""#, format!("200 [{JSON}] null")),
        ("null", format!("200 [{JSON}] null")),
        (r#""errorMessage""#, format!("200 [{JSON}] errorMessage")),
        ("[1, 2]", format!("200 [{JSON}] [1, 2]")),
        ("-1.5", format!("200 [{JSON}] -1.5")),
        ("false", format!("200 [{JSON}] false")),
        (
            r#"{"body":"x","statusCode":201}"#,
            format!("201 [{TEXT}] x"),
        ),
        (
            r#"{"errorMessage":"x","statusCode":500,"body":"x"}"#,
            format!("500 [{TEXT}] x"),
        ),
        (
            r#"{"headers":7,"headers":8}"#,
            format!(r#"200 [{JSON}] {{"headers":7,"headers":8}}"#),
        ),
        (r#"{"statusCode":null}"#, "malformed".to_owned()),
        (r#"{"statusCode":200,"headers":7}"#, "malformed".to_owned()),
        (
            r#"{"statusCode":200,"body":{"a":1}}"#,
            "malformed".to_owned(),
        ),
        ("", "malformed".to_owned()),
        ("Hello", "malformed".to_owned()),
        (r#"{"a":1"#, "malformed".to_owned()),
        (r#"{"a":1} x"#, "malformed".to_owned()),
    ] {
        assert_eq!(read_as(PayloadFormat::V2, payload), want, "{payload}");
    }
    let broken = Bytes::from_static(b"{\"a\":\"\xff\"}");
    let answer = read(&lambda(PayloadFormat::V2, &[]), broken, None);
    assert_eq!(told(answer), "malformed");
}

#[test]
fn base64_is_decoded_however_it_is_padded_or_broken_into_lines() {
    for (body, want) in [
        ("QUJD", Some("ABC")),
        ("QUI=", Some("AB")),
        ("QUI", Some("AB")),
        ("QU\\r\\nJD\\r\\n", Some("ABC")),
        ("", Some("")),
        ("Pz8\\/", Some("???")),
        ("QUI==", None),
        ("QUJ", None),
        ("Q", None),
        ("QU JD", None),
        ("QU-_", None),
        ("\u{e9}", None),
    ] {
        let payload = format!(r#"{{"statusCode":200,"body":"{body}","isBase64Encoded":true}}"#);
        for format in [PayloadFormat::V1, PayloadFormat::V2, PayloadFormat::Alb] {
            let payload = Bytes::copy_from_slice(payload.as_bytes());
            let answer = read(&lambda(format, &[]), payload, Some("text/html"));
            let text = answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
            assert_eq!(text.ok().as_deref(), want, "{format:?} {body}");
        }
    }
}
