//! The gateway's own signature towards an upstream, judged by a second gateway that knows it as
//! a consumer.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::{Gateway, ID};
use crate::harness::recorder::Recorder;
use crate::harness::signed::{Signed, sha256};
use crate::harness::wait_for;
use crate::messages::{key_pair, write_private};

const OUR_ID: &str = "ASIAGATEWAY";
const OUR_SECRET: &str = "the-secret-of-the-gateway-itself";

/// The gateway behind: it takes what `signature` describes.
fn behind(directory: &Path, upstream: SocketAddr, credential: &str, signature: &str) -> Gateway {
    write_private(&directory.join("credentials.toml"), credential);
    let config = format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "front"
credentials = ["{OUR_ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ {signature} }}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "recorder"
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{upstream}"]
"#
    );
    Gateway::start(directory, &config)
}

/// The gateway in front: open and signed routes, and an upstream that is signed for.
fn front(
    directory: &Path,
    target: SocketAddr,
    sign: &str,
    environment: &[(&str, &str)],
) -> Gateway {
    let config = format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }}
[[route]]
path = "/open/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "behind"
[[route]]
path = "/signed/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "behind"
[[integration]]
name = "behind"
type = "http_proxy"
targets = ["{target}"]
sign = {{ {sign} }}
"#
    );
    Gateway::start_in(directory, &config, environment)
}

struct Stage {
    _home: TempDir,
    upstream: Recorder,
    front: Gateway,
    _behind: Gateway,
}

const AWS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", OUR_ID),
    ("AWS_SECRET_ACCESS_KEY", OUR_SECRET),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

impl Stage {
    fn aws(profile: &str, more: &str) -> Self {
        let home = tempdir().unwrap();
        let upstream = Recorder::start();
        let scope = format!("service = \"s3\", region = \"eu-west-1\", profile = \"{profile}\"");
        let credential = format!("[[credential]]\nid = \"{OUR_ID}\"\nsecret = \"{OUR_SECRET}\"\n");
        let [left, right] = ["front", "behind"].map(|name| home.path().join(name));
        fs::create_dir_all(&left).unwrap();
        fs::create_dir_all(&right).unwrap();
        let behind = behind(
            &right,
            upstream.address,
            &credential,
            &format!("schemes = [\"sigv4\"], {scope}"),
        );
        let sign = format!("scheme = \"sigv4\", {scope}, {more}");
        let sign = sign.trim_end_matches([',', ' ']).to_owned();
        let front = front(&left, behind.address("plain"), &sign, &AWS);
        Self {
            _home: home,
            upstream,
            front,
            _behind: behind,
        }
    }

    fn send(&self, bytes: &[u8]) -> Answer {
        Client::plain(self.front.address("plain"))
            .try_ask(bytes)
            .unwrap()
    }
}

