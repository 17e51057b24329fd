//! Callers of functions: who shows a certificate and a signature, who speaks HTTP/2, who leaves
//! before the answer, and whom the gateway has no room for.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_local_lambda::{Ending, Function, LocalLambda};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, ID};
use crate::harness::lambda::{AWS, Gate, json, last_event};
use crate::harness::pki::Authority;
use crate::harness::signed::{Signed, in_chunks};
use crate::harness::{run, text};

const FORMATS: [&str; 4] = ["rest", "1.0", "2.0", "alb"];

/// Routes to `echo` in every format, under `/signed/` for whom a certificate and a signature show
/// to be one consumer; `/slow`, `/stream`.
fn config(lambda: &LocalLambda) -> String {
    let mut config = format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
credentials = ["{ID}"]
[[policy]]
name = "both"
all_of = ["certificate", "signature"]
signature = {{ schemes = ["sigv4"], service = "execute-api", region = "us-west-2", streaming = ["signed", "signed_trailer", "unsigned_trailer"] }}
"#
    );
    let mut add = |name: &str, path: &str, policy: &str, function: &str, more: &str| {
        config += &format!(
            r#"
[[route]]
name = "{name}"
path = "{path}"
method = "ANY"
policy = "{policy}"
integration = "{name}"
[[integration]]
name = "{name}"
type = "lambda"
function = "{function}"
region = "us-east-1"
endpoint = "http://{}"
{more}
"#,
            lambda.address()
        );
    };
    for format in FORMATS {
        let more = format!("payload_format = \"{format}\"");
        let path = format!("/signed/{format}/{{proxy+}}");
        add(&format!("echo-{format}"), &path, "both", "echo", &more);
    }
    let v2 = "payload_format = \"2.0\"";
    add("slow", "/slow", "open", "slow", v2);
    let streams = format!("{v2}\ninvocation = \"response_stream\"");
    add("stream", "/stream", "open", "lambda-stream", &streams);
    config
}

struct Stage {
    home: TempDir,
    lambda: LocalLambda,
    gateway: Gateway,
}

impl Stage {
    fn new() -> Self {
        let home = tempdir().unwrap();
        let ca = Authority::new(home.path(), "ca");
        ca.server("server", &["localhost"]);
        ca.client("billing", "spiffe://test/billing");
        let mut slow = Function::python("slow");
        slow.sandboxes = 2;
        let lambda = LocalLambda::start(vec![
            Function::python("echo"),
            slow,
            Function::native("lambda-stream"),
        ]);
        let gateway = Gateway::start_in(home.path(), &config(&lambda), &AWS);
        Self {
            home,
            lambda,
            gateway,
        }
    }

    fn tls(&self, certificate: Option<&str>) -> Arc<ClientConfig> {
        tls(self.home.path(), certificate)
    }

    fn client(&self, certificate: Option<&str>) -> Client {
        let address = self.gateway.address("public");
        Client::tls(address, &self.tls(certificate), "localhost").unwrap()
    }

    fn curl(&self, arguments: &[&str], target: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--cacert"])
            .arg(self.home.path().join("ca.pem"))
            .args(arguments)
            .arg(self.gateway.url(target))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        curl
    }

    fn counted(&self, integration: &str, result: &str) -> f64 {
        let labels = format!("integration=\"{integration}\",result=\"{result}\"");
        self.gateway
            .metric("countersign_lambda_invocations_total", &labels)
    }

    fn abandoned(&self, function: &str) {
        self.lambda.wait_until("a caller that left", |lambda| {
            let last = lambda.invocations(function).pop();
            last.is_some_and(|last| last.ending == Some(Ending::Abandoned))
        });
    }
}

/// What a format tells of the consumer.
fn consumer(format: &str, event: &Value) -> Value {
    let authorizer = &event["requestContext"]["authorizer"];
    match format {
        "2.0" => authorizer["lambda"]["consumer"].clone(),
        _ => authorizer["consumer"].clone(),
    }
}

