//! HMAC signatures that a policy describes: as senders' own libraries and openssl make them,
//! what of them is refused, and what the upstream gets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use countersign::clock::UtcTime;
use countersign::config::HmacPreset;
use countersign::credential::Secret;
use countersign::signature::{HmacSigningRequest, sign_hmac};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{
    Gateway, HOOK_ID, HOOK_SECRET, OLD_HOOK_ID, OLD_HOOK_SECRET, PROGRAM,
};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::{python, run, text};

const SENDERS: [(&str, HmacPreset); 4] = [
    ("github", HmacPreset::GitHub),
    ("shopify", HmacPreset::Shopify),
    ("slack", HmacPreset::Slack),
    ("stripe", HmacPreset::Stripe),
];
const MAX_BODY: usize = 200_000;
/// More than Pingora keeps of a body that was read early.
const LONG: usize = 150_000;

struct Stage {
    directory: TempDir,
    upstream: Recorder,
    gateway: Gateway,
}

fn config(upstream: &Recorder) -> String {
    let policy = |name: &str, more: &str, hmac: &str| {
        format!(
            r#"
[[policy]]
name = "{name}"
all_of = ["signature"]
[policy.signature]
schemes = ["hmac"]
max_buffered_body_bytes = {MAX_BODY}
{more}
[policy.signature.hmac]
{hmac}
[[route]]
path = "/{name}/{{proxy+}}"
method = "ANY"
policy = "{name}"
integration = "recorder"
forward_authorization = {}
"#,
            name == "once"
        )
    };
    let both = format!("credentials = [\"{HOOK_ID}\", \"{OLD_HOOK_ID}\"]\n");
    let preset =
        |(name, _): &(&str, HmacPreset)| policy(name, "", &format!("{both}preset = \"{name}\""));
    let presets: String = SENDERS.iter().map(preset).collect();
    let once = policy(
        "once",
        "refuse_replays = true",
        &format!("{both}preset = \"github\"\nreplay_window_secs = 60"),
    );
    let partner = policy(
        "partner",
        "",
        &format!(
            r#"{both}
header = "x-partner-signature"
prefix = "hmac-sha512 "
encoding = "base64"
hash = "sha512"
signed = "{{timestamp}}{{method}}{{target}}\n{{body}}"
timestamp = {{ header = "x-partner-time", unit = "ms" }}
tolerance_secs = 60
key_id_header = "x-partner-key""#
        ),
    );
    let bodiless = policy(
        "bodiless",
        "",
        &format!(
            r#"{both}
header = "x-partner-signature"
signed = "{{method}}{{target}}"
unsigned_payload = true"#
        ),
    );
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "hooks"
credentials = ["{HOOK_ID}", "{OLD_HOOK_ID}"]
{presets}{once}{partner}{bodiless}
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    )
}

/// A request for `localhost` in the making.
#[derive(Clone)]
struct Hook {
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Hook {
    fn new(target: &str, fields: &[(&str, &str)], body: &[u8]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            target: target.to_owned(),
            fields: fields.iter().map(own).collect(),
            body: body.to_owned(),
        }
    }

    fn head(&self, framing: &str) -> String {
        let field = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
        let fields: String = self.fields.iter().map(field).collect();
        let target = &self.target;
        format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n{fields}\r\n")
    }

    fn bytes(&self) -> Vec<u8> {
        let head = self.head(&format!("Content-Length: {}", self.body.len()));
        [head.into_bytes(), self.body.clone()].concat()
    }

    fn chunked(&self) -> Vec<u8> {
        let mut all = self.head("Transfer-Encoding: chunked").into_bytes();
        for chunk in self.body.chunks(10_000) {
            all.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            all.extend_from_slice(chunk);
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(b"0\r\n\r\n");
        all
    }
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let authority = Authority::new(directory.path(), "ca");
        authority.server("server", &["localhost"]);
        let upstream = Recorder::start();
        let gateway = Gateway::start(directory.path(), &config(&upstream));
        Self {
            directory,
            upstream,
            gateway,
        }
    }

    fn ask_with(&self, bytes: &[u8]) -> (u16, String) {
        let mut client = Client::plain(self.gateway.address("plain"));
        let answer = client.try_ask(bytes).unwrap();
        (answer.status, answer.code())
    }

    fn ask(&self, hook: &Hook) -> (u16, String) {
        self.ask_with(&hook.bytes())
    }