fn post(target: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn requests_of_every_kind_are_signed_for_aws() {
    for profile in ["aws", "s3"] {
        let stage = Stage::aws(profile, "");
        for target in [
            "/open/x",
            "/open/a%20b/c?b=2&a=1&c=%2F",
            "/open/%C3%A4?x=%20",
            "/open/a~b-c_d.e?q",
        ] {
            let get =
                format!("GET {target} HTTP/1.1\r\nHost: localhost:8443\r\nAccept: */*\r\n\r\n");
            let answer = stage.send(get.as_bytes());
            assert_eq!(answer.status, 200, "{profile} {target}: {}", answer.code());
        }
        assert_eq!(stage.upstream.field("x-consumer").as_deref(), Some("front"));
        // A body that nobody has hashed is held; one that the caller has signed streams.
        let body = b"hello";
        assert_eq!(
            stage
                .send(&post("/open/x", "Content-Type: text/plain\r\n", body))
                .status,
            200
        );
        let large = vec![b'x'; 300_000];
        assert_eq!(stage.send(&post("/open/x", "", &large)).status, 200);
        let signed = Signed::post("/signed/x", &large, Some(&sha256(&large)));
        assert_eq!(stage.send(&signed.bytes()).status, 200);
        let mut forged = signed.bytes();
        *forged.last_mut().unwrap() = b'y';
        assert_eq!(stage.send(&forged).code(), "body_hash_mismatch");
        let untold = Signed::post("/signed/x", body, None);
        assert_eq!(stage.send(&untold.bytes()).status, 200);
        let chunked = "POST /open/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        assert_eq!(stage.send(chunked.as_bytes()).status, 200);
    }
}

#[test]
fn a_body_too_large_to_be_held_is_refused() {
    let stage = Stage::aws("aws", "max_buffered_body_bytes = 100000");
    let answer = stage.send(&post("/open/x", "", &vec![b'x'; 100_001]));
    assert_eq!(answer.status, 413);
    assert_eq!(
        stage
            .send(&post("/open/x", "", &vec![b'x'; 100_000]))
            .status,
        200
    );
}

/// The service would do what these say, by the gateway's authority.
#[test]
fn the_gateway_never_vouches_for_what_a_caller_asks_of_aws() {
    let stage = Stage::aws("s3", "");
    let fields = "x-amz-copy-source: /secrets/all\r\nX-Amz-Acl: public-read\r\nx-amz-security-token: t\r\n\
                  x-amz-date: 20150830T123600Z\r\nAuthorization: Bearer x\r\n";
    assert_eq!(stage.send(&post("/open/x", fields, b"hello")).status, 200);
    let seen = stage.upstream.seen().to_ascii_lowercase();
    for name in [
        "copy-source",
        "x-amz-acl",
        "security-token",
        "20150830t123600z",
        "bearer",
    ] {
        assert!(!seen.contains(name), "{name}: {seen}");
    }
}

/// Gives out credentials that end soon, as a container's or an instance's role does.
fn role(asked: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let count = asked.fetch_add(1, Ordering::SeqCst);
            let end = countersign::clock::UtcTime::now().plus(std::time::Duration::from_secs(60));
            let body = format!(
                r#"{{"AccessKeyId":"ASIAROLE{count}","SecretAccessKey":"s","Token":"token-{count}","Expiration":"{end}"}}"#
            );
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn the_credentials_of_a_role_are_had_anew_before_they_end() {
    let home = tempdir().unwrap();
    let upstream = Recorder::start();
    let asked = Arc::new(AtomicUsize::new(0));
    let address = role(asked.clone());
    let uri = format!("http://{address}/role");
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let sign = "scheme = \"sigv4\", service = \"execute-api\", region = \"us-west-2\"";
    let front = front(home.path(), upstream.address, sign, &environment);
    for round in 0..2 {
        // They are asked for once a second at most.
        let seen = wait_for("the role's next credentials", || {
            upstream.forget();
            let mut client = Client::plain(front.address("plain"));
            let request = b"GET /open/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
            assert_eq!(client.try_ask(request).unwrap().status, 200);
            let seen = upstream.seen();
            seen.contains(&format!("token-{round}")).then_some(seen)
        });
        assert!(
            seen.contains(&format!("Credential=ASIAROLE{round}/")),
            "{seen}"
        );
        assert!(
            seen.contains(
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
            ),
            "{seen}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn without_credentials_nothing_goes_on_unsigned() {
    let home = tempdir().unwrap();
    let upstream = Recorder::start();
    let environment = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nonexistent"),
    ];
    let sign = "scheme = \"sigv4\", service = \"execute-api\", region = \"us-west-2\"";
    let front = front(home.path(), upstream.address, sign, &environment);
    let mut client = Client::plain(front.address("plain"));
    let answer = client
        .try_ask(b"GET /open/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "upstream_not_signed")
    );
    assert_eq!(upstream.seen(), "");
}

#[test]
fn requests_are_signed_by_rfc_9421_over_what_the_gateway_wrote() {
    for (name, algorithm) in [
        ("ed25519", &["-algorithm", "ed25519"][..]),
        (
            "ecdsa-p256-sha256",
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ),
        (
            "rsa-pss-sha512",
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ),
    ] {
        let home = tempdir().unwrap();
        let key = key_pair(home.path(), "gateway", algorithm);
        let public = fs::read_to_string(home.path().join("gateway.pub")).unwrap();
        let credential = format!(
            "[[credential]]\nid = \"{OUR_ID}\"\nscheme = \"rfc9421\"\nalgorithm = \"{name}\"\npublic_key = \"\"\"\n{public}\"\"\"\n"
        );
        let upstream = Recorder::start();
        let [left, right] = ["front", "behind"].map(|name| home.path().join(name));
        fs::create_dir_all(&left).unwrap();
        fs::create_dir_all(&right).unwrap();
        let demand = r#"schemes = ["rfc9421"], rfc9421 = { tag = "front", components = ["x-consumer", "x-request-id", "x-forwarded-for", "x-extra"] }"#;
        let behind = behind(&right, upstream.address, &credential, demand);
        let sign = format!(
            "scheme = \"rfc9421\", key_id = \"{OUR_ID}\", private_key = \"{}\", algorithm = \"{name}\", \
             tag = \"front\", components = [\"x-extra\"], expires_secs = 30",
            key.display()
        );
        let front = front(&left, behind.address("plain"), &sign, &[]);
        let body = b"hello";
        let mut request =
            Signed::post("/signed/x?a=1", body, Some(&sha256(body))).add("x-extra", "1");
        // The caller's own would be taken for the gateway's, were it left there.
        request = request
            .add("signature", "front=:AAAA:")
            .add("signature-input", "front=(\"@method\")");
        let mut client = Client::plain(front.address("plain"));
        let answer = client.try_ask(&request.bytes()).unwrap();
        assert_eq!(answer.status, 200, "{name}: {}", answer.code());
        assert_eq!(upstream.field("x-consumer").as_deref(), Some("front"));
        // Without what the upstream demands, the gateway's signature does not cover it.
        let mut client = Client::plain(front.address("plain"));
        let bare = Signed::post("/signed/x", body, Some(&sha256(body)));
        assert_eq!(client.try_ask(&bare.bytes()).unwrap().status, 403);
    }
}

#[test]
fn a_key_that_others_can_read_or_that_is_none_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempdir().unwrap();
    let upstream = Recorder::start();
    let key = key_pair(home.path(), "gateway", &["-algorithm", "ed25519"]);
    let sign = format!(
        "scheme = \"rfc9421\", key_id = \"k\", private_key = \"{}\"",
        key.display()
    );
    let gateway = front(home.path(), upstream.address, &sign, &[]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(!gateway.reload_as_it_is());
    write_private(
        &key,
        &fs::read_to_string(home.path().join("gateway.pub")).unwrap(),
    );
    assert!(!gateway.reload_as_it_is());
    wait_for("both reasons", || {
        let said = gateway.said().join("\n");
        let both = said.contains("chmod 600") && said.contains("no private key");
        both.then_some(())
    });
}