#[test]
fn a_signed_and_certified_request_is_told_with_who_it_is() {
    let stage = Stage::new();
    let certificate = std::fs::read_to_string(stage.home.path().join("billing.pem")).unwrap();
    let subject = run(
        "openssl",
        &[
            "x509",
            "-noout",
            "-serial",
            "-in",
            &stage.home.path().join("billing.pem").display().to_string(),
        ],
    );
    let serial = text(&subject.stdout)
        .trim()
        .replace("serial=", "")
        .to_ascii_lowercase();
    for format in FORMATS {
        let target = format!("/signed/{format}/a?b=c");
        let body = br#"{"amount":1}"#;
        let mut request = Signed::post(&target, body, None);
        request = request.add("content-type", "application/json");
        let mut caller = stage.client(Some("billing"));
        let answer = caller.try_ask(&request.bytes()).unwrap();
        assert_eq!(answer.status, 200, "{format} {}", text(&answer.body));
        let event = json(&answer);
        assert_eq!(event["body"], text(body), "{format}");
        if format == "alb" {
            continue;
        }
        assert_eq!(consumer(format, &event), "billing", "{event}");
        let told = match format {
            "2.0" => &event["requestContext"]["authentication"]["clientCert"],
            _ => &event["requestContext"]["identity"]["clientCert"],
        };
        let pem = told["clientCertPem"].as_str().unwrap();
        let plain = |pem: &str| pem.replace("\r\n", "\n").trim().to_owned();
        assert_eq!(plain(pem), plain(&certificate), "{format}");
        let told = told["serialNumber"].as_str().unwrap().replace(':', "");
        assert_eq!(told, serial, "{format}");
    }
}

#[test]
fn a_function_is_told_a_body_in_chunks_of_aws_as_if_it_had_come_without() {
    let stage = Stage::new();
    let body: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    for mode in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ] {
        for format in FORMATS {
            let mut caller = stage.client(Some("billing"));
            let request = in_chunks(&format!("/signed/{format}/a"), &body, 8192, mode);
            let answer = caller.try_ask(&request.bytes()).unwrap();
            assert_eq!(answer.status, 200, "{mode} {format} {}", text(&answer.body));
            let event = json(&answer);
            let told = STANDARD.decode(event["body"].as_str().unwrap()).unwrap();
            assert!(
                told == body && event["isBase64Encoded"] == true,
                "{mode} {format}"
            );
            let headers = event["headers"].to_string().to_ascii_lowercase();
            assert!(
                headers.contains(r#""content-encoding":"gzip""#),
                "{headers}"
            );
            let length = headers.contains(r#""content-length":"100000""#);
            assert_eq!(length, format != "rest", "{headers}");
            for gone in ["aws-chunked", "x-amz-trailer", "decoded", "content-sha256"] {
                assert!(!headers.contains(gone), "{gone}: {headers}");
            }
        }
    }
}

#[test]
fn no_function_hears_of_a_request_that_is_refused() {
    let stage = Stage::new();
    let target = "/signed/2.0/a";
    let good = Signed::post(target, b"right", None);
    let mut other_body = good.clone();
    other_body.body = b"wrong".to_vec();
    for (certificate, request, code) in [
        (None, &good, "certificate_required"),
        (Some("billing"), &other_body, "signature_mismatch"),
    ] {
        let mut caller = stage.client(certificate);
        let answer = caller.try_ask(&request.bytes()).unwrap();
        assert_eq!(answer.code(), code, "{}", text(&answer.body));
    }
    let unsigned = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = stage.client(Some("billing")).ask(&unsigned);
    assert_eq!(answer.code(), "signature_required");
    assert_eq!(stage.lambda.invocations("echo").len(), 0);
}

#[test]
fn http_2_callers_get_whole_and_streamed_answers() {
    let stage = Stage::new();
    let whole = stage
        .curl(&["--http2", "-w", "%{http_version}"], "/slow")
        .output();
    assert_eq!(text(&whole.unwrap().stdout), "at last2");
    let streamed = stage
        .curl(&["--http2", "-w", "%{http_version}"], "/stream")
        .output();
    assert_eq!(text(&streamed.unwrap().stdout), "first\nlast\n2");
    let event = last_event(&stage.lambda, "slow");
    assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/2.0");
    assert_eq!(
        event["headers"]["host"],
        json!(format!(
            "localhost:{}",
            stage.gateway.address("public").port()
        ))
    );
}

#[test]
fn an_http_2_stream_that_breaks_off_is_reset() {
    let stage = Stage::new();
    let gate = Gate::new();
    let target = format!("/stream?fail=exit&gate={}", gate.address());
    let mut curl = stage.curl(&["--http2", "-N"], &target).spawn().unwrap();
    let waiting = gate.reached();
    let mut begun = [0; 6];
    let output = curl.stdout.as_mut().unwrap();
    output.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"first\n");
    waiting.let_go();
    // RST_STREAM: curl(1), exit code 92.
    assert_eq!(curl.wait().unwrap().code(), Some(92));
}

