//! Principals of AWS IAM, known by a presigned `GetCallerIdentity` that STS verifies.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::nginx::free_address;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::sts::{APP, EVIL, ROLE, Sts};
use crate::harness::{python, run, text, wait_for};

struct Stage {
    directory: TempDir,
    upstream: Recorder,
    gateway: Gateway,
}

impl Stage {
    fn new(sts: SocketAddr, principal: &str, more: &str) -> Self {
        let directory = tempdir().unwrap();
        let authority = Authority::new(directory.path(), "ca");
        authority.server("server", &["localhost"]);
        let upstream = Recorder::start();
        let config = format!(
            r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "app"
principals = ["{principal}"]
[[policy]]
name = "iam"
all_of = ["signature"]
[policy.signature]
schemes = ["sts"]
sts = {{ audience = "gateway.example", regions = ["us-west-2"], endpoint = "http://{sts}" }}
{more}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "iam"
integration = "recorder"
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
            upstream.address
        );
        let gateway = Gateway::start(directory.path(), &config);
        Self {
            directory,
            upstream,
            gateway,
        }
    }

    fn send(&self, token: &str) -> Answer {
        let config = tls(self.directory.path(), None);
        let address = self.gateway.address("public");
        let mut client = Client::tls(address, &config, "localhost").unwrap();
        client.try_ask(request(token).as_bytes()).unwrap()
    }
}

fn request(token: &str) -> String {
    format!("GET /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
}

const HEADER: &str = "x-countersign-audience";

fn token([key, secret]: [&str; 2], header: &str, audience: &str, expires: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/sts_token.py");
    let script = script.display().to_string();
    let output = run(python(), &[&script, key, secret, header, audience, expires]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_principal_is_asked_about_once_and_known_by_its_arn() {
    let sts = Sts::start(free_address());
    let stage = Stage::new(sts.address, ROLE, "");
    let app = token(APP, HEADER, "gateway.example", "60");
    for _ in 0..5 {
        assert_eq!(stage.send(&app).status, 200);
    }
    assert_eq!(sts.asked(1), 1, "STS is asked once");
    assert_eq!(stage.upstream.field("x-consumer").as_deref(), Some("app"));
    assert!(
        !stage.upstream.seen().contains(&app),
        "the token goes no further"
    );
    let many = token(APP, HEADER, "gateway.example", "61");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(stage.send(&many).status, 200));
        }
    });
    assert_eq!(sts.asked(2), 2, "even when many come at once");
}

#[test]
fn a_token_for_another_end_or_of_another_principal_opens_nothing() {
    let sts = Sts::start(free_address());
    let stage = Stage::new(sts.address, ROLE, "");
    let code = |token: &str| {
        let answer = stage.send(token);
        assert_ne!(answer.status, 200);
        answer.code()
    };
    // Replayed from another gateway: the signed audience is not ours, so STS says no.
    let other = token(APP, HEADER, "other.example", "60");
    assert_eq!(code(&other), "signature_mismatch");
    assert_eq!(code(&other), "signature_mismatch");
    assert_eq!(sts.asked(1), 1, "a refused token is not asked about again");
    // From a Kubernetes cluster: signed for a header that is not ours.
    let cluster = token(APP, "x-k8s-aws-id", "gateway.example", "60");
    assert_eq!(code(&cluster), "signature_malformed");
    assert_eq!(
        code(&token(EVIL, HEADER, "gateway.example", "60")),
        "signature_mismatch"
    );
    let wrong = token([APP[0], "wrong"], HEADER, "gateway.example", "60");
    assert_eq!(code(&wrong), "signature_mismatch");
    assert_eq!(code("countersign-v1.x"), "signature_malformed");
    assert_eq!(code("another-v1.x"), "signature_required");
    let right = token(APP, HEADER, "gateway.example", "60");
    let mut client = Client::plain(stage.gateway.address("plain"));
    let plain = client.try_ask(request(&right).as_bytes()).unwrap();
    assert_eq!(plain.code(), "signature_malformed", "never without TLS");
    let both = request(&right).replace("\r\n\r\n", "\r\nAuthorization: Bearer x\r\n\r\n");
    let mut client = Client::plain(stage.gateway.address("plain"));
    assert_eq!(
        client.try_ask(both.as_bytes()).unwrap().code(),
        "signature_malformed"
    );
    assert_eq!(stage.upstream.seen(), "");
}

#[test]
fn a_token_ends_when_it_says_and_passes_once_where_replays_are_refused() {
    let sts = Sts::start(free_address());
    let stage = Stage::new(sts.address, ROLE, "refuse_replays = true");
    let short = token(APP, HEADER, "gateway.example", "2");
    assert_eq!(stage.send(&short).status, 200);
    assert_eq!(stage.send(&short).code(), "signature_replayed");
    // The same in another spelling.
    let padded = format!("{short}=");
    assert_eq!(stage.send(&padded).code(), "signature_replayed");
    wait_for("its end", || {
        (stage.send(&short).code() == "signature_expired").then_some(())
    });
}

#[test]
fn without_sts_nobody_is_known_and_afterwards_everybody() {
    let address = free_address();
    let stage = Stage::new(address, ROLE, "");
    let app = token(APP, HEADER, "gateway.example", "600");
    let answer = stage.send(&app);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "principal_unavailable")
    );
    let _sts = Sts::start(address);
    assert_eq!(stage.send(&app).status, 200);
}

/// A 400 is a no only when it is about the token.
#[test]
fn a_principal_is_not_refused_because_sts_is_asked_too_much() {
    let sts = Recorder::answering(
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 69\r\n\r\n<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
    );
    let stage = Stage::new(sts.address, ROLE, "");
    let token = token(APP, HEADER, "gateway.example", "60");
    for _ in 0..2 {
        let answer = stage.send(&token);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "principal_unavailable")
        );
        // Nothing is kept of it: the next call asks again.
        assert!(sts.seen().contains("GetCallerIdentity"));
        sts.forget();
    }
}

#[test]
fn a_template_of_the_access_log_tells_who_the_principal_is() {
    let sts = Sts::start(free_address());
    let process = "[gateway]\naccess_log = \"access.log\"\naccess_log_format = \"\
         $context.requestId $context.identity.userArn $context.identity.accountId \
         $context.identity.user\"\n[admin]\naddress = \"127.0.0.1:0\"";
    let stage = Stage::new(sts.address, ROLE, process);
    let app = token(APP, HEADER, "gateway.example", "60");
    assert_eq!(stage.send(&app).status, 200);
    let line = wait_for("a line", || {
        Some(stage.gateway.log_text()).filter(|text| !text.is_empty())
    });
    let words: Vec<&str> = line.split(' ').collect();
    let account = ROLE.split(':').nth(4).unwrap();
    assert!(words[1].contains(account), "{line}");
    assert_eq!(words[2..], [account, "app"]);
}
