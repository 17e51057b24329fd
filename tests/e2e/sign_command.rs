//! `countersign sign`, as a user types it: what it prints, the real curl sends, and the gateway
//! lets in; what of it is changed, the gateway refuses as the scheme has it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::gateway::{
    Gateway, HOOK_ID, HOOK_SECRET, ID, OLD_HOOK_ID, OLD_HOOK_SECRET, OTHER_ID, OTHER_SECRET,
    PROGRAM, SECRET,
};
use crate::harness::nginx::free_address;
use crate::harness::pki::Authority;
use crate::harness::sts::{APP, ROLE, Sts};
use crate::harness::text;
use crate::messages::{key_pair, write_private};

const SHARED: &str = "a-secret-of-thirty-two-bytes-or-more";

struct Stage {
    directory: TempDir,
    gateway: Gateway,
    _sts: Sts,
}

fn config(sts: &Sts) -> String {
    let aws = r#"schemes = ["sigv4", "sigv4a"], max_expires_secs = 60, service = "execute-api", region = "us-west-2""#;
    let hook = format!(
        r#"schemes = ["hmac"], hmac = {{ preset = "github", credentials = ["{OLD_HOOK_ID}", "{HOOK_ID}"] }}"#
    );
    let partner = format!(
        r#"schemes = ["hmac"], hmac = {{ credentials = ["{HOOK_ID}"], header = "x-signature", signed = "{{timestamp}}{{method}}{{target}}\n{{header:x-event}}\n{{body}}", timestamp = {{ header = "x-time" }}, key_id_header = "x-key" }}"#
    );
    let iam = format!(
        r#"schemes = ["sts"], sts = {{ audience = "gateway.example", regions = ["us-west-2"], endpoint = "http://{}" }}"#,
        sts.address
    );
    let several = format!(
        r#"schemes = ["rfc9421", "hmac"], hmac = {{ preset = "github", credentials = ["{HOOK_ID}"] }}"#
    );
    let policies = [
        ("aws", aws),
        (
            "message",
            r#"schemes = ["rfc9421"], rfc9421 = { components = ["content-type"], tag = "e2e" }"#,
        ),
        ("bare", r#"schemes = ["rfc9421"]"#),
        ("once", r#"schemes = ["rfc9421"], refuse_replays = true"#),
        (
            "whole",
            r#"schemes = ["rfc9421"], rfc9421 = { components = ["@target-uri", "@query-param;name=\"id\""] }"#,
        ),
        ("hook", &hook),
        ("partner", &partner),
        ("iam", &iam),
        ("several", &several),
    ];
    let policy = |(name, signature): (&str, &str)| {
        format!(
            "[[policy]]\nname = \"{name}\"\nall_of = [\"signature\"]\nsignature = {{ {signature} }}\n\
             [[route]]\npath = \"/{name}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"{name}\"\nintegration = \"ok\"\n"
        )
    };
    let policies: String = policies.into_iter().map(policy).collect();
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
[[consumer]]
name = "billing"
credentials = ["{ID}", "{HOOK_ID}", "{OLD_HOOK_ID}", "CSMESSAGE", "CSRSA"]
[[consumer]]
name = "shipping"
credentials = ["CSSHARED", "{OTHER_ID}"]
[[consumer]]
name = "app"
principals = ["{ROLE}"]
{policies}
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    )
}

fn store(directory: &Path) -> String {
    let public = |name: &str| {
        let text = fs::read_to_string(directory.join(format!("{name}.pub"))).unwrap();
        format!("public_key = \"\"\"\n{text}\"\"\"\n")
    };
    let entry = |id: &str, scheme: &str, key: &str| {
        format!("[[credential]]\nid = \"{id}\"\nscheme = \"{scheme}\"\n{key}\n")
    };
    let secret = |text: &str| format!("secret = \"{text}\"");
    let rsa = format!("algorithm = \"rsa-pss-sha512\"\n{}", public("rsa"));
    entry(ID, "sigv4", &secret(SECRET))
        + &entry(OTHER_ID, "sigv4", &secret(OTHER_SECRET))
        + &entry(HOOK_ID, "hmac", &secret(HOOK_SECRET))
        // Over, so that the first of the policy's is not the one that signs.
        + &entry(OLD_HOOK_ID, "hmac", &secret(OLD_HOOK_SECRET))
        + "not_after = 2020-01-01T00:00:00Z\n"
        + &entry("CSMESSAGE", "rfc9421", &public("message"))
        + &entry("CSRSA", "rfc9421", &rsa)
        + &entry("CSSHARED", "rfc9421", &secret(SHARED))
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let home = directory.path();
        Authority::new(home, "ca").server("server", &["localhost"]);
        key_pair(home, "message", &["-algorithm", "ed25519"]);
        key_pair(home, "other", &["-algorithm", "ed25519"]);
        key_pair(home, "rsa", &["-algorithm", "RSA"]);
        write_private(&home.join("shared"), &format!("{SHARED}\n"));
        let jwk = format!(
            "{{\"kty\": \"oct\", \"k\": \"{}\"}}",
            URL_SAFE_NO_PAD.encode(SHARED)
        );
        write_private(&home.join("shared.jwk"), &jwk);
        write_private(&home.join("credentials.toml"), &store(home));
        fs::write(home.join("body"), "{\"amount\": 7}").unwrap();
        fs::write(home.join("forged"), "{\"amount\": 8}").unwrap();
        let sts = Sts::start(free_address());
        let gateway = Gateway::start(home, &config(&sts));
        Self {
            directory,
            gateway,
            _sts: sts,
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Runs `countersign sign` where the files are.
    fn sign(&self, options: &[&str], method: &str, url: &str) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(self.directory.path())
            .args(["sign", "--config", "gateway.toml"])
            .args(options)
            .args([method, url])
            .env("AWS_ACCESS_KEY_ID", APP[0])
            .env("AWS_SECRET_ACCESS_KEY", APP[1])
            .env("AWS_SESSION_TOKEN", "a/session+token==");
        command.output().unwrap()
    }

    /// What it printed.
    fn signed(&self, options: &[&str], method: &str, url: &str) -> String {
        let output = self.sign(options, method, url);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What it complained of.
    fn refused(&self, options: &[&str], method: &str, target: &str) -> String {
        let output = self.sign(options, method, &self.gateway.url(target));
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr)
    }

    /// Has curl send it: status, and the code of a refusal.
    fn send(&self, signed: &str, method: &str, url: &str, body: Option<&str>) -> (u16, String) {
        use std::io::Write as _;
        let mut command = Command::new("curl");
        command
            .current_dir(self.directory.path())
            .args(["-sS", "--cacert", "ca.pem", "-X", method])
            .args(["-w", "\n%{http_code}", "--config", "-"]);
        if let Some(body) = body {
            command.args(["--data-binary", &format!("@{body}")]);
        }
        let child = command
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(signed.as_bytes()).unwrap();
        drop(input);
        let said = text(&child.wait_with_output().unwrap().stdout);
        let (body, status) = said.rsplit_once('\n').unwrap();
        let told: Value = serde_json::from_str(body).unwrap_or_default();
        let code = told["code"].as_str().unwrap_or_default().to_owned();
        (status.parse().unwrap(), code)
    }
}

/// A request, and what becomes of it when a part is another: `""` where the scheme covers none
/// of that part.
struct Case {
    name: &'static str,
    options: &'static [&'static str],
    target: &'static str,
    body: bool,
    /// A text of what was signed, in the place of which another is sent.
    header: Option<(&'static str, &'static str)>,
    changed_target: &'static str,
    changed_body: &'static str,
}

