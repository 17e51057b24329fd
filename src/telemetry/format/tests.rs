//! Lines by templates: that they say what is known, and that nobody can break one.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client_certificate::ClientCertificate;
use crate::clock::UtcTime;
use crate::config::{LogFormat, Stage};
use crate::refusal::Refusal;
use crate::telemetry::LogTime;

fn record<'a>(path: &'a str, details: &'a RequestDetails<'a>) -> RequestRecord<'a> {
    RequestRecord {
        time: LogTime::now(),
        request_id: "0123456789abcdef0000000000000001",
        listener: "public",
        peer: "203.0.113.9:4711".parse().expect("an address"),
        via: None,
        vpc_endpoint: None,
        protocol: "HTTP/2",
        method: "GET",
        host: "api.example.com:8443",
        path,
        route: Some("orders"),
        consumer: Some("billing"),
        certificate_subject: None,
        certificate_serial: None,
        certificate_verdict: None,
        tls: Some("TLS 1.3"),
        status: 200,
        refusal: None,
        detail: "",
        target: None,
        bytes_in: 3,
        bytes_out: 14,
        duration_ms: 2.6,
        upstream_ms: Some(1.4),
        decide_us: 12.4,
        trace_id: Some("5759e988bd862e3fe1be46a994272793"),
        details: Some(details),
    }
}

