//! Answers as functions write them, row by row from what API Gateway and load balancers were
//! recorded or documented to make of them; and what is none.

mod alb;
mod http_api;
mod prelude;
mod rest;

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use crate::config::{Function, Invocation, Lambda, MediaTypes, PayloadFormat};

use super::{Answer, Malformed, read};

/// An integration of this form, whose binary media types these are.
fn lambda(format: PayloadFormat, binary: &[&str]) -> Lambda {
    Lambda {
        function: Function {
            name: "f".to_owned(),
            qualifier: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            connect_timeout: Duration::from_secs(1),
            timeout: None,
            max_concurrency: 1,
            max_payload_bytes: 6 << 20,
        },
        invocation: Invocation::RequestResponse,
        payload_format: format,
        binary_media_types: MediaTypes::new(binary.iter().map(|t| (*t).to_owned()).collect()),
        multi_value_headers: false,
        target_group_arn: String::new(),
        idle_timeout: Duration::from_secs(1),
    }
}

/// An answer in one line: `200 [name: value, …] body`.
fn told(answer: Result<Answer, Malformed>) -> String {
    match answer {
        Err(_) => "malformed".to_owned(),
        Ok(answer) => format!(
            "{} {} {}",
            answer.status.as_u16(),
            listed(&answer.fields),
            String::from_utf8_lossy(&answer.body)
        ),
    }
}

fn listed(fields: &[(http::HeaderName, http::HeaderValue)]) -> String {
    let fields = fields.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}: {value}")
    });
    format!("[{}]", fields.collect::<Vec<_>>().join(", "))
}

fn read_as(format: PayloadFormat, payload: &str) -> String {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    told(read(&lambda(format, &[]), payload, None))
}

const FORMATS: [PayloadFormat; 4] = [
    PayloadFormat::Rest,
    PayloadFormat::V1,
    PayloadFormat::V2,
    PayloadFormat::Alb,
];

#[test]
fn only_what_ends_a_request_is_a_status() {
    for format in FORMATS {
        for (status, good) in [
            ("200", true),
            ("599", true),
            ("\"404\"", true),
            ("100", false),
            ("101", false),
            ("199", false),
            ("600", false),
            ("0", false),
            ("-200", false),
            ("65736", false),
            ("200.0", false),
            ("2e2", false),
            ("\"\"", false),
            ("\"20\"", false),
            ("\"+20\"", false),
            ("\" 200\"", false),
            ("\"0200\"", false),
            ("\"200 OK\"", false),
            ("true", false),
            ("[200]", false),
        ] {
            let told = read_as(format, &format!(r#"{{"statusCode":{status}}}"#));
            assert_eq!(told != "malformed", good, "{format:?} {status}: {told}");
        }
    }
}

#[test]
fn what_frames_a_message_or_concerns_a_connection_is_left_out() {
    for format in FORMATS {
        let payload = r#"{"statusCode":200,"headers":{"Content-Length":5,"CONNECTION":"close",
            "Keep-Alive":"x","Proxy-Connection":"x","TE":"trailers","Trailer":"x",
            "Transfer-Encoding":"chunked","Upgrade":"h2c","content-type":"a/b","X-A":"1"},
            "body":"no"}"#;
        let want = "200 [content-type: a/b, x-a: 1] no";
        assert_eq!(read_as(format, payload), want, "{format:?}");
    }
}

