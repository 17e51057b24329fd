//! Spans of requests, as a receiver of OTLP gets them, and what upstreams and functions are told of
//! the trace; the same on both lanes.

use std::net::SocketAddr;
use std::path::Path;

use countersign_local_lambda::{Emulator, Function, LocalLambda};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;
use tempfile::tempdir;

use crate::harness::client::{Client, Client2, tls};
use crate::harness::gateway::Gateway;
use crate::harness::lambda::{gateway, json, last_event, route};
use crate::harness::lanes::{self, Caller, LANES, Lane};
use crate::harness::nginx::free_address;
use crate::harness::otlp::{self, Receiver, attribute, hex, value};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::scripted_target::ScriptedTarget;
use crate::harness::signed::Signed;
use crate::harness::{text, wait_for};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const XRAY: &str = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";

fn parent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{SPAN}-{flags}\r\ntracestate: vendor=1\r\n")
}

/// A gateway with an upstream behind every path.
fn start(directory: &Path, targets: &[SocketAddr], traces: &str) -> Gateway {
    Gateway::start(directory, &(lanes::config(targets, "", "") + traces))
}

/// Sends a request by a lane, and gets its status.
fn send(gateway: &Gateway, lane: Lane, target: &str, fields: &str) -> u16 {
    let mut caller = Caller::of(gateway);
    let more = lane.field();
    caller.send(format!(
        "GET {target} HTTP/1.1\r\nHost: api.example:1\r\nUser-Agent: test/1\r\n{fields}{more}\r\n"
    ));
    caller.answer("GET").status()
}

/// What the log says of the request for this path.
fn logged(gateway: &Gateway, path: &str) -> Value {
    gateway.logged(path, |line| line["path"] == path)
}

/// The id of its trace there.
fn trace_of(gateway: &Gateway, path: &str) -> String {
    let line = logged(gateway, path);
    line["trace_id"].as_str().expect("an id").to_owned()
}

/// The server's span, and the others.
fn parted(spans: Vec<Span>) -> (Span, Vec<Span>) {
    let is_server = |span: &Span| span.kind() == SpanKind::Server;
    let (mut servers, clients): (Vec<_>, Vec<_>) = spans.into_iter().partition(is_server);
    assert_eq!(servers.len(), 1);
    (servers.remove(0), clients)
}

fn code(span: &Span) -> StatusCode {
    span.status.as_ref().expect("a status").code()
}

/// The value of a field that the upstream got with its last request for `target`.
fn got(upstream: &Recorder, target: &str, name: &str) -> Option<String> {
    let head = upstream.seen_for(target).to_ascii_lowercase();
    let start = format!("{}: ", name.to_ascii_lowercase());
    let values: Vec<_> = head
        .lines()
        .filter_map(|line| line.strip_prefix(&start))
        .collect();
    assert!(values.len() < 2, "{head}");
    values.first().map(|value| (*value).to_owned())
}

#[test]
fn a_request_is_a_span_and_what_it_asks_is_its_child_on_both_lanes() {
    let receiver = Receiver::start();
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let traces = receiver.config("sample = 1\nservice_name = \"edge\"");
    let gateway = start(directory.path(), &[upstream.address], &traces);
    for lane in LANES {
        let path = format!("/orders/{}", lane.name());
        let target = format!("{path}?secret=1");
        let fields = format!(
            "{}X-Amzn-Trace-Id: {XRAY}\r\nX.Amzn-Trace.Id: {XRAY}\r\n",
            parent("01")
        );
        assert_eq!(send(&gateway, lane, &target, &fields), 200);
        let trace = trace_of(&gateway, &path);
        assert_ne!(trace, TRACE);
        let (server, clients) = parted(receiver.trace(&trace, 2));
        let [client] = &clients[..] else {
            panic!("{clients:?}");
        };
        assert_eq!(server.parent_span_id, Vec::<u8>::new());
        assert_eq!(client.parent_span_id, server.span_id);
        assert_eq!(hex(&server.links[0].trace_id), TRACE);
        assert_eq!(server.trace_state, "");
        let within = server.start_time_unix_nano <= client.start_time_unix_nano
            && client.end_time_unix_nano <= server.end_time_unix_nano;
        assert!(within, "{server:?} {client:?}");
        is_told(&upstream, &target, &trace, &hex(&client.span_id));
        is_described(&gateway, &server, client, &path, upstream.address);
    }
    let all = format!("{:?}", receiver.taken());
    assert!(!all.contains("secret"), "{all}");
    let resource = receiver.taken()[0].resource_spans[0]
        .resource
        .clone()
        .unwrap();
    assert_eq!(value(&resource.attributes, "service.name"), "edge");
    assert_eq!(gateway.metric("countersign_spans_dropped_total", ""), 0.0);
}