    fn file(&self, body: &[u8]) -> String {
        let file = self.directory.path().join("body");
        fs::write(&file, body).unwrap();
        file.display().to_string()
    }

    /// Signed by the sender's own library.
    fn sent_by(&self, sender: &str, secret: &str, body: &[u8]) -> Hook {
        let file = self.file(body);
        let output = run(python(), &[&script(), "sign", sender, secret, &file]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let fields: BTreeMap<String, String> = serde_json::from_slice(&output.stdout).unwrap();
        Hook {
            target: format!("/{sender}/hooks?x=1"),
            fields: fields.into_iter().collect(),
            body: body.to_owned(),
        }
    }

    /// `openssl dgst -hmac`, in the encoding that a sender uses.
    fn openssl(&self, hash: &str, signed: &[u8], base64: bool) -> String {
        let file = self.file(signed);
        if !base64 {
            let arguments = ["dgst", hash, "-r", "-hmac", HOOK_SECRET, &file];
            let said = text(&run("openssl", &arguments).stdout);
            return said.split(' ').next().unwrap().to_owned();
        }
        let raw = format!("{file}.mac");
        let arguments = [
            "dgst",
            hash,
            "-binary",
            "-out",
            &raw,
            "-hmac",
            HOOK_SECRET,
            &file,
        ];
        assert!(run("openssl", &arguments).status.success());
        let said = run("openssl", &["base64", "-A", "-in", &raw]);
        text(&said.stdout).trim().to_owned()
    }

    fn partner(&self, target: &str, time: &str, body: &[u8]) -> Hook {
        let signed = [format!("{time}POST{target}\n").as_bytes(), body].concat();
        let signature = self.openssl("-sha512", &signed, true);
        let fields = [
            ("x-partner-time", time),
            ("x-partner-key", HOOK_ID),
            ("x-partner-signature", &format!("hmac-sha512 {signature}")),
        ];
        Hook::new(target, &fields, body)
    }
}

fn script() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/e2e/webhook_sign.py").display().to_string()
}

