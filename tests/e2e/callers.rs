//! The callers that users have: curl with a certificate and `--aws-sigv4`, and botocore, over
//! HTTP/1.1 and HTTP/2, against a real nginx.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::harness::gateway::{Gateway, ID, PROGRAM, REGION, SECRET, SERVICE};
use crate::harness::nginx::{INDEX, Nginx};
use crate::harness::pki::Authority;
use crate::harness::{python, run, text};

pub struct Stage {
    pub directory: TempDir,
    _nginx: Nginx,
    pub gateway: Gateway,
}

impl Stage {
    /// A certificate and a signature, checked in front of nginx.
    pub fn new() -> Self {
        let directory = tempdir().unwrap();
        let authority = Authority::new(directory.path(), "ca");
        authority.server("server", &["localhost"]);
        authority.client("billing", "spiffe://test/billing");
        let nginx = Nginx::start(directory.path());
        let gateway = Gateway::start(directory.path(), &config(&nginx));
        Self {
            directory,
            _nginx: nginx,
            gateway,
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// curl with the authority; gives status, body and the version of HTTP.
    pub fn curl(&self, arguments: &[&str]) -> (u16, Vec<u8>, String) {
        let ca = self.path("ca.pem");
        let mut all = vec![
            "-s",
            "--max-time",
            "20",
            "--cacert",
            &ca,
            "-w",
            "\n%{http_code} %{http_version}",
        ];
        all.extend_from_slice(arguments);
        let output = run("curl", &all);
        let at = output.stdout.iter().rposition(|byte| *byte == b'\n');
        let at = at.unwrap_or_else(|| panic!("curl said nothing: {output:?}"));
        let tail = text(&output.stdout[at + 1..]);
        let (status, version) = tail.split_once(' ').expect("two words");
        (
            status.parse().expect("a status"),
            output.stdout[..at].to_vec(),
            version.to_owned(),
        )
    }

    fn certificate(&self) -> [String; 4] {
        [
            "--cert".into(),
            self.path("billing.pem"),
            "--key".into(),
            self.path("billing.key"),
        ]
    }

    /// What botocore says is to be sent.
    fn ask_botocore(
        &self,
        profile: &str,
        method: &str,
        url: &str,
        body: &str,
        headers: &[&str],
    ) -> serde_json::Map<String, serde_json::Value> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/botocore_sign.py");
        let script = script.display().to_string();
        let mut arguments = vec![&*script, profile, method, url, ID, SECRET, REGION];
        arguments.push(if profile.starts_with("s3") {
            "s3"
        } else {
            SERVICE
        });
        arguments.push(body);
        arguments.extend_from_slice(headers);
        let output = run(python(), &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Signs with botocore; gives curl's arguments.
    pub fn botocore(
        &self,
        profile: &str,
        method: &str,
        url: &str,
        body: &str,
        headers: &[&str],
    ) -> Vec<String> {
        let headers = self.ask_botocore(profile, method, url, body, headers);
        let pair = |(name, value): (&String, &serde_json::Value)| {
            [
                "-H".to_owned(),
                format!("{name}: {}", value.as_str().unwrap_or_default()),
            ]
        };
        headers.iter().flat_map(pair).collect()
    }

    /// A URL presigned by botocore.
    fn presigned(&self, profile: &str, method: &str, url: &str) -> String {
        let told = self.ask_botocore(&format!("{profile}-url"), method, url, "-", &[]);
        told["url"].as_str().unwrap().to_owned()
    }

    /// A signed and certified call by curl.
    pub fn call(
        &self,
        version: &str,
        method: &str,
        url: &str,
        signed: &[String],
        body: Option<&str>,
    ) -> (u16, Vec<u8>, String) {
        let certificate = self.certificate();
        let mut arguments: Vec<&str> = certificate.iter().map(String::as_str).collect();
        arguments.extend([version, "-X", method, "--path-as-is"]);
        arguments.extend(signed.iter().map(String::as_str));
        let data = body.map(|file| format!("@{file}"));
        if let Some(data) = &data {
            arguments.extend(["--data-binary", data.as_str(), "-H", "Content-Type:"]);
        }
        arguments.push(url);
        self.curl(&arguments)
    }
}

fn config(nginx: &Nginx) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
max_body_bytes = 20000000
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
credentials = ["{ID}"]
[[policy]]
name = "partner"
all_of = ["certificate", "signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}", max_buffered_body_bytes = 8000000, max_expires_secs = 600 }}
[[policy]]
name = "bucket"
all_of = ["certificate", "signature"]
signature = {{ schemes = ["sigv4"], profile = "s3", service = "s3", region = "{REGION}", unsigned_payload = true, max_expires_secs = 600, streaming = ["unsigned_trailer"] }}
[[route]]
path = "/"
method = "GET"
policy = "partner"
integration = "nginx"
[[route]]
path = "/upload/s3/{{proxy+}}"
method = "ANY"
policy = "bucket"
integration = "nginx"
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "partner"
integration = "nginx"
[[integration]]
name = "nginx"
type = "http_proxy"
targets = ["{}"]
"#,
        nginx.address
    )
}