#[test]
fn a_caller_who_leaves_ends_the_invocation() {
    let stage = Stage::new();
    let gate = Gate::new();
    for version in ["--http1.1", "--http2"] {
        for (path, function) in [("slow", "slow"), ("stream", "lambda-stream")] {
            let before = stage.counted(path, "abandoned");
            let target = format!("/{path}?gate={}", gate.address());
            let mut curl = stage.curl(&[version, "-N"], &target).spawn().unwrap();
            let waiting = gate.reached();
            curl.kill().unwrap();
            curl.wait().unwrap();
            stage.abandoned(function);
            crate::harness::wait_for("a count", || {
                (stage.counted(path, "abandoned") > before).then_some(())
            });
            // Its place is free, and the function is done with it when it likes.
            assert!(
                stage
                    .gateway
                    .metric("countersign_lambda_in_flight", path)
                    .abs()
                    < f64::EPSILON
            );
            waiting.let_go();
            stage
                .lambda
                .wait_until("an end", |lambda| lambda.in_flight(function) == 0);
        }
    }
    for protocol in ["HTTP/1.1", "HTTP/2"] {
        for path in ["/slow", "/stream"] {
            let line = stage.gateway.logged("who left", |line| {
                line["path"] == path && line["protocol"] == protocol
            });
            assert_eq!(line["refusal"], "caller_left", "{line}");
            // A stream may have begun.
            assert!(line["status"] == 499 || path == "/stream", "{line}");
        }
    }
}

#[test]
fn requests_sent_at_once_on_one_connection_are_answered_in_their_order() {
    let stage = Stage::new();
    let mut caller = stage.client(None);
    let one = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let both = one("/slow?seconds=0.05") + &one("/missing");
    caller.send(both.as_bytes()).unwrap();
    let first = caller.answer().unwrap();
    assert_eq!((first.status, text(&first.body)), (200, "at last".into()));
    assert_eq!(caller.answer().unwrap().status, 404);
}

/// What is held for functions counts against the gateway's own bound, event and answer alike.
#[test]
fn what_is_held_for_functions_is_bounded_over_all_of_them() {
    let stage = Stage::new();
    let file = stage.gateway.directory.join("gateway.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let bounded = "[gateway]\nmax_held_bytes = 1048576\n";
    std::fs::write(&file, config.replacen("[gateway]\n", bounded, 1)).unwrap();
    assert!(stage.gateway.reload_as_it_is());
    let held = || stage.gateway.metric("countersign_held_bytes", "");
    let gate = Gate::new();
    let padding = "x".repeat(300_000);
    let body = json!({"gate": gate.address().to_string(), "padding": padding}).to_string();
    let request = format!(
        "POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let begin = || {
        let mut caller = stage.client(None);
        caller.send(request.as_bytes()).unwrap();
        (caller, gate.reached())
    };
    let two = [begin(), begin()];
    let most = 2.0 * (body.len() as f64 + 100_000.0);
    assert!(
        (2.0 * body.len() as f64..most).contains(&held()),
        "{}",
        held()
    );
    let answer = stage.client(None).ask(&request);
    assert_eq!(
        (answer.status, answer.code()),
        (503, "buffers_full".to_owned())
    );
    for (mut caller, waiting) in two {
        waiting.let_go();
        assert_eq!(caller.answer().unwrap().status, 200);
    }
    crate::harness::wait_for("nothing to be held", || (held() == 0.0).then_some(()));
}

/// A reset stream of HTTP/2 does not tell whether its body had ended.
#[test]
fn a_caller_who_leaves_behind_its_body_is_said_to_have_left() {
    let stage = Stage::new();
    let gate = Gate::new();
    let body = json!({"gate": gate.address().to_string()}).to_string();
    for (version, protocol) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")] {
        let mut curl = stage.curl(&[version, "--json", &body], "/slow");
        let mut curl = curl.spawn().unwrap();
        let waiting = gate.reached();
        curl.kill().unwrap();
        curl.wait().unwrap();
        let line = stage
            .gateway
            .logged("who left", |line| line["protocol"] == protocol);
        assert_eq!(line["refusal"], "caller_left", "{line}");
        waiting.let_go();
    }
}