#[test]
fn what_http_does_not_allow_in_a_field_makes_no_answer() {
    for format in FORMATS {
        for (name, value, good) in [
            ("X-A", "a\\tb \u{e9}", true),
            ("X-A", " padded\\t", true),
            ("X-A", "", true),
            ("X-A", "a\\r\\nX-B: 1", false),
            ("X-A", "a\\nb", false),
            ("X-A", "a\\u0000b", false),
            ("X-A", "a\\u007fb", false),
            ("", "a", false),
            ("X A", "a", false),
            ("X-A:", "a", false),
            (":status", "200", false),
            ("X-\u{e9}", "a", false),
            ("X-A\\r\\nX-B", "a", false),
        ] {
            let payload = format!(r#"{{"statusCode":204,"headers":{{"{name}":"{value}"}}}}"#);
            let told = read_as(format, &payload);
            assert_eq!(told != "malformed", good, "{format:?} {payload}: {told}");
        }
    }
    let padded = r#"{"statusCode":204,"headers":{"X-A":" \tpadded\t"}}"#;
    assert_eq!(
        read_as(PayloadFormat::Rest, padded),
        "204 [x-a: padded] ",
        "no value begins or ends with white space"
    );
}

#[test]
fn fields_are_bounded_in_number_and_size() {
    let with = |fields: Vec<String>| {
        let payload = format!(r#"{{"statusCode":204,"headers":{{{}}}}}"#, fields.join(","));
        read_as(PayloadFormat::V2, &payload) != "malformed"
    };
    let numbered = |n: usize| (0..n).map(|i| format!(r#""x-{i}":"v""#)).collect();
    assert!(with(numbered(256)) && !with(numbered(257)));
    let long = |n: usize| vec![format!(r#""x-a":"{}""#, "v".repeat(n))];
    assert!(with(long(100 * 1024 - 3)) && !with(long(100 * 1024 - 2)));
    let cookies = |n: usize| {
        let cookies = vec!["\"a=b\""; n].join(",");
        let payload =
            format!(r#"{{"statusCode":204,"headers":{{"a":"b"}},"cookies":[{cookies}]}}"#);
        read_as(PayloadFormat::V2, &payload) != "malformed"
    };
    assert!(cookies(255) && !cookies(256) && !cookies(257));
}

#[test]
fn what_is_there_twice_has_no_meaning() {
    for payload in [
        r#"{"statusCode":200,"statusCode":200}"#,
        r#"{"statusCode":200,"body":"a","body":"b"}"#,
        r#"{"statusCode":200,"body":null,"body":"b"}"#,
        r#"{"statusCode":200,"headers":{},"headers":{}}"#,
        r#"{"statusCode":200,"headers":{"x-a":"1","x-a":"2"}}"#,
        r#"{"statusCode":200,"headers":{"x-a":"1","x-\u0061":"2"}}"#,
        r#"{"statusCode":200,"isBase64Encoded":true,"isBase64Encoded":false}"#,
    ] {
        for format in FORMATS {
            assert_eq!(
                read_as(format, payload),
                "malformed",
                "{format:?} {payload}"
            );
        }
    }
    // Two keys of one field are how functions set two cookies.
    let cased = r#"{"statusCode":204,"headers":{"Set-Cookie":"a=1","set-cookie":"b=2"}}"#;
    for format in FORMATS {
        let want = "204 [set-cookie: a=1, set-cookie: b=2] ";
        assert_eq!(read_as(format, cased), want, "{format:?}");
    }
}

#[test]
fn a_body_without_escapes_is_a_part_of_the_payload() {
    let within = |payload: &Bytes, part: &Bytes| {
        let payload = payload.as_ptr_range();
        payload.contains(&part.as_ptr())
    };
    for format in FORMATS {
        let payload = Bytes::from_static(br#"{"statusCode":200,"body":"plain"}"#);
        let body = read(&lambda(format, &[]), payload.clone(), None).map(|answer| answer.body);
        assert!(within(&payload, &body.unwrap()), "{format:?}");
        let payload = Bytes::from_static(br#"{"statusCode":200,"body":"a\nb"}"#);
        let body = read(&lambda(format, &[]), payload.clone(), None).map(|answer| answer.body);
        assert_eq!(body, Ok(Bytes::from_static(b"a\nb")), "{format:?}");
    }
    for payload in [&b"\"plain\""[..], b"[1]"] {
        let payload = Bytes::from_static(payload);
        let answer = read(&lambda(PayloadFormat::V2, &[]), payload.clone(), None);
        assert!(within(&payload, &answer.map(|answer| answer.body).unwrap()));
    }
}

#[test]
fn neither_204_nor_304_has_content() {
    for format in FORMATS {
        for status in [204, 304] {
            let payload = format!(r#"{{"statusCode":{status},"body":"x"}}"#);
            assert_eq!(read_as(format, &payload), format!("{status} [] "));
        }
    }
}

/// JSON that is nearly an answer.
fn nearly() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("200".to_owned()),
        Just("\"200\"".to_owned()),
        Just("\"QUJD\"".to_owned()),
        Just("\"a\\u00e9\\n\"".to_owned()),
        Just("\"200 OK\"".to_owned()),
        Just(r#"{"Content-Type":"a/b","X-N":1,"x-b":false}"#.to_owned()),
        Just(r#"{"Set-Cookie":["a","b"],"x":[]}"#.to_owned()),
        Just("[\"a=b\"]".to_owned()),
    ];
    let key = prop_oneof![
        Just("statusCode"),
        Just("statusDescription"),
        Just("headers"),
        Just("multiValueHeaders"),
        Just("cookies"),
        Just("body"),
        Just("isBase64Encoded"),
        Just("other"),
    ];
    prop::collection::vec((key, value), 0..6).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| format!("\"{key}\":{value}"));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #[test]
    fn no_payload_makes_a_panic_or_an_answer_that_frames_itself(
        payload in prop_oneof![
            any::<Vec<u8>>(),
            nearly().prop_map(String::into_bytes),
            "[\\[\\]{}\":,a-z0-9\\\\ ]{0,40}".prop_map(String::into_bytes),
        ],
        lists in any::<bool>(),
        accept in prop::option::of("[a-z*/, ]{0,20}"),
    ) {
        for format in FORMATS {
            let mut lambda = lambda(format, &["*/*"]);
            lambda.multi_value_headers = lists;
            let answer = read(&lambda, Bytes::from(payload.clone()), accept.as_deref());
            let Ok(answer) = answer else { continue };
            prop_assert!((200..600).contains(&answer.status.as_u16()));
            for (name, _) in &answer.fields {
                prop_assert!(!matches!(
                    name.as_str(),
                    "content-length" | "transfer-encoding" | "connection" | "upgrade"
                ));
            }
        }
    }
}
