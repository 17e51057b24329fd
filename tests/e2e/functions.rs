//! Functions that were written for API Gateway or a load balancer, in AWS's own runtimes: they run
//! unchanged behind the gateway.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_local_lambda::{Emulator, Function, Kind, LocalLambda};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::Gateway;
use crate::harness::lambda::{AWS, LISTENER, OUR_ID, gateway, json, last_event, post, route};
use crate::harness::nginx::{INDEX, Nginx};
use crate::harness::text;

const FORMATS: [(&str, &str); 4] = [
    ("rest", "payload_format = \"rest\""),
    ("v1", "payload_format = \"1.0\""),
    ("v2", "payload_format = \"2.0\""),
    ("alb", "payload_format = \"alb\""),
];

struct Stage {
    home: TempDir,
    lambda: LocalLambda,
    gateway: Gateway,
}

impl Stage {
    /// One function behind a route of each format.
    fn of(function: Function) -> Self {
        let name = function.name.clone();
        Self::with(vec![function], |lambda| {
            let address = lambda.address();
            let routes = FORMATS.map(|(format, more)| route(format, &name, address, more));
            routes.concat()
        })
    }

    fn with(functions: Vec<Function>, config: impl Fn(&LocalLambda) -> String) -> Self {
        let home = tempdir().unwrap();
        let lambda = LocalLambda::start(functions);
        let gateway = gateway(home.path(), &config(&lambda));
        Self {
            home,
            lambda,
            gateway,
        }
    }

    fn client(&self) -> Client {
        Client::plain(self.gateway.address("plain"))
    }
}

fn get(stage: &Stage, target: &str) -> Answer {
    stage.client().get("localhost", target)
}

/// A field of an answer.
fn field(answer: &Answer, name: &str) -> Option<String> {
    let start = format!("{name}: ");
    let mut lines = answer.head.lines();
    let line = lines.find(|line| line.to_ascii_lowercase().starts_with(&start))?;
    Some(line[start.len()..].to_owned())
}