/// What the upstream got, and nothing of the caller's beside it.
fn is_told(upstream: &Recorder, target: &str, trace: &str, span: &str) {
    let parent = got(upstream, target, "traceparent");
    assert_eq!(parent, Some(format!("00-{trace}-{span}-01")));
    assert_eq!(got(upstream, target, "tracestate"), None);
    let (time, rest) = trace.split_at(8);
    let xray = format!("root=1-{time}-{rest};parent={span};sampled=1");
    assert_eq!(got(upstream, target, "X-Amzn-Trace-Id"), Some(xray));
    assert_eq!(got(upstream, target, "X.Amzn-Trace.Id"), None);
}

fn is_described(gateway: &Gateway, server: &Span, client: &Span, path: &str, target: SocketAddr) {
    let id = logged(gateway, path)["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let port = gateway.address("public").port().to_string();
    for (key, expected) in [
        ("http.request.method", "GET"),
        ("url.scheme", "http"),
        ("url.path", path),
        ("http.route", "/{proxy+}"),
        ("http.response.status_code", "200"),
        ("server.address", "api.example"),
        ("server.port", &port),
        ("client.address", "127.0.0.1"),
        ("network.peer.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "test/1"),
        ("error.type", ""),
        ("countersign.request_id", &id),
        ("countersign.listener", "public"),
        ("countersign.policy", "open"),
        ("countersign.consumer", ""),
    ] {
        assert_eq!(attribute(server, key), expected, "{key}");
    }
    assert_eq!(
        (server.name.as_str(), code(server)),
        ("GET /{proxy+}", StatusCode::Unset)
    );
    for (key, expected) in [
        ("http.request.method", "GET"),
        ("url.full", &format!("http://{target}{path}")),
        ("server.address", "127.0.0.1"),
        ("server.port", &target.port().to_string()),
        ("http.response.status_code", "200"),
        ("http.request.resend_count", ""),
        ("countersign.integration", "upstream"),
    ] {
        assert_eq!(attribute(client, key), expected, "{key}");
    }
    assert_eq!(
        (client.name.as_str(), code(client)),
        ("GET", StatusCode::Unset)
    );
}

#[test]
fn a_stranger_cannot_have_its_requests_sampled() {
    let receiver = Receiver::start();
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let traces = receiver.config("sample = 0");
    let mut gateway = start(directory.path(), &[upstream.address], &traces);
    for lane in LANES {
        let path = format!("/{}", lane.name());
        let fields = parent("01") + &format!("X-Amzn-Trace-Id: {XRAY}\r\n");
        assert_eq!(send(&gateway, lane, &path, &fields), 200);
        // It has its place in a trace all the same.
        let trace = trace_of(&gateway, &path);
        assert_ne!(trace, TRACE);
        let parent = got(&upstream, &path, "traceparent").unwrap();
        assert!(parent.starts_with(&format!("00-{trace}-")), "{parent}");
        assert!(parent.ends_with("-00"), "{parent}");
        let xray = got(&upstream, &path, "X-Amzn-Trace-Id").unwrap();
        assert!(xray.ends_with(";sampled=0"), "{xray}");
    }
    gateway.signal("TERM");
    gateway.end();
    assert_eq!(receiver.spans(), []);
}

#[test]
fn a_caller_who_is_trusted_is_the_parent_and_decides() {
    let receiver = Receiver::start();
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let traces = receiver.config("sample = 0\ntrust_caller = true");
    let mut gateway = start(directory.path(), &[upstream.address], &traces);
    for lane in LANES {
        let name = lane.name();
        let unsampled = format!("/{name}/unsampled");
        assert_eq!(send(&gateway, lane, &unsampled, &parent("00")), 200);
        let said = got(&upstream, &unsampled, "traceparent").unwrap();
        assert!(
            said.starts_with(&format!("00-{TRACE}-")) && said.ends_with("-00"),
            "{said}"
        );
        for (what, fields, state) in [
            ("w3c", parent("01"), Some("vendor=1")),
            ("xray", format!("X-Amzn-Trace-Id: {XRAY}\r\n"), None),
        ] {
            let path = format!("/{name}/{what}");
            assert_eq!(send(&gateway, lane, &path, &fields), 200);
            assert_eq!(trace_of(&gateway, &path), TRACE);
            let state = state.map(str::to_owned);
            assert_eq!(got(&upstream, &path, "tracestate"), state, "{path}");
        }
        let malformed = format!("/{name}/malformed");
        let fields = format!("traceparent: 00-{TRACE}-{SPAN}-01-x\r\ntracestate: vendor=1\r\n");
        assert_eq!(send(&gateway, lane, &malformed, &fields), 200);
        assert_ne!(trace_of(&gateway, &malformed), TRACE);
        assert_eq!(got(&upstream, &malformed, "tracestate"), None);
    }
    gateway.signal("TERM");
    gateway.end();
    let spans = receiver.trace(TRACE, 8);
    assert_eq!(receiver.spans().len(), 8);
    let servers = spans.iter().filter(|span| span.kind() == SpanKind::Server);
    let mut count = 0;
    for span in servers {
        assert_eq!(hex(&span.parent_span_id), SPAN);
        assert!(span.links.is_empty());
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn refusals_and_tries_that_fail_are_told_as_what_they_are() {
    let receiver = Receiver::start();
    let directory = tempdir().unwrap();
    let dead = [free_address(), free_address()];
    let config = lanes::config(&dead, "", "").replace("/{proxy+}", "/dead/{name}");
    let gateway = Gateway::start(directory.path(), &(config + &receiver.config("sample = 1")));
    for lane in LANES {
        let path = format!("/none/{}", lane.name());
        assert_eq!(send(&gateway, lane, &path, ""), 404);
        let (server, clients) = parted(receiver.trace(&trace_of(&gateway, &path), 1));
        assert!(clients.is_empty());
        assert_eq!(
            (server.name.as_str(), code(&server)),
            ("GET", StatusCode::Unset)
        );
        assert_eq!(attribute(&server, "error.type"), "route_not_found");
        assert_eq!(attribute(&server, "http.response.status_code"), "404");

        let path = format!("/dead/{}", lane.name());
        assert_eq!(send(&gateway, lane, &path, ""), 502);
        let (server, mut clients) = parted(receiver.trace(&trace_of(&gateway, &path), 3));
        assert_eq!(
            (server.name.as_str(), code(&server)),
            ("GET /dead/{name}", StatusCode::Error)
        );
        assert_eq!(attribute(&server, "error.type"), "upstream_unreachable");
        clients.sort_by_key(|span| span.start_time_unix_nano);
        let resent = clients
            .iter()
            .map(|span| attribute(span, "http.request.resend_count"));
        assert_eq!(resent.collect::<Vec<_>>(), ["", "1"]);
        let mut ports: Vec<_> = clients
            .iter()
            .map(|span| attribute(span, "server.port"))
            .collect();
        let mut expected = dead.map(|address| address.port().to_string());
        ports.sort();
        expected.sort();
        assert_eq!(ports, expected);
        for client in &clients {
            assert_eq!(attribute(client, "error.type"), "upstream_unreachable");
            assert_eq!(code(client), StatusCode::Error);
        }
    }
}

#[test]
fn who_calls_and_how_is_told_and_never_with_what() {
    let receiver = Receiver::start();
    let directory = tempdir().unwrap();
    let home = directory.path();
    Authority::new(home, "ca").server("server", &["localhost"]);
    let upstream = Recorder::start();
    let config = format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
[[consumer]]
name = "billing"
credentials = ["CSTESTBILLING"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }}
[[route]]
path = "/child/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "upstream"
[[integration]]
name = "upstream"
type = "http_proxy"
targets = ["{}"]
{}"#,
        upstream.address,
        receiver.config("sample = 1")
    );
    let gateway = Gateway::start(home, &config);
    let trusting = tls(home, None);
    let mut client = Client::tls(gateway.address("public"), &trusting, "localhost").unwrap();
    let signed = Signed::get("/child/one");
    assert_eq!(client.try_ask(&signed.head()).unwrap().status, 200);
    let (server, _) = parted(receiver.trace(&trace_of(&gateway, "/child/one"), 2));
    for (key, expected) in [
        ("url.scheme", "https"),
        ("countersign.consumer", "billing"),
        ("countersign.scheme", "sigv4"),
        ("countersign.policy", "signed"),
    ] {
        assert_eq!(attribute(&server, key), expected, "{key}");
    }
    let head = text(&signed.head());
    let signature = head.split("Signature=").nth(1).expect("a signature");
    let all = format!("{:?}", receiver.taken());
    assert!(!all.contains(&signature[..64]), "{all}");

    let mut client = Client2::tls(gateway.address("public"), &trusting, "localhost");
    let answer = client.get("localhost", "/child/two");
    assert_eq!(answer.1, "signature_required");
    let (server, _) = parted(receiver.trace(&trace_of(&gateway, "/child/two"), 1));
    assert_eq!(attribute(&server, "network.protocol.version"), "2");
    assert_eq!(attribute(&server, "error.type"), "signature_required");
    assert_eq!(attribute(&server, "countersign.scheme"), "");
}

#[test]
fn a_function_is_told_of_the_trace_and_its_invocation_is_a_span() {
    let receiver = Receiver::start();
    let mut echo = Function::native("lambda-echo");
    echo.emulator = Emulator::RuntimeApi;
    let name = echo.name.clone();
    let lambda = LocalLambda::start(vec![echo]);
    let directory = tempdir().unwrap();
    let config = route("x", &name, lambda.address(), "payload_format = \"2.0\"")
        + &receiver.config("sample = 1");
    let gateway = gateway(directory.path(), &config);
    let mut client = Client::plain(gateway.address("plain"));
    let request = format!(
        "GET /x/y HTTP/1.1\r\nHost: localhost\r\n{}X-Amzn-Trace-Id: {XRAY}\r\n\r\n",
        parent("01")
    );
    let told = json(&client.ask(&request));
    let trace = trace_of(&gateway, "/x/y");
    let (server, clients) = parted(receiver.trace(&trace, 2));
    let span = hex(&clients[0].span_id);
    let (time, rest) = trace.split_at(8);
    let expected = format!("Root=1-{time}-{rest};Parent={span};Sampled=1");
    assert_eq!(told["trace_id"], expected);
    let fields = &last_event(&lambda, &name)["headers"];
    assert_eq!(fields["x-amzn-trace-id"], expected);
    assert_eq!(fields["traceparent"], format!("00-{trace}-{span}-01"));
    assert!(fields.get("tracestate").is_none(), "{fields}");
    assert_eq!(clients[0].parent_span_id, server.span_id);
    assert_eq!(clients[0].name, format!("invoke {name}"));
    for (key, expected) in [
        ("faas.invoked_name", name.as_str()),
        ("faas.invoked_provider", "aws"),
        ("faas.invoked_region", "us-east-1"),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(&clients[0], key), expected, "{key}");
    }
}

#[test]
fn a_receiver_that_is_gone_or_will_not_costs_spans_and_nothing_else() {
    let refusing = Receiver::answering(&["400 Bad Request"]);
    for (address, is_refusing) in [(free_address(), false), (refusing.address, true)] {
        let upstream = Recorder::start();
        let directory = tempdir().unwrap();
        let traces = otlp::config(address, "sample = 1");
        let mut gateway = start(directory.path(), &[upstream.address], &traces);
        for lane in LANES {
            assert_eq!(send(&gateway, lane, "/x", ""), 200);
        }
        let dropped = || gateway.metric("countersign_spans_dropped_total", "");
        wait_for("what is dropped", || (dropped() >= 4.0).then_some(()));
        assert_eq!(dropped(), 4.0);
        let said = gateway.said();
        let told = said
            .iter()
            .filter(|line| line.contains("Spans are not taken"));
        assert_eq!(told.count(), 1, "{said:#?}");
        assert_eq!(!refusing.spans().is_empty(), is_refusing);
        // What waits at the end is not waited for long.
        assert_eq!(send(&gateway, Lane::Lean, "/last", ""), 200);
        gateway.signal("TERM");
        assert!(gateway.end().success());
    }
}

#[test]
fn a_receiver_that_is_busy_gets_the_same_again() {
    let receiver = Receiver::answering(&["503 Busy", "429 Later", "200 OK"]);
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let traces = receiver.config("sample = 1");
    let gateway = start(directory.path(), &[upstream.address], &traces);
    assert_eq!(send(&gateway, Lane::Lean, "/x", ""), 200);
    let taken = wait_for("the third try", || {
        let taken = receiver.taken();
        (taken.len() == 3).then_some(taken)
    });
    assert!(taken.iter().all(|request| *request == taken[0]));
    // The next batch comes by itself.
    assert_eq!(send(&gateway, Lane::Lean, "/y", ""), 200);
    receiver.trace(&trace_of(&gateway, "/y"), 2);
    assert_eq!(gateway.metric("countersign_spans_dropped_total", ""), 0.0);
}

#[test]
fn spans_travel_over_tls_to_a_receiver_whose_authority_the_system_knows() {
    let receiver = Receiver::start();
    let directory = tempdir().unwrap();
    let home = directory.path();
    Authority::new(home, "ca").server("server", &["localhost"]);
    // Another gateway has the receiver's certificate.
    let tls = "certificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]";
    let front = Gateway::start(home, &lanes::config(&[receiver.address], tls, ""));
    for (authorities, arrives) in [("ca.pem", true), ("server.pem", false)] {
        let upstream = Recorder::start();
        let directory = tempdir().unwrap();
        let config = lanes::config(&[upstream.address], "", "");
        let endpoint = front.url("/v1/traces");
        let config = format!("{config}[traces]\nendpoint = \"{endpoint}\"\nsample = 1\n");
        let authorities = home.join(authorities).display().to_string();
        let system = [("SSL_CERT_FILE", authorities.as_str())];
        let gateway = Gateway::start_in(directory.path(), &config, &system);
        assert_eq!(send(&gateway, Lane::Lean, "/x", ""), 200);
        let trace = trace_of(&gateway, "/x");
        if arrives {
            receiver.trace(&trace, 2);
        } else {
            let dropped = || gateway.metric("countersign_spans_dropped_total", "");
            wait_for("what is dropped", || (dropped() == 2.0).then_some(()));
        }
    }
    assert_eq!(receiver.spans().len(), 2);
}

#[test]
fn a_caller_who_leaves_is_told_and_is_no_failure_of_the_gateways() {
    let receiver = Receiver::start();
    let directory = tempdir().unwrap();
    let config = receiver.config("sample = 1");
    let target = ScriptedTarget::start();
    let gateway = start(directory.path(), &[target.address], &config);
    for lane in LANES {
        let path = format!("/{}", lane.name());
        let mut caller = Caller::of(&gateway);
        caller.send(lane.request("GET", &path));
        let mut caught = target.catch();
        assert!(caught.head().is_some());
        drop(caller);
        let (server, clients) = parted(receiver.trace(&trace_of(&gateway, &path), 2));
        for span in [&server, &clients[0]] {
            assert_eq!(
                attribute(span, "error.type"),
                "caller_left",
                "{}",
                lane.name()
            );
            assert_eq!(attribute(span, "http.response.status_code"), "");
        }
        assert_eq!(code(&server), StatusCode::Unset);
        assert_eq!(code(&clients[0]), StatusCode::Error);
    }
}

#[test]
fn what_was_told_last_arrives_before_the_process_ends() {
    let receiver = Receiver::start();
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let traces = receiver.config("sample = 1");
    let mut gateway = start(directory.path(), &[upstream.address], &traces);
    for at in 0..600 {
        assert_eq!(send(&gateway, Lane::Lean, &format!("/{at}"), ""), 200);
    }
    gateway.signal("TERM");
    assert!(gateway.end().success());
    assert_eq!(receiver.spans().len(), 1200);
    let most = receiver.taken().into_iter().map(|request| {
        let scopes = &request.resource_spans[0].scope_spans;
        scopes[0].spans.len()
    });
    assert!(most.max() <= Some(513));
}

#[test]
fn only_the_fields_that_are_named_are_told_and_none_without_traces() {
    let receiver = Receiver::start();
    let traces = |propagate: &str| receiver.config(&format!("propagate = [\"{propagate}\"]"));
    let theirs = format!("{}X-Amzn-Trace-Id: {XRAY}\r\n", parent("01"));
    for (traces, w3c, xray) in [
        (traces("w3c"), true, false),
        (traces("xray"), false, true),
        (String::new(), false, false),
    ] {
        let upstream = Recorder::start();
        let directory = tempdir().unwrap();
        let gateway = start(directory.path(), &[upstream.address], &traces);
        for lane in LANES {
            let path = format!("/{}", lane.name());
            assert_eq!(send(&gateway, lane, &path, &theirs), 200);
            let ours = |name| !got(&upstream, &path, name).unwrap().contains(&TRACE[8..]);
            assert_eq!((ours("traceparent"), ours("X-Amzn-Trace-Id")), (w3c, xray));
            let state = got(&upstream, &path, "tracestate").is_none();
            assert_eq!(state, w3c, "{traces}");
            let told = logged(&gateway, &path).get("trace_id").is_some();
            assert_eq!(told, !traces.is_empty());
        }
    }
}
