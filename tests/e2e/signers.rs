//! What signers that others wrote sign, in SigV4 and SigV4a, header and query: each is let in,
//! and is refused once any byte that was signed is another. botocore, boto3 and AWS's Common
//! Runtime are Python's, the SDK for JavaScript is node's, the crate aws-sigv4 is Rust's, and
//! curl is curl.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::case::{Case, by_crate};
use crate::harness::changed::changes;
use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, ID, REGION, SECRET, SERVICE};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::signed::Signed;
use crate::harness::{node_home, python, run, text, wait_for};

struct Stage {
    directory: TempDir,
    upstream: Recorder,
    gateway: Gateway,
}

fn config(upstream: &Recorder) -> String {
    let both = r#"schemes = ["sigv4", "sigv4a"], max_expires_secs = 600"#;
    let policy = |name: &str, signature: &str, more: &str| {
        format!(
            r#"
[[policy]]
name = "{name}"
all_of = ["signature"]
signature = {{ region = "{REGION}", {signature} }}
[[route]]
path = "/{name}/{{proxy+}}"
method = "ANY"
policy = "{name}"
integration = "recorder"
{more}
"#
        )
    };
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
[[consumer]]
name = "billing"
credentials = ["{ID}"]
{}{}{}{}
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        policy("aws", &format!(r#"{both}, service = "{SERVICE}""#), ""),
        policy(
            "s3",
            &format!(
                r#"{both}, service = "s3", profile = "s3", unsigned_payload = true, streaming = ["unsigned_trailer"]"#
            ),
            r#"allow_path = ["empty_segment", "encoded_slash", "dot_segment"]"#
        ),
        policy(
            "sigv4-only",
            &format!(r#"schemes = ["sigv4"], service = "{SERVICE}""#),
            ""
        ),
        policy(
            "sigv4a-only",
            &format!(r#"schemes = ["sigv4a"], service = "{SERVICE}""#),
            ""
        ),
        upstream.address,
    )
}

const GET: Case<'static> = Case {
    scheme: "sigv4",
    carrier: "header",
    profile: "aws",
    method: "GET",
    path: "/a%20b/~x?q=a%20b&x=2&x=1&empty=",
    region: REGION,
    payload: "body",
    body: b"",
    headers: &[("x-amz-meta-note", "two  words")],
};

const CASES: &[Case<'static>] = &[
    GET,
    Case {
        method: "PUT",
        path: "/put",
        payload: "told",
        body: b"hello",
        ..GET
    },
    Case {
        method: "POST",
        path: "/%C3%A9/post?%C3%A9=%2F%2Bx",
        body: b"{\"a\": 1}",
        headers: &[("content-type", "application/json")],
        ..GET
    },
    Case {
        profile: "s3",
        path: "/k%2Fe//y/.?versionId=7",
        payload: "told",
        ..GET
    },
    Case {
        profile: "s3",
        method: "PUT",
        path: "/k",
        payload: "UNSIGNED-PAYLOAD",
        body: b"unsigned",
        ..GET
    },
];

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let authority = Authority::new(directory.path(), "ca");
        authority.server("server", &["localhost"]);
        // boto3 reads a body as S3's XML.
        let upstream = Recorder::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let gateway = Gateway::start(directory.path(), &config(&upstream));
        Self {
            directory,
            upstream,
            gateway,
        }
    }

    fn url(&self, case: &Case<'_>) -> String {
        self.gateway.url(&format!("/{}{}", case.profile, case.path))
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn ask(&self, request: &Signed) -> (u16, String) {
        let config = tls(self.directory.path(), None);
        let mut client = Client::tls(self.gateway.address("public"), &config, "localhost").unwrap();
        let answer = client.try_ask(&request.bytes()).unwrap();
        (answer.status, answer.code())
    }

    /// Lets the request in, and none of its changes.
    fn judge(&self, what: &str, right: &Signed) {
        self.upstream.forget();
        assert_eq!(self.ask(right), (200, String::new()), "{what}: {right:?}");
        // The upstream gets what was signed, without the signature.
        let arrived = self.upstream.seen();
        let target = right.target.split(['?', '&']);
        let own: Vec<&str> = target
            .filter(|piece| !piece.starts_with("X-Amz-"))
            .collect();
        let own = format!("{} {}", right.method, own.join("&").replacen('&', "?", 1));
        assert!(arrived.starts_with(&own), "{what}: {arrived}");
        let changes = changes(right);
        assert!(changes.len() > 20, "{what}");
        for change in changes {
            self.upstream.forget();
            let (_, code) = self.ask(&change.request);
            assert_eq!(code, change.code, "{what}: {}", change.what);
            let seen = self.upstream.seen();
            // Of a body that is read as it goes by, a part may have arrived, but not its end.
            assert!(
                seen.is_empty() || change.what.starts_with("body"),
                "{what}: {}: {seen}",
                change.what
            );
        }
    }

    /// Runs a script that signs; each takes the same arguments.
    fn signed_by(&self, script: &str, case: &Case<'_>) -> Signed {
        let body = match case.body {
            b"" => "-".to_owned(),
            body => {
                fs::write(self.path("body"), body).unwrap();
                self.path("body")
            }
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/e2e")
            .join(script);
        let program = match script.extension().is_some_and(|end| end == "js") {
            true => "node".into(),
            false => python(),
        };
        let output = Command::new(program)
            .current_dir(node_home())
            .arg(script)
            .args([case.scheme, case.carrier, case.profile, case.method])
            .arg(self.url(case))
            .args([ID, SECRET, case.region, case.service(), case.payload, &body])
            .args(
                case.headers
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        signed(case.method, &told, case.body.to_vec())
    }
}

/// A request as a script tells it.
fn signed(method: &'static str, told: &Value, body: Vec<u8>) -> Signed {
    let pair = |pair: &Value| {
        let word = |at: usize| pair[at].as_str().unwrap().to_owned();
        (word(0).to_ascii_lowercase(), word(1))
    };
    Signed {
        method,
        target: told["target"].as_str().unwrap().to_owned(),
        fields: told["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(pair)
            .collect(),
        body,
    }
}

/// Each case by each scheme and carrier, but for a told hash in a URL: no signer puts it there.
fn cases() -> impl Iterator<Item = Case<'static>> {
    let ways = ["sigv4", "sigv4a"].map(|scheme| ["header", "url"].map(|carrier| (scheme, carrier)));
    ways.concat().into_iter().flat_map(|(scheme, carrier)| {
        let way = move |case: &Case<'static>| Case {
            scheme,
            carrier,
            ..*case
        };
        let fits = move |case: &&Case<'_>| carrier == "header" || case.payload != "told";
        CASES.iter().filter(fits).map(way)
    })
}

#[test]
fn what_awscrt_signs_is_let_in_and_no_changed_byte_of_it() {
    let stage = Stage::new();
    for case in cases() {
        stage.judge(
            &case.what("awscrt"),
            &stage.signed_by("awscrt_sign.py", &case),
        );
    }
    let several = Case {
        scheme: "sigv4a",
        region: "us-*,eu-*",
        ..GET
    };
    stage.judge(
        "several regions",
        &stage.signed_by("awscrt_sign.py", &several),
    );
}

#[test]
fn what_the_sdk_for_javascript_signs_is_let_in_and_no_changed_byte_of_it() {
    let stage = Stage::new();
    // Its SigV4a makes no URLs.
    for case in cases().filter(|case| (case.scheme, case.carrier) != ("sigv4a", "url")) {
        stage.judge(
            &case.what("smithy"),
            &stage.signed_by("smithy_sign.js", &case),
        );
    }
}

#[test]
fn what_the_crate_of_aws_signs_is_let_in_and_no_changed_byte_of_it() {
    let stage = Stage::new();
    for case in cases() {
        let url = stage.url(&case);
        stage.judge(&case.what("aws-sigv4"), &by_crate(&url, &case));
    }
}

#[test]
fn what_botocore_signs_is_let_in_and_no_changed_byte_of_it() {
    let stage = Stage::new();
    for case in cases().filter(|case| case.scheme == "sigv4") {
        // Its S3 signer tells the hash, whatever it is asked.
        if case.payload == "UNSIGNED-PAYLOAD" && case.carrier == "header" {
            continue;
        }
        let profile = match case.carrier {
            "url" => format!("{}-url", case.profile),
            _ => case.profile.to_owned(),
        };
        // Its URLs take a body into the query, and leave none of it: it is not told of one.
        let body = match case.carrier {
            "url" => b"",
            _ => case.body,
        };
        let is_s3 = case.profile == "s3";
        let sent = if is_s3 { case.body } else { body };
        let file = stage.path("body");
        fs::write(&file, body).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/botocore_sign.py");
        let (script, url) = (script.display().to_string(), stage.url(&case));
        let mut arguments = vec![
            &*script,
            &profile,
            case.method,
            &url,
            ID,
            SECRET,
            REGION,
            case.service(),
            &file,
        ];
        let headers = case
            .headers
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let headers: Vec<String> = headers.collect();
        arguments.extend(headers.iter().map(String::as_str));
        let output = run(python(), &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let authority = url.split('/').nth(2).unwrap().to_owned();
        let mut fields = vec![("host".to_owned(), authority)];
        let mut target = url.splitn(4, '/').nth(3).unwrap().to_owned();
        match told["url"].as_str() {
            Some(presigned) => {
                target = presigned.splitn(4, '/').nth(3).unwrap().to_owned();
                let own = case.headers.iter();
                fields.extend(own.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            }
            None => {
                let all = told.as_object().unwrap().iter();
                fields.extend(all.map(|(name, value)| {
                    (
                        name.to_ascii_lowercase(),
                        value.as_str().unwrap().to_owned(),
                    )
                }));
            }
        }
        let request = Signed {
            method: case.method,
            target: format!("/{target}"),
            fields,
            body: sent.to_vec(),
        };
        stage.judge(&case.what("botocore"), &request);
    }
}

/// boto3's own upload, to the end: its body streams in AWS's chunks inside of HTTP's, with a
/// checksum behind it.
#[test]
fn what_boto3_puts_arrives_bare_and_no_changed_byte_of_it() {
    let stage = Stage::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/boto3_s3.py");
    let (script, url) = (script.display().to_string(), stage.gateway.url(""));
    let (file, ca) = (stage.path("body"), stage.path("ca.pem"));
    let boto3 = |todo: &str, version: &str, key: &str| -> Value {
        let output = run(
            python(),
            &[
                &script, todo, version, &url, "s3", key, &file, ID, SECRET, REGION, &ca,
            ],
        );
        assert!(
            output.status.success(),
            "{todo} {version}: {}",
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for version in ["s3v4", "s3v4a"] {
        for size in [0, 5, 100_000] {
            let body: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
            fs::write(&file, &body).unwrap();
            stage.upstream.forget();
            let sent = boto3("put", version, "some key");
            let sent = signed("PUT", &sent, Vec::new());
            assert_eq!(
                sent.find("x-amz-content-sha256"),
                Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            );
            let ecdsa = sent
                .field("authorization")
                .starts_with("AWS4-ECDSA-P256-SHA256");
            assert_eq!(ecdsa, version == "s3v4a");
            let arrived = wait_for("the upload", || {
                let seen = stage.upstream.seen_for("/s3/some%20key");
                (!seen.is_empty()).then_some(seen)
            });
            let (head, rest) = arrived.split_once("\r\n\r\n").unwrap();
            assert_eq!(rest, text(&body), "{version} {size}: {head}");
            assert!(
                head.to_ascii_lowercase()
                    .contains(&format!("content-length: {size}"))
            );
        }
        fs::write(&file, b"hello").unwrap();
        let told = boto3("tell", version, "k");
        let body = STANDARD.decode(told["body"].as_str().unwrap()).unwrap();
        let mut request = signed("PUT", &told, body);
        // Neither is signed; HTTP's own framing is tried above.
        request
            .fields
            .retain(|(name, _)| name != "transfer-encoding" && name != "expect");
        stage.judge(version, &request);
        let presigned = signed("GET", &boto3("presign", version, "k"), Vec::new());
        stage.judge(version, &presigned);
    }
}

/// What curl sends for `arguments`, which somebody else is told.
fn by_curl(stage: &Stage, method: &'static str, target: &str, arguments: &[&str]) -> Signed {
    let listener = Recorder::start();
    let port = stage.gateway.address("public").port();
    let url = format!("http://localhost:{port}{target}");
    let to = format!("localhost:{port}:{}", listener.address);
    let user = format!("{ID}:{SECRET}");
    let all = [
        "-s",
        "--path-as-is",
        "--connect-to",
        &to,
        "--user",
        &user,
        "-X",
        method,
    ];
    let output = run("curl", &[&all, arguments, &[&url]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let sent = wait_for("what curl sends", || {
        Some(listener.seen()).filter(|seen| !seen.is_empty())
    });
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Signed {
        method,
        target,
        fields: lines.map(field).collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// curl 7.88, Debian 12's, signs path and query as they are sent: neither sorted nor encoded. So
/// it is right where they are canonical already. It is refused with `?b=2&a=1`, `?q` without a
/// `=`, a `+`, a bare `/`, `:` or `,`, and lower-case escapes; and, under the profile `aws`, with
/// any escape in the path, which it does not encode a second time. It signs a header that is
/// there twice as two, and one that `-H 'name:'` takes away as present; both are refused. It
/// tells no hash of its body, not even for S3, so that its bodies are held until they are
/// checked.
#[test]
fn what_curl_signs_is_let_in_and_no_changed_byte_of_it() {
    let stage = Stage::new();
    let of = |service: &str| format!("aws:amz:{REGION}:{service}");
    let (aws, s3) = (of(SERVICE), of("s3"));
    for (method, target, scheme, more) in [
        ("GET", "/aws/a/b.txt", &aws, &[][..]),
        ("GET", "/aws/a?a=1&b=2", &aws, &[]),
        ("POST", "/aws/a", &aws, &["-d", "hello"]),
        ("GET", "/s3/k/e//y?a=1&b=2", &s3, &[]),
        ("PUT", "/s3/k", &s3, &["--data-binary", "hello"]),
    ] {
        let arguments = [&["--aws-sigv4", scheme], more].concat();
        let request = by_curl(&stage, method, target, &arguments);
        stage.judge(&format!("curl {method} {target}"), &request);
    }
}

#[test]
fn s7_an_algorithm_that_the_policy_does_not_name_is_refused_however_well_signed() {
    let stage = Stage::new();
    let refused = (403, "signature_malformed".to_owned());
    for (scheme, other) in [("sigv4", "sigv4a"), ("sigv4a", "sigv4")] {
        let own = format!("{scheme}-only");
        let case = Case {
            scheme,
            profile: &own,
            ..GET
        };
        let right = by_crate(&stage.url(&case), &case);
        assert_eq!(stage.ask(&right), (200, String::new()), "{own}");
        stage.upstream.forget();
        let case = Case {
            scheme: other,
            ..case
        };
        let wrong = by_crate(&stage.url(&case), &case);
        assert_eq!(stage.ask(&wrong), refused, "{own}");
        // Nor does this policy take URLs, of either.
        for scheme in [scheme, other] {
            let case = Case {
                scheme,
                carrier: "url",
                ..case
            };
            let wrong = by_crate(&stage.url(&case), &case);
            assert_eq!(stage.ask(&wrong), refused, "{own} {scheme}");
        }
        assert_eq!(stage.upstream.seen(), "");
    }
}