fn template(text: &str) -> LogTemplate {
    LogTemplate::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn line(template: &LogTemplate, record: &RequestRecord<'_>) -> String {
    let mut out = Vec::new();
    write(&mut out, template, record);
    String::from_utf8(out).expect("ASCII")
}

/// What `$context.name` becomes in a line of text.
fn value(name: &str, record: &RequestRecord<'_>) -> String {
    let template = template(&format!("$context.requestId|$context.{name}"));
    let line = line(&template, record);
    line.split_once('|').expect("two parts").1.to_owned()
}

#[test]
fn variables_say_what_is_known() {
    let stage = Stage {
        name: "prod".to_owned(),
        ..Stage::default()
    };
    let context = json!({"tenant": "a b", "level": 7, "list": ["x"], "none": null});
    let refusal = Refusal::SignatureExpired;
    let details = RequestDetails {
        stage: Some(&stage),
        context: context.as_object(),
        principal: Some("user|7"),
        user_arn: Some("arn:aws:sts::123456789012:assumed-role/app/x"),
        user_agent: Some(b"curl/8 \xff"),
        referer: Some(b"https://a/b?token=secret"),
        refusal: Some(&refusal),
        cipher: Some("TLS_AES_128_GCM_SHA256"),
        ..RequestDetails::NONE
    };
    let record = record("/orders/7", &details);
    for (name, expected) in [
        ("accountId", "000000000000"),
        ("apiId", "countersign"),
        ("stage", "prod"),
        ("path", "/prod/orders/7"),
        ("countersign.path", "/orders/7"),
        ("protocol", "HTTP/2.0"),
        ("domainName", "api.example.com"),
        ("domainPrefix", "api"),
        ("httpMethod", "GET"),
        ("status", "200"),
        ("responseLatency", "3"),
        ("integrationLatency", "1"),
        ("responseLength", "14"),
        ("dataProcessed", "17"),
        ("tlsVersion", "TLSv1.3"),
        ("cipherSuite", "TLS_AES_128_GCM_SHA256"),
        ("xrayTraceId", "1-5759e988-bd862e3fe1be46a994272793"),
        ("identity.sourceIp", "203.0.113.9"),
        ("identity.user", "billing"),
        ("identity.userAgent", r"curl/8 \xEF\xBF\xBD"),
        (
            "identity.userArn",
            "arn:aws:sts::123456789012:assumed-role/app/x",
        ),
        ("identity.accountId", "123456789012"),
        ("identity.apiKey", "-"),
        ("identity.clientCert.subjectDN", "-"),
        ("countersign.referer", "https://a/b"),
        ("authorizer.principalId", "user|7"),
        ("authorizer.tenant", "a b"),
        ("authorizer.level", "7"),
        ("authorizer.list", r"[\x22x\x22]"),
        ("authorizer.none", "-"),
        ("authorizer.consumer", "billing"),
        ("authorizer.claims.sub", "-"),
        ("error.message", "The signature has expired."),
        ("error.messageString", "\"The signature has expired.\""),
        ("error.responseType", "EXPIRED_TOKEN"),
        ("integration.status", "-"),
        ("waf.status", "-"),
        ("resourcePath", "-"),
    ] {
        assert_eq!(value(name, &record), expected, "{name}");
    }
}

#[test]
fn a_certificate_is_told_as_functions_are_told_of_it() {
    let details = RequestDetails {
        certificate: Some(ClientCertificate {
            der: &[0x30, 0x00],
            subject: "CN=billing",
            issuer: "CN=ca",
            serial: "00a1b2",
            not_before: UtcTime::from_unix(0),
            not_after: UtcTime::from_unix(0).plus(Duration::from_secs(86_400)),
        }),
        ..RequestDetails::NONE
    };
    let record = record("/", &details);
    for (name, expected) in [
        ("subjectDN", "CN=billing"),
        ("issuerDN", "CN=ca"),
        ("serialNumber", "a1:b2"),
        ("validity.notBefore", "Jan  1 00:00:00 1970 GMT"),
        ("validity.notAfter", "Jan  2 00:00:00 1970 GMT"),
        (
            "clientCertPem",
            r"-----BEGIN CERTIFICATE-----\x0AMAA=\x0A-----END CERTIFICATE-----\x0A",
        ),
    ] {
        let name = format!("identity.clientCert.{name}");
        assert_eq!(value(&name, &record), expected, "{name}");
    }
}

#[test]
fn a_request_is_told_from_when_it_came() {
    let record = record("/", &RequestDetails::NONE);
    let at = record.time.unix_ms() - 3;
    assert_eq!(value("requestTimeEpoch", &record), at.to_string());
    let seconds = UtcTime::from_unix(at.div_euclid(1000)).common_log();
    assert_eq!(value("requestTime", &record), seconds);
}

#[test]
fn values_in_json_keep_their_type() {
    let refusal = Refusal::RouteNotFound;
    let context = json!({"level": 7, "list": ["ü"]});
    let details = RequestDetails {
        context: context.as_object(),
        refusal: Some(&refusal),
        ..RequestDetails::NONE
    };
    let template = template(concat!(
        r#"{"id":"$context.requestId","status":$context.status,"text":"$context.status","#,
        r#""key":$context.identity.apiKey,"no":"$context.identity.apiKey","#,
        r#""why":$context.error.messageString,"inner":"$context.error.messageString","#,
        r#""level":$context.authorizer.level,"list":$context.authorizer.list,"#,
        r#""ip":$context.identity.sourceIp}"#
    ));
    let line = line(&template, &record("/", &details));
    let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        value,
        json!({
            "id": "0123456789abcdef0000000000000001",
            "status": 200,
            "text": "200",
            "key": null,
            "no": "-",
            "why": "There is no such route.",
            "inner": "\"There is no such route.\"",
            "level": 7,
            "list": ["ü"],
            "ip": "203.0.113.9",
        })
    );
}

#[test]
fn the_presets_look_as_others_write_them() {
    let details = RequestDetails {
        user_agent: Some(b"curl/8"),
        ..RequestDetails::NONE
    };
    let record = record("/orders/7", &details);
    let time = value("requestTime", &record);
    for (preset, expected) in [
        (
            "clf",
            format!(
                "203.0.113.9 billing billing [{time}] \"GET - HTTP/2.0\" 200 14 {}",
                record.request_id
            ),
        ),
        (
            "combined",
            format!(
                "203.0.113.9 - billing [{time}] \"GET /orders/7 HTTP/2.0\" 200 14 \"-\" \"curl/8\""
            ),
        ),
    ] {
        let Ok(LogFormat::Template(template)) = LogFormat::parse(preset) else {
            panic!("{preset}");
        };
        assert_eq!(line(&template, &record), expected);
    }
}