const MISMATCH: &str = "signature_mismatch";
const TEXT: [&str; 2] = ["--header", "Content-Type: text/plain"];
const TYPE: Option<(&str, &str)> = Some(("text/plain", "text/html"));

const AWS: Case = Case {
    name: "sigv4",
    options: &["--credential", ID, TEXT[0], TEXT[1]],
    target: "/aws/x?b=2&a=%20",
    body: true,
    header: TYPE,
    changed_target: MISMATCH,
    changed_body: MISMATCH,
};
const MESSAGE: Case = Case {
    name: "rfc9421",
    options: &[
        "--key",
        "message.key",
        "--credential",
        "CSMESSAGE",
        TEXT[0],
        TEXT[1],
    ],
    target: "/message/x?b=2&a=1",
    changed_body: "body_hash_mismatch",
    ..AWS
};
const CASES: &[Case] = &[
    AWS,
    Case {
        name: "sigv4 without a body",
        options: &["--credential", ID],
        body: false,
        header: None,
        ..AWS
    },
    Case {
        name: "sigv4a",
        options: &["--scheme", "sigv4a", "--credential", ID, TEXT[0], TEXT[1]],
        ..AWS
    },
    MESSAGE,
    Case {
        name: "rfc9421 without a body, with a quote in a header",
        options: &[
            "--scheme",
            "rfc9421",
            "--key",
            "message.key",
            "--credential",
            "CSMESSAGE",
            "--header",
            r#"X-Note: a "quoted\" note"#,
        ],
        target: "/bare/x",
        body: false,
        header: Some(("quoted", "quoth")),
        ..MESSAGE
    },
    Case {
        name: "rfc9421 with RSA, whose algorithm is the credential's",
        options: &["--key", "rsa.key", "--credential", "CSRSA"],
        target: "/bare/x",
        header: None,
        ..MESSAGE
    },
    Case {
        name: "rfc9421 with RSA by name, over the whole URL",
        options: &[
            "--key",
            "rsa.key",
            "--credential",
            "CSRSA",
            "--algorithm",
            "rsa-pss-sha512",
        ],
        target: "/whole/x?id=7",
        header: None,
        ..MESSAGE
    },
    Case {
        name: "rfc9421 with a secret",
        options: &["--key", "shared", "--credential", "CSSHARED"],
        target: "/bare/x",
        header: None,
        ..MESSAGE
    },
    Case {
        name: "rfc9421 with a secret in a JWK",
        options: &["--key", "shared.jwk", "--credential", "CSSHARED"],
        target: "/bare/x",
        header: None,
        ..MESSAGE
    },
    Case {
        name: "hmac by a preset",
        options: &[],
        target: "/hook/x",
        header: None,
        // It covers the body and nothing else.
        changed_target: "",
        ..AWS
    },
    Case {
        name: "hmac by description",
        options: &["--scheme", "hmac", "--header", "X-Event: paid"],
        target: "/partner/x?b=2&a=1",
        header: Some(("paid", "owed")),
        ..AWS
    },
    Case {
        name: "sts",
        options: &[],
        target: "/iam/x",
        header: None,
        // A token says who calls, and nothing of the request.
        changed_target: "",
        changed_body: "",
        ..AWS
    },
];