#[test]
fn curl_with_certificate_and_sigv4_gets_the_four_files() {
    let stage = Stage::new();
    let user = format!("{ID}:{SECRET}");
    let scheme = format!("aws:amz:{REGION}:{SERVICE}");
    for version in ["--http1.1", "--http2"] {
        for (path, length) in [
            ("/", INDEX.len()),
            ("/child/random.txt", 1024),
            ("/child/grandchild/random.txt", 2048),
            ("/random_text_files.zip", 16 * 1024),
        ] {
            let url = stage.gateway.url(path);
            let mut arguments: Vec<String> = stage.certificate().to_vec();
            arguments.extend([
                "--aws-sigv4".into(),
                scheme.clone(),
                "--user".into(),
                user.clone(),
                version.into(),
                url,
            ]);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (status, body, spoken) = stage.curl(&arguments);
            assert_eq!(
                (status, body.len()),
                (200, length),
                "{path} {}",
                text(&body)
            );
            assert_eq!(spoken, if version == "--http2" { "2" } else { "1.1" });
        }
    }
    let line = stage
        .gateway
        .logged("a request", |line| line["path"] == "/child/random.txt");
    assert_eq!(line["consumer"], "billing");
    assert_eq!(line["status"], 200);
}

#[test]
fn each_thing_that_is_missing_is_named() {
    let stage = Stage::new();
    let url = stage.gateway.url("/child/random.txt");
    let (status, body, _) = stage.curl(&[&url]);
    assert_eq!(status, 403);
    assert!(text(&body).contains("certificate_required"));
    let (status, body, _) = stage.call("--http1.1", "GET", &url, &[], None);
    assert_eq!(status, 401);
    assert!(text(&body).contains("signature_required"));
    let other = stage.botocore("aws", "GET", &stage.gateway.url("/"), "-", &[]);
    let (status, body, _) = stage.call("--http2", "GET", &url, &other, None);
    assert_eq!(status, 403);
    assert!(text(&body).contains("signature_mismatch"));
}

#[test]
fn botocore_signs_and_nginx_gets_bodies_of_every_size() {
    let stage = Stage::new();
    for (index, size) in [0, 1, 65_535, 65_536, 65_537, 5 << 20]
        .into_iter()
        .enumerate()
    {
        let bytes: Vec<u8> = (0..=255u8).cycle().take(size).collect();
        let file = stage.path("body");
        fs::write(&file, &bytes).unwrap();
        for (profile, version) in [
            ("aws", "--http1.1"),
            ("aws", "--http2"),
            ("s3", "--http1.1"),
            ("s3", "--http2"),
        ] {
            let name = format!("/upload/{profile}/{index}{version}");
            let url = stage.gateway.url(&name);
            let signed = stage.botocore(profile, "PUT", &url, &file, &[]);
            let (status, body, _) = stage.call(version, "PUT", &url, &signed, Some(&file));
            assert!(
                matches!(status, 201 | 204),
                "{size} {name}: {status} {}",
                text(&body)
            );
            let stored = stage.directory.path().join("nginx").join(&name[1..]);
            assert!(
                fs::read(&stored).unwrap() == bytes,
                "{size} {name} arrived otherwise"
            );
            // The same signature with another body: nginx must not get a whole request.
            if size > 0 {
                let url = stage.gateway.url(&name);
                let mut wrong = bytes.clone();
                wrong[size - 1] ^= 1;
                let other = stage.path("wrong");
                fs::write(&other, &wrong).unwrap();
                let (status, body, _) = stage.call(version, "PUT", &url, &signed, Some(&other));
                assert_eq!(status, 403, "{size} {name}: {}", text(&body));
                assert!(
                    fs::read(&stored).unwrap() == bytes,
                    "{size} {name} was replaced"
                );
            }
        }
    }
}

