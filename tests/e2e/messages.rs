//! RFC 9421 at the gateway: signed by packages that others wrote, sent, changed and explained.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::{Gateway, ID, PROGRAM, REGION, SERVICE, write_config};
use crate::harness::recorder::Recorder;
use crate::harness::signed::Signed;
use crate::harness::{python, run, text, wait_for};

const SECRET: &str = "a-secret-of-thirty-two-bytes-or-more";
const COMPONENTS: [&str; 5] = ["@method", "@authority", "@path", "@query", "content-type"];

struct Stage {
    directory: TempDir,
    upstream: Recorder,
    gateway: Gateway,
}

fn config(upstream: &Recorder) -> String {
    let route = |name: &str, policy: &str| {
        format!(
            "[[policy]]\nname = \"{name}\"\nall_of = [\"signature\"]\nsignature = {{ {policy} }}\n\
             [[route]]\npath = \"/{name}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"{name}\"\nintegration = \"recorder\"\n"
        )
    };
    let message = route(
        "message",
        r#"schemes = ["rfc9421"], rfc9421 = { components = ["content-type"], tag = "e2e" }"#,
    );
    let once = route(
        "once",
        r#"schemes = ["rfc9421"], refuse_replays = true, rfc9421 = { tag = "e2e" }"#,
    );
    let either = route(
        "either",
        &format!(r#"schemes = ["rfc9421", "sigv4"], service = "{SERVICE}", region = "{REGION}""#),
    );
    format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "partner"
credentials = ["CSMESSAGE", "CSSHARED"]
explain_refusals = true
[[consumer]]
name = "billing"
credentials = ["{ID}"]
{message}{once}{either}
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    )
}

/// A key pair that openssl made, in `NAME.key` and `NAME.pub`.
pub fn key_pair(directory: &Path, name: &str, algorithm: &[&str]) -> PathBuf {
    let path = |ending: &str| directory.join(format!("{name}.{ending}"));
    let (key, public) = (path("key"), path("pub"));
    let (key_text, public_text) = (key.display().to_string(), public.display().to_string());
    let made = run(
        "openssl",
        &[&["genpkey", "-out", &key_text], algorithm].concat(),
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = run(
        "openssl",
        &["pkey", "-in", &key_text, "-pubout", "-out", &public_text],
    );
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    key
}

pub fn write_private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        key_pair(directory.path(), "message", &["-algorithm", "ed25519"]);
        let public = fs::read_to_string(directory.path().join("message.pub")).unwrap();
        write_private(&directory.path().join("secret"), SECRET);
        write_private(
            &directory.path().join("credentials.toml"),
            &format!(
                "[[credential]]\nid = \"CSMESSAGE\"\nscheme = \"rfc9421\"\npublic_key = \"\"\"\n{public}\"\"\"\n\
                 [[credential]]\nid = \"CSSHARED\"\nscheme = \"rfc9421\"\nsecret = \"{SECRET}\"\n\
                 [[credential]]\nid = \"{ID}\"\nsecret = \"a-secret-that-only-the-tests-know\"\n"
            ),
        );
        let upstream = Recorder::start();
        let gateway = Gateway::start(directory.path(), &config(&upstream));
        Self {
            directory,
            upstream,
            gateway,
        }
    }

    /// Has a package sign; the fields it adds, without `Host` and the body's length.
    fn sign(
        &self,
        how: [&str; 3],
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Vec<(String, String)> {
        let [package, algorithm, id] = how;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let home = self.directory.path();
        let key = home.join(if id == "CSSHARED" {
            "secret"
        } else {
            "message.key"
        });
        let file = home.join("body");
        let name = match body {
            Some(body) => {
                fs::write(&file, body).unwrap();
                file.display().to_string()
            }
            None => "-".to_owned(),
        };
        let url = format!("http://localhost{target}");
        let key = key.display().to_string();
        let mut arguments = vec![algorithm, &key, id, method, &url, &name];
        arguments.extend(COMPONENTS);
        if body.is_some() {
            arguments.push("content-digest");
        }
        let script = |ending: &str| {
            root.join(format!("tests/e2e/rfc9421_sign.{ending}"))
                .display()
                .to_string()
        };
        let output = match package {
            "pip" => run(
                python(),
                &[&[script("py").as_str()], &arguments[..]].concat(),
            ),
            _ => {
                let modules = root.join("target/node").display().to_string();
                run(
                    "node",
                    &[&[script("mjs").as_str(), &modules], &arguments[..]].concat(),
                )
            }
        };
        assert!(output.status.success(), "{}", text(&output.stderr));
        let fields: serde_json::Map<String, Value> =
            serde_json::from_slice(&output.stdout).unwrap();
        let field = |(name, value): (String, Value)| (name, value.as_str().unwrap().to_owned());
        fields.into_iter().map(field).collect()
    }

    fn send(&self, bytes: &[u8]) -> Answer {
        Client::plain(self.gateway.address("plain"))
            .try_ask(bytes)
            .unwrap()
    }
}

