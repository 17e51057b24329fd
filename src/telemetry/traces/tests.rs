//! What becomes of what callers say of traces, and that OpenTelemetry reads what is written.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use std::time::Duration;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A tracer whose spans nobody takes.
fn tracer(sample: f64, trust_caller: bool, propagate: &[Propagation]) -> Tracer {
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let settings = Traces {
        endpoint: "http://127.0.0.1:1/v1/traces".to_owned(),
        sample,
        trust_caller,
        propagate: propagate.to_vec(),
        service_name: "test".to_owned(),
    };
    let dropped = IntCounter::new("dropped", "dropped").expect("a counter");
    Tracer::open(&settings, dropped).expect("a thread")
}

const BOTH: [Propagation; 2] = [Propagation::W3c, Propagation::XRay];

fn headers(fields: &[(&'static str, String)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, String)| {
        let value = value.parse().expect("a value");
        (http::HeaderName::from_static(name), value)
    };
    fields.iter().map(field).collect()
}

fn w3c(flags: &str) -> Vec<(&'static str, String)> {
    vec![
        ("traceparent", format!("00-{TRACE}-{SPAN}-{flags}")),
        ("tracestate", "vendor=1".to_owned()),
    ]
}

fn xray(sampled: &str) -> Vec<(&'static str, String)> {
    let (time, rest) = TRACE.split_at(8);
    let value = format!("Root=1-{time}-{rest};Parent={SPAN};Sampled={sampled}");
    vec![("x-amzn-trace-id", value)]
}

fn begun(tracer: &Tracer, fields: &[(&'static str, String)]) -> Trace {
    tracer.begin(&headers(fields)).expect("randomness")
}

#[test]
fn a_stranger_neither_decides_nor_joins() {
    for (sample, sampled) in [(0.0, false), (1.0, true)] {
        let tracer = tracer(sample, false, &BOTH);
        for fields in [w3c("01"), w3c("00"), xray("1"), xray("0")] {
            let trace = begun(&tracer, &fields);
            assert_eq!(trace.is_sampled(), sampled, "{fields:?}");
            assert_ne!(trace.id(), TRACE);
            assert!(trace.parent.is_none() && trace.state.is_none());
            assert_eq!(trace.claimed.is_some(), sampled);
        }
    }
}

#[test]
fn a_caller_who_is_trusted_decides_and_is_the_parent() {
    for sample in [0.0, 1.0] {
        let tracer = tracer(sample, true, &BOTH);
        for (fields, sampled, state) in [
            (w3c("01"), true, Some("vendor=1")),
            (w3c("00"), false, Some("vendor=1")),
            (xray("1"), true, None),
            (xray("0"), false, None),
            (xray("?"), sample > 0.0, None),
            ([w3c("01"), xray("0")].concat(), true, Some("vendor=1")),
        ] {
            let trace = begun(&tracer, &fields);
            assert_eq!(trace.is_sampled(), sampled, "{sample} {fields:?}");
            assert_eq!(trace.id(), TRACE);
            let parent = trace.parent.map(|parent| hex(&parent.0));
            assert_eq!(parent.as_deref(), Some(SPAN));
            assert_eq!(trace.state.as_deref(), state);
            assert!(trace.claimed.is_none());
        }
    }
}

#[test]
fn what_cannot_be_read_is_a_new_trace_even_of_one_who_is_trusted() {
    let tracer = tracer(1.0, true, &BOTH);
    let twice = [w3c("01"), w3c("01")].concat();
    let state_alone = vec![("tracestate", "vendor=1".to_owned())];
    let upper = vec![(
        "traceparent",
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
    )];
    for fields in [twice, state_alone, upper, Vec::new()] {
        let trace = begun(&tracer, &fields);
        assert_ne!(trace.id(), TRACE, "{fields:?}");
        assert!(trace.parent.is_none() && trace.state.is_none());
    }
}

#[test]
fn a_field_that_is_not_ours_to_tell_is_not_ours_to_read() {
    for (propagate, fields) in [
        (Propagation::W3c, xray("1")),
        (Propagation::XRay, w3c("01")),
    ] {
        let tracer = tracer(1.0, true, &[propagate]);
        assert_ne!(begun(&tracer, &fields).id(), TRACE);
    }
}

#[test]
fn a_sample_is_of_that_size() {
    let luck = |number: u64| number.to_be_bytes();
    let half = tracer(0.5, false, &BOTH);
    assert!(half.samples(&luck(0)) && half.samples(&luck(u64::MAX / 2 - 2048)));
    assert!(!half.samples(&luck(u64::MAX / 2 + 2048)) && !half.samples(&luck(u64::MAX)));
    assert!(!tracer(0.0, false, &BOTH).samples(&luck(0)));
    assert!(tracer(1.0, false, &BOTH).samples(&luck(u64::MAX)));
}

#[test]
fn whoever_is_asked_next_is_told_of_the_span_that_asks() {
    let tracer = tracer(1.0, false, &BOTH);
    let mut trace = begun(&tracer, &[]);
    let told = |trace: &Trace| {
        let fields = trace.fields();
        let value = |at: usize| fields[at].1.clone();
        assert_eq!((fields[1].0, value(1)), ("tracestate", None));
        let parent = value(0).expect("a traceparent");
        let xray = value(2).expect("a value");
        let place = id::read_traceparent(parent.as_bytes()).expect("a place");
        assert_eq!(id::read_xray(xray.as_bytes()), Some(place));
        place.span.expect("a span")
    };
    let mut spans = vec![told(&trace)];
    assert_eq!(spans[0], trace.span);
    for _ in 0..2 {
        trace.try_begins();
        spans.push(told(&trace));
        trace.try_fails("upstream_unreachable", None);
        assert_eq!(told(&trace), trace.span);
    }
    assert!(spans[0] != spans[1] && spans[1] != spans[2]);
    let alone = tracer_of(Propagation::XRay);
    let fields = begun(&alone, &[]).fields();
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].0, "X-Amzn-Trace-Id");
}

fn tracer_of(propagation: Propagation) -> Tracer {
    tracer(1.0, false, &[propagation])
}

#[test]
fn opentelemetry_reads_what_is_written() {
    let tracer = tracer(1.0, true, &BOTH);
    let mut trace = begun(&tracer, &w3c("01"));
    trace.try_begins();
    trace.try_is_answered(503);
    let described = || {
        let mut attributes = Attributes::default();
        attributes.text("http.route", "/ü");
        attributes.number("http.response.status_code", 503);
        Described {
            name: "GET /ü".to_owned(),
            attributes,
            failed: true,
        }
    };
    let attempt = trace.attempts[0];
    assert_eq!(attempt.status, Some(503));
    let ended = Duration::from_millis(5);
    let spans = vec![
        trace.server_span(described(), ended),
        trace.client_span(&attempt, described(), ended),
    ];
    let request = otlp::Request {
        resource_spans: vec![otlp::ResourceSpans {
            resource: Some(Resource {
                attributes: described().attributes.0,
            }),
            scope_spans: vec![otlp::ScopeSpans {
                scope: Some(Scope {
                    name: "countersign".to_owned(),
                    version: "1".to_owned(),
                }),
                spans,
            }],
        }],
    };
    let bytes = request.encode_to_vec();
    let read = ExportTraceServiceRequest::decode(&bytes[..]).expect("OTLP");
    let resource = &read.resource_spans[0];
    assert_eq!(
        resource
            .resource
            .as_ref()
            .expect("a resource")
            .attributes
            .len(),
        2
    );
    let scope = &resource.scope_spans[0];
    assert_eq!(scope.scope.as_ref().expect("a scope").name, "countersign");
    let [server, client] = &scope.spans[..] else {
        panic!("{scope:?}");
    };
    assert_eq!(hex(&server.trace_id), TRACE);
    assert_eq!(hex(&server.parent_span_id), SPAN);
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(server.trace_state, "vendor=1");
    assert_eq!(
        (server.kind(), client.kind()),
        (SpanKind::Server, SpanKind::Client)
    );
    assert_eq!((server.flags, client.flags), (0x301, 0x101));
    assert_eq!(
        server.status.as_ref().expect("a status").code(),
        StatusCode::Error
    );
    assert_eq!(
        server.end_time_unix_nano - server.start_time_unix_nano,
        5_000_000
    );
    let values = server.attributes.iter();
    let values = values.map(|one| one.value.clone().expect("a value").value.expect("one"));
    let text = any_value::Value::StringValue("/ü".to_owned());
    assert_eq!(
        values.collect::<Vec<_>>(),
        [text, any_value::Value::IntValue(503)]
    );
}

#[test]
fn the_link_to_what_a_stranger_claims_is_read_too() {
    let tracer = tracer(1.0, false, &BOTH);
    let trace = begun(&tracer, &w3c("01"));
    let bytes = trace
        .server_span(Described::default(), Duration::ZERO)
        .encode_to_vec();
    let span = opentelemetry_proto::tonic::trace::v1::Span::decode(&bytes[..]).expect("a span");
    assert_eq!(span.parent_span_id, Vec::<u8>::new());
    let [link] = &span.links[..] else {
        panic!("{span:?}");
    };
    assert_eq!(
        (hex(&link.trace_id), hex(&link.span_id)),
        (TRACE.to_owned(), SPAN.to_owned())
    );
    assert_eq!(link.flags, 0x301);
}
