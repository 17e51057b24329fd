//! The requests that the events of the other tests tell of.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use crate::client_certificate::ClientCertificate;
use crate::clock::UtcTime;
use crate::config::{Function, Invocation, Lambda, MediaTypes, PayloadFormat, Stage};
use crate::lambda::{Context, Request};

pub(super) fn lambda(payload_format: PayloadFormat, max_payload_bytes: u64) -> Lambda {
    let function = Function {
        name: "orders".to_owned(),
        qualifier: None,
        region: "us-west-2".to_owned(),
        endpoint: None,
        connect_timeout: Duration::from_secs(1),
        timeout: None,
        max_concurrency: 1,
        max_payload_bytes,
    };
    let group =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/lambda-target/abcdefg";
    Lambda {
        function,
        invocation: Invocation::RequestResponse,
        payload_format,
        binary_media_types: MediaTypes::new(vec!["image/*".to_owned()]),
        multi_value_headers: false,
        target_group_arn: group.to_owned(),
        idle_timeout: Duration::from_secs(1),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A GET with nothing that may be absent.
pub(super) fn bare(stage: &Stage) -> Request<'_> {
    let fields = [
        ("Host", "api.example.com"),
        ("Accept", "*/*"),
        ("User-Agent", "curl/8.5.0"),
        (
            "X-Amzn-Trace-Id",
            "Root=1-5e5ff895-0123456789abcdef01234567",
        ),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    Request {
        method: "GET",
        path: "/",
        query: None,
        fields: fields.map(field).to_vec(),
        host: "api.example.com",
        protocol: "HTTP/1.1",
        source_ip: ip("192.0.2.1"),
        request_id: "7f3a",
        time_ms: 1_583_349_317_135,
        route_method: "GET",
        resource: "/",
        parameters: Vec::new(),
        certificate: None,
        consumer: None,
        context: None,
        stage,
    }
}

pub(super) fn field(
    (name, value): (&'static str, &'static str),
) -> (&'static str, Cow<'static, str>) {
    (name, Cow::Borrowed(value))
}

/// A POST with everything there is, some of it odd.
pub(super) fn full<'a>(stage: &'a Stage, der: &'a [u8], context: &'a Context) -> Request<'a> {
    let fields = [
        ("Host", "api.example.com"),
        ("User-Agent", "agent"),
        ("Content-Type", "application/json;charset=utf-8"),
        ("Content-Length", "38"),
        ("Content-MD5", "md5"),
        ("tEsT-HEADeR", "aValUE"),
        ("X-Many", "1"),
        ("Cookie", "c1=1; c2=\"a b\""),
        ("X-Many", "2"),
        ("x-many", "3"),
        ("Cookie", "c3"),
        ("Connection", "keep-alive, TE"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("Max-Forwards", "3"),
        ("X-Forwarded-For", "192.0.2.1"),
    ];
    Request {
        method: "POST",
        path: "/shop/s%C3%A9/a%2Bb/c+d/",
        query: Some("a&a=&b=%2B+c&=x&dup=1&dup=2&bad=%zz&worse=%FF"),
        fields: fields.map(field).to_vec(),
        route_method: "ANY",
        resource: "/shop/{shop}/{proxy+}",
        parameters: vec![("shop", "s%C3%A9"), ("proxy", "a%2Bb/c+d/")],
        certificate: Some(certificate(der)),
        consumer: Some("billing"),
        context: Some(context),
        ..bare(stage)
    }
}

pub(super) const FULL_BODY: &str = "{\"message\":\"hello\",\r\n\t\"a\":\"\\u00e4 ä\"}";

fn certificate(der: &[u8]) -> ClientCertificate<'_> {
    ClientCertificate {
        der,
        subject: "CN=www.example.com,O=Example,C=US",
        issuer: "CN=www.example.com,O=Example,C=US",
        serial: "00a1b2c30102030405",
        not_before: UtcTime::from_unix(1_559_046_602),
        not_after: UtcTime::from_unix(1_628_156_164),
    }
}

pub(super) fn der() -> CertificateDer<'static> {
    let pem = include_bytes!("certificate.pem");
    CertificateDer::from_pem_slice(pem).expect("a certificate")
}

pub(super) fn context() -> Context {
    let values = json!({
        "tenant": "t-1",
        "level": 3,
        "admin": true,
        "list": [1, "x"],
        "none": null,
        "consumer": "other",
        "principalId": "other",
    });
    Context {
        principal_id: Some("user|4711".to_owned()),
        values: values.as_object().expect("an object").clone(),
    }
}

pub(super) fn named_stage() -> Stage {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Stage {
        name: "test".to_owned(),
        variables: vec![
            variable("StageVar1", "stageValue1"),
            variable("StageVar2", "stageValue2"),
        ],
        account_id: "123456789012".to_owned(),
        api_id: "abcdef123".to_owned(),
    }
}

/// A PUT of HTTP/2, whose names are in lower case, with a body that is no text.
pub(super) fn over_http2(stage: &Stage) -> Request<'_> {
    let fields = [
        ("host", "192.0.2.9"),
        ("content-type", "image/png"),
        ("content-length", "4"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-token", "first"),
        ("x-token", "second"),
        ("te", "trailers"),
    ];
    Request {
        method: "PUT",
        path: "/pictures/cat.png",
        query: Some("size=large"),
        fields: fields.map(field).to_vec(),
        host: "192.0.2.9",
        protocol: "HTTP/2.0",
        source_ip: ip("2001:db8::1"),
        route_method: "PUT",
        resource: "/pictures/{name}",
        parameters: vec![("name", "cat.png")],
        consumer: Some("camera"),
        ..bare(stage)
    }
}