#[test]
fn a_function_in_python_is_told_of_a_request_in_every_format() {
    let stage = Stage::of(Function::python("echo"));
    for (format, pointer) in [
        ("rest", "/httpMethod"),
        ("v1", "/httpMethod"),
        ("v2", "/requestContext/http/method"),
        ("alb", "/httpMethod"),
    ] {
        let target = format!("/{format}/a%20b?x=1&x=2");
        let answer = post(
            &mut stage.client(),
            &target,
            "Content-Type: application/json\r\nX-Custom: kept\r\n",
            br#"{"greeting":"Hi"}"#,
        );
        assert_eq!(answer.status, 200, "{format}: {}", text(&answer.body));
        assert_eq!(
            field(&answer, "content-type").as_deref(),
            Some("application/json")
        );
        assert!(field(&answer, "x-request-id").is_some());
        let told = json(&answer);
        assert_eq!(told.pointer(pointer), Some(&json!("POST")), "{told}");
        assert_eq!(told["body"], r#"{"greeting":"Hi"}"#, "{told}");
        assert_eq!(told["isBase64Encoded"], false);
        assert_eq!(told, last_event(&stage.lambda, "echo"));
    }
    assert_eq!(stage.lambda.cold_starts("echo"), 1);
}

#[test]
fn a_function_in_rust_reads_the_requests_of_every_format() {
    let stage = Stage::of(Function::native("lambda-echo"));
    for (format, _) in FORMATS {
        let target = format!("/{format}/a%20b/c?x=1&y=%2F");
        let fields = "Content-Type: text/plain\r\nX-Custom: kept\r\n";
        let answer = post(&mut stage.client(), &target, fields, "früh".as_bytes());
        assert_eq!(answer.status, 200, "{format}: {}", text(&answer.body));
        let told = json(&answer);
        assert_eq!(told["method"], "POST", "{format}");
        assert_eq!(told["body"], "früh", "{format}");
        let headers = told["headers"].to_string().to_ascii_lowercase();
        assert!(headers.contains(r#"["x-custom","kept"]"#), "{headers}");
        let uri = told["uri"].as_str().unwrap();
        let path = uri.split_once(&format!("/{format}/")).unwrap().1;
        assert!(path.starts_with("a%20b/c?"), "{format}: {uri}");
        assert!(path.contains("x=1"), "{format}: {uri}");
    }
}

/// What the article did with its private nginx, without a load balancer between the two.
#[test]
fn a_relaying_function_serves_what_nginx_serves() {
    let origin = tempdir().unwrap();
    let nginx = Nginx::with(origin.path(), |address, root| {
        let root = root.display();
        format!("listen {address}; root {root}; rewrite ^/(rest|v2)(/.*)$ $2 break;")
    });
    let mut relay = Function::python("relay");
    relay
        .environment
        .push(("BACKEND".into(), nginx.address.to_string()));
    let stage = Stage::with(vec![relay], |lambda| {
        let address = lambda.address();
        let all = "binary_media_types = [\"*/*\"]\npayload_format = \"rest\"";
        let rest = route("rest", "relay", address, all);
        let v2 = route("v2", "relay", address, "payload_format = \"2.0\"");
        rest + &v2
    });
    for format in ["rest", "v2"] {
        for path in [
            "/child/random.txt",
            "/child/grandchild/random.txt",
            "/random_text_files.zip",
            "/index.html",
            "/missing",
        ] {
            let direct = Client::plain(nginx.address).get("localhost", path);
            let relayed = get(&stage, &format!("/{format}{path}"));
            assert_eq!(relayed.status, direct.status, "{format} {path}");
            assert!(relayed.body == direct.body, "{format} {path}");
            for name in ["content-type", "etag", "last-modified", "content-length"] {
                assert_eq!(field(&relayed, name), field(&direct, name), "{name}");
            }
        }
    }
    let index = get(&stage, "/v2/index.html");
    assert_eq!(text(&index.body), INDEX);
}

#[test]
fn a_binary_answer_is_decoded_where_the_api_would() {
    let stage = Stage::with(vec![Function::python("binary")], |lambda| {
        let address = lambda.address();
        let types = "payload_format = \"rest\"\nbinary_media_types = [\"application/*\"]";
        let formats = FORMATS.map(|(name, more)| route(name, "binary", address, more));
        formats.concat() + &route("typed", "binary", address, types)
    });
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let in_base64 = STANDARD.encode(&bytes).into_bytes();
    let ask = |name: &str, accept: &str| {
        let request =
            format!("GET /{name}/x HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
        let answer = stage.client().ask(&request);
        assert_eq!(answer.status, 200);
        answer.body
    };
    for (name, accept, want) in [
        // "Return binary media from a Lambda proxy integration": the first type of Accept counts.
        ("rest", "application/octet-stream", &in_base64),
        ("typed", "application/octet-stream", &bytes),
        ("typed", "text/html, application/octet-stream", &in_base64),
        ("v1", "text/html", &bytes),
        ("v2", "text/html", &bytes),
        ("alb", "text/html", &bytes),
    ] {
        assert!(ask(name, accept) == *want, "{name} {accept}");
    }
}

#[test]
fn a_binary_request_reaches_the_function_byte_for_byte() {
    let stage = Stage::of(Function::python("echo"));
    let body: Vec<u8> = (0..=255).collect();
    for (format, _) in FORMATS {
        let target = format!("/{format}/x");
        let fields = "Content-Type: application/octet-stream\r\n";
        let told = json(&post(&mut stage.client(), &target, fields, &body));
        assert_eq!(told["isBase64Encoded"], true, "{format}");
        assert_eq!(told["body"], STANDARD.encode(&body), "{format}");
    }
}

#[test]
fn a_function_that_is_not_waited_for_is_given_the_event_and_the_caller_told_202() {
    let stage = Stage::with(vec![Function::python("echo")], |lambda| {
        let more = "payload_format = \"2.0\"\ninvocation = \"event\"";
        route("async", "echo", lambda.address(), more)
    });
    let answer = post(
        &mut stage.client(),
        "/async/x",
        "Content-Type: text/plain\r\n",
        b"later",
    );
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    stage.lambda.wait_until("an end", |lambda| {
        let all = lambda.invocations("echo");
        all.first().is_some_and(|one| one.ending.is_some())
    });
    let invocation = stage.lambda.invocations("echo").remove(0);
    assert_eq!(invocation.kind, Kind::Event);
    assert_eq!(last_event(&stage.lambda, "echo")["body"], "later");
    let accepted = "integration=\"async\",result=\"accepted\"";
    let counted = stage
        .gateway
        .metric("countersign_lambda_invocations_total", accepted);
    assert!((counted - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_qualifier_and_an_arn_with_a_stage_variable_name_the_function() {
    let stage = Stage::with(vec![Function::python("echo")], |lambda| {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:${stageVariables.name}";
        let more = "payload_format = \"rest\"\nqualifier = \"live\"";
        let variables = "[stage]\nname = \"prod\"\nvariables = { name = \"echo\" }\n";
        variables.to_owned() + &route("x", arn, lambda.address(), more)
    });
    let told = json(&get(&stage, "/x/y"));
    assert_eq!(told["requestContext"]["stage"], "prod");
    assert_eq!(told["requestContext"]["path"], "/prod/x/y");
    assert_eq!(told["stageVariables"], json!({"name": "echo"}));
    let invocation = stage.lambda.invocations("echo").remove(0);
    assert_eq!(invocation.qualifier.as_deref(), Some("live"));
    assert!(invocation.named.ends_with(":function:echo"));
}

#[test]
fn the_trace_of_the_caller_goes_to_lambda_and_one_is_begun_for_who_has_none() {
    let mut echo = Function::native("lambda-echo");
    echo.emulator = Emulator::RuntimeApi;
    let stage = Stage::of(echo);
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let request =
        format!("GET /v2/x HTTP/1.1\r\nHost: localhost\r\nX-Amzn-Trace-Id: {trace}\r\n\r\n");
    let told = json(&stage.client().ask(&request));
    assert_eq!(told["trace_id"], trace);
    assert!(told["headers"].to_string().contains(trace));

    for sent in ["", "X-Amzn-Trace-Id: nonsense\r\n"] {
        let request = format!("GET /v2/x HTTP/1.1\r\nHost: localhost\r\n{sent}\r\n");
        let told = json(&stage.client().ask(&request));
        let begun = told["trace_id"].as_str().unwrap();
        assert!(begun.starts_with("Root=1-"), "{begun}");
    }
}

/// What the gateway vouches for, nobody else can say.
#[test]
fn what_a_caller_makes_up_about_itself_does_not_reach_the_function() {
    let stage = Stage::of(Function::python("echo"));
    let lies = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n\
         X-Consumer: superuser\r\nClient-Cert: :AA==:\r\nX-Amzn-Mtls-Clientcert: x\r\n\
         X-Forwarded-Client-Cert: By=x\r\n";
    for (format, _) in FORMATS {
        let told = json(&post(
            &mut stage.client(),
            &format!("/{format}/x"),
            lies,
            b"{}",
        ));
        let all = told.to_string().to_ascii_lowercase();
        for lie in [
            "6.6.6.6",
            "superuser",
            ":aa==:",
            "clientcert\":\"x\"",
            "by=x",
        ] {
            assert!(!all.contains(lie), "{format} {lie}: {all}");
        }
        let port = stage.gateway.address("plain").port().to_string();
        let headers = headers_of(&told);
        assert_eq!(headers["x-forwarded-for"], "127.0.0.1", "{format}");
        assert_eq!(headers["x-forwarded-proto"], "http", "{format}");
        assert_eq!(headers["x-forwarded-port"], port.as_str(), "{format}");
    }
}

/// What ends TLS in front of the gateway knows the port to which the caller came.
#[test]
fn a_trusted_proxy_says_which_port_the_caller_came_to() {
    let home = tempdir().unwrap();
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    let routes = FORMATS.map(|(format, more)| route(format, "echo", lambda.address(), more));
    let trusting = format!(
        "{LISTENER}trusted_peers = [\"127.0.0.0/8\"]\n{}",
        routes.concat()
    );
    let gateway = Gateway::start_in(home.path(), &trusting, &AWS);
    let own = gateway.address("plain").port().to_string();
    for (said, want) in [("443", "443"), ("443, 80", &own), ("x", &own)] {
        for (format, _) in FORMATS {
            let fields = format!("X-Forwarded-Proto: https\r\nX-Forwarded-Port: {said}\r\n");
            let mut client = Client::plain(gateway.address("plain"));
            let told = json(&post(&mut client, &format!("/{format}/x"), &fields, b"{}"));
            let headers = headers_of(&told);
            assert_eq!(headers["x-forwarded-port"], *want, "{format} {said}");
            assert_eq!(headers["x-forwarded-proto"], "https", "{format}");
        }
    }
}

/// The headers of an event, by their names in lower case.
fn headers_of(event: &Value) -> Value {
    let headers = event["headers"].as_object().unwrap();
    let lower = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    Value::Object(lower.collect())
}

#[test]
fn nothing_of_the_gateways_own_signature_reaches_the_function() {
    let stage = Stage::of(Function::python("echo"));
    let answer = get(&stage, "/v2/x");
    assert!(!text(&answer.body).contains(OUR_ID));
    let invocation = stage.lambda.invocations("echo").remove(0);
    let authorization = invocation.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains(&format!("Credential={OUR_ID}/")));
    assert!(authorization.contains("/us-east-1/lambda/aws4_request"));
    assert!(
        !std::fs::read_to_string(stage.home.path().join("access.log"))
            .unwrap()
            .contains(OUR_ID)
    );
}