fn request(method: &str, target: &str, fields: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    [(head + "\r\n").as_bytes(), body].concat()
}

const SIGNERS: [[&str; 3]; 4] = [
    ["pip", "ed25519", "CSMESSAGE"],
    ["pip", "hmac-sha256", "CSSHARED"],
    ["npm", "ed25519", "CSMESSAGE"],
    ["npm", "hmac-sha256", "CSSHARED"],
];

#[test]
fn what_others_sign_is_served_and_their_signature_ends_here() {
    let stage = Stage::new();
    let body = b"{\"amount\": 7}";
    for how in SIGNERS {
        let fields = stage.sign(how, "POST", "/message/orders?b=2&a=1", Some(body));
        let answer = stage.send(&request("POST", "/message/orders?b=2&a=1", &fields, body));
        assert_eq!(answer.status, 200, "{how:?}: {}", answer.code());
        let seen = stage.upstream.seen().to_ascii_lowercase();
        assert!(seen.contains("x-consumer: partner") && seen.contains("content-digest: "));
        assert!(!seen.contains("signature"), "{seen}");
        assert!(seen.ends_with("{\"amount\": 7}"), "{seen}");
        stage.upstream.forget();
    }
}

#[test]
fn what_was_signed_cannot_be_changed() {
    let stage = Stage::new();
    let (target, body) = ("/message/orders?b=2&a=1", b"{\"amount\": 7}");
    for how in SIGNERS {
        let fields = stage.sign(how, "POST", target, Some(body));
        let code = |method: &str, target: &str, fields: &[(String, String)], body: &[u8]| {
            let answer = stage.send(&request(method, target, fields, body));
            assert_ne!(answer.status, 200);
            answer.code()
        };
        assert_eq!(code("PUT", target, &fields, body), "signature_mismatch");
        assert_eq!(
            code("POST", "/message/orders?a=1&b=2", &fields, body),
            "signature_mismatch"
        );
        assert_eq!(
            code("POST", "/message/order?b=2&a=1", &fields, body),
            "signature_mismatch"
        );
        assert_eq!(
            code("POST", target, &fields, b"{\"amount\": 8}"),
            "body_hash_mismatch"
        );
        for (name, from, to, want) in [
            ("Content-Type", "plain", "html", "signature_mismatch"),
            ("Content-Digest", "=:", "=:AA", "signature_malformed"),
            (
                "Signature-Input",
                "created=",
                "created=1",
                "signature_not_yet_valid",
            ),
            ("Signature-Input", "a nonce", "a nonc", "signature_mismatch"),
            ("Signature-Input", "\"@query\" ", "", "signature_malformed"),
            (
                "Signature-Input",
                "\"content-type\" ",
                "",
                "signature_malformed",
            ),
            (
                "Signature-Input",
                "\"content-digest\"",
                "\"date\"",
                "payload_mode_refused",
            ),
            (
                "Signature-Input",
                "\"e2e\"",
                "\"other\"",
                "signature_malformed",
            ),
        ] {
            let mut changed = fields.clone();
            let field = changed
                .iter_mut()
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .unwrap();
            let before = field.1.clone();
            field.1 = field.1.replacen(from, to, 1);
            assert_ne!(field.1, before, "{how:?} {name} {from}");
            let found = code("POST", target, &changed, body);
            // npm puts content-type last, so that its blank is before it.
            // npm writes expires, which is before created then.
            let other = from.starts_with("\"content-") && found == "signature_mismatch"
                || from == "created=" && found == "signature_malformed";
            assert!(found == want || other, "{how:?} {name} {from}: {found}");
        }
    }
    assert_eq!(stage.upstream.seen(), "", "nothing of it went on");
}

#[test]
fn a_body_that_streams_is_held_to_its_digest() {
    let stage = Stage::new();
    let body = vec![b'x'; 300_000];
    let fields = stage.sign(SIGNERS[2], "PUT", "/message/large", Some(&body));
    let sent = request("PUT", "/message/large", &fields, &body);
    assert_eq!(stage.send(&sent).status, 200);
    stage.upstream.forget();
    let mut forged = sent.clone();
    *forged.last_mut().unwrap() = b'y';
    assert_eq!(stage.send(&forged).code(), "body_hash_mismatch");
    let seen = wait_for("the upstream", || {
        Some(stage.upstream.seen()).filter(|seen| !seen.is_empty())
    });
    assert!(!seen.ends_with('y'), "the end never went on");
}