fn event(length: usize) -> Vec<u8> {
    let text = "grüße ".repeat(length / 8);
    serde_json::json!({ "object": "event", "text": text })
        .to_string()
        .into_bytes()
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const SERVED: (u16, String) = (200, String::new());

#[test]
fn what_senders_libraries_sign_is_taken_and_passed_on_whole() {
    let stage = Stage::new();
    for (sender, preset) in SENDERS {
        for length in [20, LONG] {
            let hook = stage.sent_by(sender, HOOK_SECRET, &event(length));
            stage.upstream.forget();
            assert_eq!(stage.ask(&hook), SERVED, "{sender} {length}");
            let seen = stage.upstream.seen();
            assert!(seen.ends_with(&text(&hook.body)), "{sender} {length}");
            let consumer = stage.upstream.field("x-consumer");
            assert_eq!(consumer.as_deref(), Some("hooks"));
            let signature = preset.demand(Vec::new()).header;
            assert_eq!(stage.upstream.field(signature.as_str()), None);
            // Over TLS as well, and with the secret before it was changed.
            let config = tls(stage.directory.path(), None);
            let address = stage.gateway.address("public");
            let mut client = Client::tls(address, &config, "localhost").unwrap();
            let old = stage.sent_by(sender, OLD_HOOK_SECRET, &event(length));
            assert_eq!(client.try_ask(&old.bytes()).unwrap().status, 200);
        }
    }
}

#[test]
fn what_is_changed_on_the_way_is_refused_and_the_upstream_sees_none_of_it() {
    let stage = Stage::new();
    for (sender, _) in SENDERS {
        for length in [20, LONG] {
            let hook = stage.sent_by(sender, HOOK_SECRET, &event(length));
            let mut changed = hook.clone();
            *changed.body.last_mut().unwrap() = b' ';
            let mismatch = refused(403, "signature_mismatch");
            assert_eq!(stage.ask(&changed), mismatch, "{sender}");
            let other = stage.sent_by(sender, "the-secret-of-somebody-else", &hook.body);
            assert_eq!(stage.ask(&other), mismatch, "{sender}");
            let mut unsigned = hook.clone();
            unsigned.fields.clear();
            assert_eq!(stage.ask(&unsigned), refused(401, "signature_required"));
            let mut twice = hook.clone();
            let signature = twice.fields.last().unwrap().clone();
            twice.fields.push(signature);
            assert_eq!(stage.ask(&twice), refused(403, "signature_malformed"));
        }
    }
    // One sender's signature is none on another's route.
    let mut elsewhere = stage.sent_by("github", HOOK_SECRET, b"{}");
    elsewhere.target = "/shopify/x".to_owned();
    assert_eq!(stage.ask(&elsewhere), refused(401, "signature_required"));
    assert_eq!(stage.upstream.seen(), "");
}

#[test]
fn what_openssl_signs_is_taken() {
    let stage = Stage::new();
    let body = b"{\"id\":1}";
    let github = format!("sha256={}", stage.openssl("-sha256", body, false));
    let hook = Hook::new("/github/x", &[("x-hub-signature-256", &github)], body);
    assert_eq!(stage.ask(&hook), SERVED);
    let shopify = stage.openssl("-sha256", body, true);
    let hook = Hook::new("/shopify/x", &[("x-shopify-hmac-sha256", &shopify)], body);
    assert_eq!(stage.ask(&hook), SERVED);

    let now = UtcTime::now().unix();
    let time = format!("{now}123");
    let hook = stage.partner("/partner/orders/7?dry_run=true", &time, body);
    assert_eq!(stage.ask(&hook), SERVED);
    let mismatch = refused(403, "signature_mismatch");
    for (changed, code) in [
        ("/partner/orders/7?dry_run=false", &mismatch),
        ("/partner/orders/7", &mismatch),
    ] {
        let mut hook = hook.clone();
        hook.target = changed.to_owned();
        assert_eq!(stage.ask(&hook), *code, "{changed}");
    }
    let mut other = hook.clone();
    other.fields[1].1 = OLD_HOOK_ID.to_owned();
    assert_eq!(stage.ask(&other), mismatch);
    for (offset, code) in [(-70, "signature_expired"), (70, "signature_not_yet_valid")] {
        let time = format!("{}000", now + offset);
        let hook = stage.partner("/partner/x", &time, body);
        assert_eq!(stage.ask(&hook), refused(403, code));
    }
}

#[test]
fn what_we_sign_is_taken_by_the_senders_own_libraries() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("body").display().to_string();
    let body = event(100);
    fs::write(&file, &body).unwrap();
    for (sender, preset) in SENDERS {
        let fields = sign_hmac(&HmacSigningRequest {
            method: "POST",
            target: "/",
            authority: "localhost",
            headers: &[],
            body: &body,
            demand: &preset.demand(Vec::new()),
            id: HOOK_ID,
            secret: &Secret::new(HOOK_SECRET.to_owned()),
            now: UtcTime::now(),
        });
        let fields: BTreeMap<String, String> = fields.unwrap().into_iter().collect();
        let fields = serde_json::to_string(&fields).unwrap();
        let verify = |secret| {
            run(
                python(),
                &[&script(), "verify", sender, secret, &file, &fields],
            )
        };
        let output = verify(HOOK_SECRET);
        assert!(
            output.status.success(),
            "{sender}: {}",
            text(&output.stderr)
        );
        assert!(!verify(OLD_HOOK_SECRET).status.success(), "{sender}");
    }
}

#[test]
fn a_body_longer_than_is_held_is_refused_unread() {
    let stage = Stage::new();
    let hook = stage.sent_by("github", HOOK_SECRET, &event(MAX_BODY * 2));
    assert!(hook.body.len() > MAX_BODY);
    let too_large = refused(413, "body_too_large");
    let framing = format!("Content-Length: {}", hook.body.len());
    assert_eq!(stage.ask_with(hook.head(&framing).as_bytes()), too_large);
    // What is of unknown length is held up to 64 KiB.
    let hook = stage.sent_by("github", HOOK_SECRET, &event(LONG));
    assert_eq!(stage.ask_with(&hook.chunked()), too_large);
    let hook = stage.sent_by("github", HOOK_SECRET, &event(30_000));
    assert_eq!(stage.ask_with(&hook.chunked()), SERVED);
    stage.upstream.forget();
    // A time that is over is refused before the body is asked for.
    let time = "1531420618";
    let fields = [
        ("x-slack-request-timestamp", time),
        ("x-slack-signature", &format!("v0={}", "0".repeat(64))),
    ];
    let hook = Hook::new("/slack/x", &fields, b"");
    let head = hook.head("Content-Length: 100000");
    assert_eq!(
        stage.ask_with(head.as_bytes()),
        refused(403, "signature_expired")
    );
    assert_eq!(stage.upstream.seen(), "");
}

