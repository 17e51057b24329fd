//! Answers to a load balancer.

use super::*;

/// "Use Lambda functions as targets of an Application Load Balancer", and what AWS verified in
/// its library for Go (aws/aws-lambda-go, pull request 408): `"body": null` is 502.
#[test]
fn answers_are_taken_as_a_load_balancer_takes_them() {
    const PLAIN: &str = "content-type: application/octet-stream";
    for (payload, want) in [
        (
            r#"{"isBase64Encoded":false,"statusCode":200,"statusDescription":"200 OK","headers":{"Set-cookie":"cookies","Content-Type":"application/json"},"body":"Hello from Lambda (optional)"}"#,
            "200 [set-cookie: cookies, content-type: application/json] Hello from Lambda (optional)".to_owned(),
        ),
        (r#"{"statusCode":200}"#, "200 [] ".to_owned()),
        (r#"{"statusCode":200,"body":null}"#, "malformed".to_owned()),
        (r#"{"statusCode":200,"headers":null}"#, "malformed".to_owned()),
        (r#"{"statusCode":200,"body":"x"}"#, format!("200 [{PLAIN}] x")),
        (r#"{"body":"x"}"#, "malformed".to_owned()),
        ("{}", "malformed".to_owned()),
        (r#"{"statusCode":200,"other":1}"#, "200 [] ".to_owned()),
        (r#"{"statusCode":200,"statusDescription":""}"#, "200 [] ".to_owned()),
        (r#"{"statusCode":200,"statusDescription":"OK"}"#, "malformed".to_owned()),
        (r#"{"statusCode":200,"statusDescription":"200"}"#, "malformed".to_owned()),
        (r#"{"statusCode":200,"statusDescription":"200  OK"}"#, "malformed".to_owned()),
        (r#"{"statusCode":200,"statusDescription":200}"#, "malformed".to_owned()),
        (
            r#"{"statusCode":404,"statusDescription":"404 Not Found"}"#,
            "404 [] ".to_owned(),
        ),
    ] {
        assert_eq!(read_as(PayloadFormat::Alb, payload), want, "{payload}");
    }
}

#[test]
fn of_both_kinds_of_fields_the_one_that_is_configured_counts() {
    let payload = Bytes::from_static(
        br#"{"statusCode":204,"headers":{"x-a":"1"},"multiValueHeaders":{"x-b":["2","3"]}}"#,
    );
    let mut lambda = lambda(PayloadFormat::Alb, &[]);
    let answer = told(read(&lambda, payload.clone(), None));
    assert_eq!(answer, "204 [x-a: 1] ");
    lambda.multi_value_headers = true;
    let answer = told(read(&lambda, payload, None));
    assert_eq!(answer, "204 [x-b: 2, x-b: 3] ");
    // As AWS's library for Go writes the other kind.
    let null = Bytes::from_static(
        br#"{"statusCode":204,"headers":null,"multiValueHeaders":{"x-b":["2"]}}"#,
    );
    assert_eq!(told(read(&lambda, null, None)), "204 [x-b: 2] ");
}