#[test]
fn a_401_says_what_a_signature_must_cover() {
    let stage = Stage::new();
    let answer = stage.send(&request("GET", "/message/x", &[], b""));
    assert_eq!(answer.status, 401);
    let head = answer.head.to_ascii_lowercase();
    assert!(head.contains(
        "accept-signature: sig1=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-type\");created;tag=\"e2e\""
    ), "{head}");
    let answer = stage.send(&request("POST", "/message/x", &[], b"body"));
    assert!(
        answer.head.contains("\"content-digest\""),
        "{}",
        answer.head
    );
    let answer = stage.send(&request("GET", "/either/x", &[], b""));
    let head = answer.head.to_ascii_lowercase();
    assert!(
        head.contains("www-authenticate: aws4-hmac-sha256") && head.contains("accept-signature:")
    );
}

#[test]
fn a_nonce_passes_once() {
    let stage = Stage::new();
    let fields = stage.sign(SIGNERS[0], "GET", "/once/x", None);
    let sent = request("GET", "/once/x", &fields, b"");
    assert_eq!(stage.send(&sent).status, 200);
    assert_eq!(stage.send(&sent).code(), "signature_replayed");
    // Another request with the same nonce of the same key is a replay of the nonce.
    let other = stage.sign(SIGNERS[0], "GET", "/once/y", None);
    assert_eq!(
        stage.send(&request("GET", "/once/y", &other, b"")).code(),
        "signature_replayed"
    );
}

#[test]
fn s6_a_request_has_one_signature() {
    let stage = Stage::new();
    let aws = Signed::get("/either/x");
    assert_eq!(stage.send(&aws.bytes()).status, 200);
    let message = stage.sign(SIGNERS[0], "GET", "/either/x", None);
    assert_eq!(
        stage
            .send(&request("GET", "/either/x", &message, b""))
            .status,
        200
    );
    let mut both = aws.clone();
    both.fields.extend(message.clone());
    assert_eq!(stage.send(&both.bytes()).code(), "signature_malformed");
    let twice: Vec<_> = message.iter().chain(&message).cloned().collect();
    assert_eq!(
        stage.send(&request("GET", "/either/x", &twice, b"")).code(),
        "signature_malformed"
    );
    let aws_on_message = Signed::get("/message/x");
    assert_eq!(
        stage.send(&aws_on_message.bytes()).code(),
        "signature_malformed"
    );
}

#[test]
fn a_signature_base_is_explained() {
    let stage = Stage::new();
    let fields = stage.sign(SIGNERS[0], "GET", "/message/x", None);
    let sent = request("GET", "/message/y", &fields, b"");
    assert_eq!(stage.send(&sent).status, 403);
    wait_for("an explanation", || {
        let said = stage.gateway.said();
        said.iter()
            .any(|line| line.contains(r#"signature base:\n\"@method\": GET"#))
            .then_some(())
    });
    let home = stage.directory.path();
    write_config(home, &config(&stage.upstream));
    let path = |name: &str| home.join(name).display().to_string();
    fs::write(path("request"), &sent).unwrap();
    let base = String::from(
        "\"@method\": GET\n\"@authority\": localhost\n\"@path\": /message/x\n\"@query\": ?\n",
    );
    fs::write(path("theirs"), base).unwrap();
    let output = run(
        PROGRAM,
        &[
            "verify",
            "--plain",
            "--config",
            &path("gateway.toml"),
            "--request",
            &path("request"),
            "--theirs",
            &path("theirs"),
        ],
    );
    let said = text(&output.stdout);
    assert!(said.contains("signature_mismatch"), "{said}");
    assert!(
        said.contains("signature base, as the gateway sees it:\n    \"@method\": GET\n"),
        "{said}"
    );
    assert!(
        said.contains("first differs in line 3, component \"@path\""),
        "{said}"
    );
}

#[test]
fn a_demand_that_no_request_could_meet_is_told_by_check() {
    let stage = Stage::new();
    let wrong = config(&stage.upstream).replace("[\"content-type\"]", "[\"@status\"]");
    assert!(!stage.gateway.reload(&wrong));
    wait_for("the reason", || {
        let said = stage.gateway.said().join("\n");
        said.contains("\"rfc9421\" of policy \"message\"")
            .then_some(())
    });
}