#[test]
fn bytes_that_never_became_a_request_have_a_line_too() {
    let refusal = Refusal::Malformed("why");
    let details = RequestDetails {
        refusal: Some(&refusal),
        ..RequestDetails::NONE
    };
    let record = ConnectionRecord {
        time: LogTime::now(),
        request_id: "id",
        listener: "public",
        peer: "[::ffff:203.0.113.9]:1".parse().expect("an address"),
        via: None,
        vpc_endpoint: None,
        status: 400,
        refusal: refusal.code(),
        detail: refusal.detail(),
        details: Some(&details),
    };
    let text = "$context.requestId $context.identity.sourceIp $context.httpMethod \
                $context.status $context.path $context.error.message";
    let mut out = Vec::new();
    write_refused(&mut out, &template(text), &record);
    let expected = "id 203.0.113.9 - 400 - The request is malformed.";
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

/// Every variable that callers choose, in and out of quotes.
const HOSTILE_JSON: &str = concat!(
    r#"{"id":"$context.requestId","path":"a$context.path\\$context.path","bare":$context.path,"#,
    r#""host":$context.domainName,"agent":"$context.identity.userAgent","#,
    r#""referer":["$context.countersign.referer"],"said":$context.authorizer.said,"#,
    r#""quoted":"$context.authorizer.said","subject":"$context.identity.clientCert.subjectDN"}"#
);

proptest! {
    #[test]
    fn a_template_of_json_gives_one_line_of_json_whatever_callers_send(
        text in any::<String>(),
        bytes in any::<Vec<u8>>(),
    ) {
        let context = json!({"said": {&text: [text]}});
        let details = RequestDetails {
            user_agent: Some(&bytes),
            referer: Some(&bytes),
            context: context.as_object(),
            certificate: Some(ClientCertificate {
                der: &bytes,
                subject: &text,
                issuer: &text,
                serial: "",
                not_before: UtcTime::from_unix(0),
                not_after: UtcTime::from_unix(0),
            }),
            ..RequestDetails::NONE
        };
        let record = RequestRecord { host: &text, ..record(&text, &details) };
        let line = line(&template(HOSTILE_JSON), &record);
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", line);
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if !text.is_empty() {
            prop_assert_eq!(&value["bare"], &json!(text));
            prop_assert_eq!(&value["path"], &json!(format!("a{text}\\{text}")));
        }
        prop_assert_eq!(&value["said"], &context["said"]);
    }

    #[test]
    fn a_line_of_text_is_one_line_in_which_quotes_hold(text in any::<String>()) {
        let record = record(&text, &RequestDetails::NONE);
        let line = line(&template("$context.requestId \"$context.path\" end"), &record);
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", line);
        prop_assert_eq!(line.matches('"').count(), 2);
        prop_assert!(line.ends_with("\" end"));
    }

    #[test]
    fn whatever_is_taken_for_a_template_of_json_is_one(
        parts in proptest::collection::vec(PIECES, 0..12),
    ) {
        let text = format!("{{{}$context.requestId{}}}", parts.concat(), parts.concat());
        if let Ok(template) = LogTemplate::parse(&text) {
            let line = line(&template, &record("/\u{7}\"\\", &RequestDetails::NONE));
            let read = serde_json::from_str::<serde_json::Value>(&line);
            prop_assert!(read.is_ok(), "{} makes {}", text, line);
        }
    }
}

const PIECES: &str =
    r#"("a"|:|,|"|\\|\{|\}|\$context\.path|\$context\.status|\$context\.stage|1|-|u|\[|\])"#;