#[test]
fn what_sign_prints_curl_sends_and_no_other_request_passes_with_it() {
    let stage = Stage::new();
    for case in CASES {
        let name = case.name;
        let url = stage.gateway.url(case.target);
        let body = case.body.then_some("body");
        let method = if case.body { "POST" } else { "GET" };
        let mut options = case.options.to_vec();
        options.extend(body.iter().flat_map(|body| ["--body", body]));
        let signed = stage.signed(&options, method, &url);
        let judged = |signed: &str, method: &str, url: &str, body: Option<&str>, want: &str| {
            let (status, code) = stage.send(signed, method, url, body);
            let what = format!("{name}: {method} {url} {body:?} {status}\n{signed}");
            assert_eq!(code, want, "{what}");
            assert_eq!(status == 200, want.is_empty(), "{what}");
        };
        judged(&signed, method, &url, body, "");
        let other = url.replace("/x", "/y");
        judged(&signed, method, &other, body, case.changed_target);
        if body.is_some() {
            judged(&signed, method, &url, Some("forged"), case.changed_body);
            judged(&signed, "PUT", &url, body, case.changed_target);
        }
        if let Some((from, to)) = case.header {
            let changed = signed.replacen(from, to, 1);
            assert_ne!(changed, signed, "{name}");
            judged(&changed, method, &url, body, MISMATCH);
        }
    }
}

#[test]
fn a_nonce_is_drawn_where_replays_are_refused() {
    let stage = Stage::new();
    let url = stage.gateway.url("/once/x");
    let options = ["--key", "message.key", "--credential", "CSMESSAGE"];
    for _ in 0..3 {
        // Within one second, and yet no two are alike.
        let signed = stage.signed(&options, "GET", &url);
        assert_eq!(stage.send(&signed, "GET", &url, None).0, 200);
        let again = stage.send(&signed, "GET", &url, None);
        assert_eq!(again, (403, "signature_replayed".to_owned()));
    }
}