#[test]
fn a_signature_without_a_time_passes_once_where_the_policy_says_so() {
    let stage = Stage::new();
    let mut hook = stage.sent_by("github", HOOK_SECRET, b"{\"delivery\":1}");
    hook.target = "/once/x".to_owned();
    assert_eq!(stage.ask(&hook), SERVED);
    // This route passes it on, for an upstream that checks it as well.
    let passed = stage.upstream.field("x-hub-signature-256");
    assert_eq!(passed.as_deref(), Some(hook.fields[0].1.as_str()));
    assert_eq!(stage.ask(&hook), refused(403, "signature_replayed"));
    hook.target = "/github/x".to_owned();
    assert_eq!(stage.ask(&hook), SERVED, "this policy does not ask");
    let mut other = stage.sent_by("github", HOOK_SECRET, b"{\"delivery\":2}");
    other.target = "/once/x".to_owned();
    assert_eq!(stage.ask(&other), SERVED);
}

#[test]
fn a_body_that_is_not_signed_needs_tls() {
    let stage = Stage::new();
    let target = "/bodiless/x";
    let signature = stage.openssl("-sha256", format!("POST{target}").as_bytes(), false);
    let hook = Hook::new(target, &[("x-partner-signature", &signature)], b"anything");
    assert_eq!(stage.ask(&hook), refused(403, "payload_mode_refused"));
    let config = tls(stage.directory.path(), None);
    let address = stage.gateway.address("public");
    let mut client = Client::tls(address, &config, "localhost").unwrap();
    assert_eq!(client.try_ask(&hook.bytes()).unwrap().status, 200);
}

#[test]
fn neither_a_secret_nor_a_signature_is_logged() {
    let stage = Stage::new();
    let mut hook = stage.sent_by("github", HOOK_SECRET, b"{}");
    assert_eq!(stage.ask(&hook), SERVED);
    hook.body = b"[]".to_vec();
    assert_eq!(stage.ask(&hook), refused(403, "signature_mismatch"));
    let line = stage
        .gateway
        .logged("the reason", |line| line["refusal"] == "signature_mismatch");
    assert_eq!(line["detail"], "the signature is wrong");
    let log = fs::read_to_string(stage.directory.path().join("access.log")).unwrap();
    let said = stage.gateway.said().join("\n");
    let signature = hook.fields[0].1.trim_start_matches("sha256=");
    for hidden in [HOOK_SECRET, OLD_HOOK_SECRET, signature] {
        assert!(!log.contains(hidden) && !said.contains(hidden));
    }
}

#[test]
fn verify_shows_the_signed_text_and_where_a_sender_s_differs() {
    let stage = Stage::new();
    let hook = stage.sent_by("slack", HOOK_SECRET, b"a=1&b=2");
    let path = |name: &str| stage.directory.path().join(name).display().to_string();
    fs::write(path("request"), hook.bytes()).unwrap();
    fs::write(path("theirs"), "v1:1531420618:a=1&b=2\n").unwrap();
    let (config, request, theirs) = (path("gateway.toml"), path("request"), path("theirs"));
    let arguments = [
        "verify",
        "--config",
        &config,
        "--request",
        &request,
        "--theirs",
        &theirs,
    ];
    let output = run(PROGRAM, &arguments);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    let time = &hook.fields[0].1;
    for part in [
        "an HMAC in x-slack-signature of \"v0:{timestamp}:{body}\"",
        "outcome      served, as hooks",
        "signed text, as the gateway sees it:",
        &format!("v0:{time}:a=1&b=2"),
        "first differs in line 1",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_policy_for_hmac_takes_no_secret_of_sigv4() {
    let stage = Stage::new();
    let file = stage.directory.path().join("gateway.toml");
    let config = fs::read_to_string(&file).unwrap();
    let (mine, theirs) = (HOOK_ID, crate::harness::gateway::ID);
    fs::write(&file, config.replace(mine, theirs)).unwrap();
    let output = run(PROGRAM, &["check", "--config", &file.display().to_string()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("which is for sigv4 and not for hmac"),
        "{said}"
    );
    assert!(!stage.gateway.reload_as_it_is());
}
