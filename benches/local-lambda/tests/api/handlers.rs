//! The handlers in `functions/`, which other tests take for granted.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use countersign_local_lambda::{Function, LocalLambda};
use serde_json::{Value, json};

use crate::caller::invoke;

fn ask(lambda: &LocalLambda, function: &str, event: &Value) -> Value {
    let answer = invoke(lambda.address(), function, &event.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("JSON")
}

/// The body of a request is known where it was read in order to be passed on.
const NGINX: &str = "
daemon off; pid pid; error_log stderr; events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    server { listen unix:ROOT/inner; return 201 answered; }
    server {
        listen ADDRESS; root ROOT;
        location / {
            proxy_pass http://unix:ROOT/inner;
            add_header asked '$request_method $request_uri' always;
            add_header sent $request_body always;
            add_header said $http_x_said always;
            add_header set-cookie a=1 always;
            add_header set-cookie b=2 always;
        }
        location /bytes { }
    }
}";

/// An nginx that tells in headers what it was asked.
struct Nginx {
    child: Child,
    address: String,
    _home: tempfile::TempDir,
}

impl Nginx {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address").to_string();
        drop(free);
        let root = home.path().display().to_string();
        let configuration = NGINX.replace("ROOT", &root).replace("ADDRESS", &address);
        fs::write(home.path().join("bytes"), [0xff, 0xfe, 0x00]).expect("a file");
        fs::write(home.path().join("nginx.conf"), configuration).expect("a file");
        let mut child = Command::new("/usr/sbin/nginx")
            .args(["-p", &root, "-c", "nginx.conf"])
            .stderr(Stdio::null())
            .spawn()
            .expect("run tests/prepare first, or make test");
        while TcpStream::connect(&address).is_err() {
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "nginx has ended: {ended:?}");
            std::thread::yield_now();
        }
        Self {
            child,
            address,
            _home: home,
        }
    }

    fn relay(&self) -> LocalLambda {
        let mut relay = Function::python("relay");
        let backend = ("BACKEND".to_string(), self.address.clone());
        relay.environment.push(backend);
        LocalLambda::start(vec![relay])
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends its workers when it is asked to end, and only then.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.child.wait();
    }
}

#[test]
fn the_relay_carries_a_request_of_the_first_format_to_nginx_and_its_answer_back() {
    let nginx = Nginx::start();
    let lambda = nginx.relay();
    let event = json!({
        "httpMethod": "POST",
        "path": "/a b/c",
        "multiValueQueryStringParameters": {"q": ["1", "x y"]},
        "multiValueHeaders": {"x-said": ["hello"], "Host": ["api.example.org"]},
        "body": "Ym9keQ==",
        "isBase64Encoded": true,
    });
    let answer = ask(&lambda, "relay", &event);
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let headers = &answer["multiValueHeaders"];
    assert_eq!(headers["asked"], json!(["POST /a%20b/c?q=1&q=x%20y"]));
    assert_eq!(headers["sent"], json!(["body"]));
    assert_eq!(headers["said"], json!(["hello"]));
    assert_eq!(headers["set-cookie"], json!(["a=1", "b=2"]));
    assert_eq!(answer["body"], "answered");
}

#[test]
fn the_relay_carries_a_request_of_the_second_format_and_bytes_that_are_no_text() {
    let nginx = Nginx::start();
    let lambda = nginx.relay();
    let mut event = json!({
        "version": "2.0",
        "rawPath": "/a",
        "rawQueryString": "q=%20&q=2",
        "headers": {"x-said": "hello"},
        "requestContext": {"http": {"method": "DELETE"}},
    });
    let answer = ask(&lambda, "relay", &event);
    assert_eq!(
        answer["headers"]["asked"], "DELETE /a?q=%20&q=2",
        "{answer}"
    );
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));

    event["rawPath"] = "/bytes".into();
    event["requestContext"]["http"]["method"] = "GET".into();
    let answer = ask(&lambda, "relay", &event);
    assert_eq!(answer["isBase64Encoded"], true, "{answer}");
    assert_eq!(answer["body"], "//4A");
}

#[test]
fn the_binary_handler_answers_with_every_byte() {
    let lambda = LocalLambda::start(vec![Function::python("binary")]);
    let answer = ask(&lambda, "binary", &json!({}));
    assert_eq!(answer["isBase64Encoded"], true);
    let text = answer["body"].as_str().unwrap();
    assert_eq!(text.len(), 4 * (4096_usize.div_ceil(3)));
}

#[test]
fn the_shapes_handler_returns_what_the_body_of_a_request_says() {
    let lambda = LocalLambda::start(vec![Function::python("shapes")]);
    for shape in [json!("bare"), json!(null), json!({"statusCode": "200"})] {
        let event = json!({"requestContext": {}, "body": shape.to_string()});
        assert_eq!(ask(&lambda, "shapes", &event), shape);
    }
}

#[test]
fn the_authorizer_decides_by_the_token_and_counts() {
    let lambda = LocalLambda::start(vec![Function::python("authorizer")]);
    let arn = "arn:aws:execute-api:us-east-1:123456789012:api/stage/GET/a/b";
    let by_token = |token: &str| {
        let event = json!({"type": "TOKEN", "authorizationToken": token, "methodArn": arn});
        ask(&lambda, "authorizer", &event)
    };
    let allowed = by_token("Bearer allow");
    let statement = &allowed["policyDocument"]["Statement"][0];
    assert_eq!(statement["Effect"], "Allow", "{allowed}");
    let all = "arn:aws:execute-api:us-east-1:123456789012:api/stage/*";
    assert_eq!(statement["Resource"], all);
    assert_eq!(allowed["context"]["calls"], 1);
    let denied = by_token("deny");
    assert_eq!(denied["policyDocument"]["Statement"][0]["Effect"], "Deny");
    assert_eq!(denied["context"]["calls"], 2);
    assert_eq!(by_token("Unauthorized")["errorMessage"], "Unauthorized");
    assert_eq!(by_token("crash")["errorMessage"], "crash");
    assert_eq!(by_token("malformed"), "a bare string");
    assert_eq!(by_token("no-principal")["principalId"], Value::Null);

    let event = json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": arn,
        "headers": {"Authorization": "false"},
    });
    assert_eq!(ask(&lambda, "authorizer", &event)["isAuthorized"], false);
}