#[test]
fn without_a_scheme_the_first_signs_for_which_there_is_a_key() {
    let stage = Stage::new();
    let url = stage.gateway.url("/several/x");
    let key = ["--key", "message.key", "--credential", "CSMESSAGE"];
    for (options, has) in [
        (&key[..], "signature-input"),
        (&["--credential", HOOK_ID], "x-hub-signature-256"),
        (&["--scheme", "hmac"], "x-hub-signature-256"),
    ] {
        let signed = stage.signed(options, "GET", &url);
        assert!(signed.contains(has), "{options:?}: {signed}");
        assert_eq!(stage.send(&signed, "GET", &url, None).0, 200, "{options:?}");
    }
    // The policy names rfc9421 first, and there are such credentials.
    let said = stage.refused(&[], "GET", "/several/x");
    assert!(said.contains("--key"), "{said}");
}

#[test]
fn a_port_that_is_the_schemes_own_is_not_signed() {
    let stage = Stage::new();
    let options = ["--credential", ID, "--presign", "60"];
    for (url, sent) in [
        ("https://localhost:443/aws/x", "https://localhost/aws/x?"),
        ("http://localhost:80/aws/x", "http://localhost/aws/x?"),
        ("http://localhost:443/aws/x", "http://localhost:443/aws/x?"),
    ] {
        let signed = stage.signed(&options, "GET", url);
        assert!(signed.starts_with(sent), "{url}: {signed}");
    }
}

#[test]
fn what_cannot_be_signed_is_told_why() {
    let stage = Stage::new();
    let open = stage.directory.path().join("open.key");
    fs::copy(stage.path("message.key"), &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).unwrap();
    let message = |key: &'static str| ["--credential", "CSMESSAGE", "--key", key];
    for (options, target, words) in [
        (
            &["--scheme", "hmac"][..],
            "/aws/x",
            "does not take this scheme, hmac; it takes sigv4, sigv4a",
        ),
        (
            &message("message.key"),
            "/aws/x",
            "does not take this scheme, rfc9421",
        ),
        (&[], "/aws/x", "several credentials; choose one"),
        (
            &["--credential", "CSNONE"],
            "/aws/x",
            "has no credential \"CSNONE\"",
        ),
        (
            &["--credential", HOOK_ID],
            "/aws/x",
            "is for hmac, and the policy takes sigv4, sigv4a",
        ),
        (
            &["--credential", "CSMESSAGE"],
            "/bare/x",
            "no key was given",
        ),
        (&message("open.key"), "/bare/x", "chmod 600"),
        (&message("gone.key"), "/bare/x", "cannot be read"),
        (
            &message("other.key"),
            "/bare/x",
            "not the key of credential",
        ),
        (&message("rsa.key"), "/bare/x", "for another algorithm"),
        (&message("shared"), "/bare/x", "neither PEM nor a JWK"),
        (
            &message("message.key"),
            "/message/x",
            "\"content-type\" is signed; give it with --header",
        ),
        (
            &["--credential", OLD_HOOK_ID],
            "/partner/x",
            "does not name credential",
        ),
        (&[], "/partner/x", "a field that is signed is missing"),
        (
            &TEXT,
            "/hook/x",
            "does not cover the header \"content-type\"",
        ),
        (&TEXT, "/iam/x", "--header is not for sts"),
        (&["--presign", "60"], "/hook/x", "--presign is not for hmac"),
        (&[], "/open", "asks for no signature"),
        (&[], "/nowhere", "no such route"),
    ] {
        let said = stage.refused(options, "GET", target);
        assert!(said.contains(words), "{options:?} {target}: {said}");
    }
    for options in [
        &["--header", "no colon"][..],
        &["--header", "Bad Name: x"],
        &["--header", "Host: other.example"],
        &["--header", "X-Empty:"],
        &["--algorithm", "ed25519"],
        &["--key", "message.key", "--algorithm", "none"],
    ] {
        let output = stage.sign(options, "GET", &stage.gateway.url("/bare/x"));
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
}