#[test]
fn botocore_posts_with_content_type_and_query() {
    let stage = Stage::new();
    let file = stage.path("body");
    fs::write(&file, b"{\"a\": 1}").unwrap();
    for version in ["--http1.1", "--http2"] {
        for target in [
            "/post?b=2&a=1&a=0&empty=",
            "/post/%C3%A9%20x?q=a%20b%2Bc&%C3%A9=1",
            "/post?x=~._-&A=%2F",
        ] {
            let url = stage.gateway.url(target);
            let signed =
                stage.botocore("aws", "POST", &url, &file, &["X-Amz-Meta-Note=two  words"]);
            let (status, body, _) = stage.call(version, "POST", &url, &signed, Some(&file));
            assert_eq!(status, 200, "{target}: {}", text(&body));
        }
    }
}

#[test]
fn a_url_that_botocore_presigned_opens_and_its_signature_stays_here() {
    let stage = Stage::new();
    let file = stage.path("body");
    fs::write(&file, b"presigned").unwrap();
    for version in ["--http1.1", "--http2"] {
        let url = stage.gateway.url("/echo?b=%2F&a=1");
        let presigned = stage.presigned("aws", "GET", &url);
        let (status, body, _) = stage.call(version, "GET", &presigned, &[], None);
        assert_eq!(
            (status, text(&body)),
            (200, "/echo?b=%2F&a=1 billing".to_owned())
        );
        let longer = presigned.replace("X-Amz-Expires=60", "X-Amz-Expires=61");
        let (status, body, _) = stage.call(version, "GET", &longer, &[], None);
        assert!(
            status == 403 && text(&body).contains("signature_mismatch"),
            "{}",
            text(&body)
        );

        let name = format!("/upload/s3/presigned{version}");
        let presigned = stage.presigned("s3", "PUT", &stage.gateway.url(&name));
        let (status, body, _) = stage.call(version, "PUT", &presigned, &[], Some(&file));
        assert!(matches!(status, 201 | 204), "{}", text(&body));
        let stored = stage.directory.path().join("nginx").join(&name[1..]);
        assert_eq!(fs::read(stored).unwrap(), b"presigned");
        let (status, ..) = stage.call(version, "DELETE", &presigned, &[], None);
        assert_eq!(status, 403, "a URL is good for one method");
    }
}

#[test]
fn what_botocore_streams_in_chunks_reaches_nginx_without_them() {
    let stage = Stage::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/botocore_put.py");
    let script = script.display().to_string();
    let url = stage.gateway.url("");
    let paths = ["body", "ca.pem", "billing.pem", "billing.key"].map(|name| stage.path(name));
    let [file, ca, certificate, key] = &paths;
    for (size, algorithm) in [
        (0, "CRC32"),
        (1, "SHA256"),
        (70_000, "SHA1"),
        (3 << 20, "CRC32"),
    ] {
        let bytes: Vec<u8> = (0..=255u8).cycle().take(size).collect();
        fs::write(file, &bytes).unwrap();
        let name = format!("s3/streamed-{size}");
        let put = run(
            python(),
            &[
                &script,
                &url,
                "upload",
                &name,
                file,
                ID,
                SECRET,
                REGION,
                ca,
                certificate,
                key,
                algorithm,
            ],
        );
        assert!(put.status.success(), "{size}: {}", text(&put.stderr));
        assert_eq!(
            text(&put.stdout).trim(),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        );
        let stored = stage.directory.path().join("nginx/upload").join(&name);
        assert!(
            fs::read(stored).unwrap() == bytes,
            "{size} arrived otherwise"
        );
    }
}

#[test]
fn our_own_sign_command_is_believed() {
    let stage = Stage::new();
    let url = stage.gateway.url("/child/random.txt?b=1&a=%20");
    let config = stage.path("gateway.toml");
    let signed = run(
        PROGRAM,
        &["sign", "--config", &config, "--credential", ID, "GET", &url],
    );
    assert!(signed.status.success(), "{}", text(&signed.stderr));
    let file = stage.path("headers");
    fs::write(&file, signed.stdout).unwrap();
    let signed = ["--config".to_owned(), file];
    let (status, body, _) = stage.call("--http2", "GET", &url, &signed, None);
    assert_eq!(status, 200, "{}", text(&body));
}
