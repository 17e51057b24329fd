//! The gateway between API Gateway and nginx, by the configuration that is shipped for it: API
//! Gateway is known by its generated certificate, two of them while it is rotated.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::harness::gateway::Gateway;
use crate::harness::nginx::Nginx;
use crate::harness::pki::Authority;
use crate::harness::{python, run, text};

/// `current`, `next` and another account's `other` in `tls/`, and `child`, which `current` has signed.
fn stage() -> (TempDir, Nginx) {
    let directory = tempdir().unwrap();
    let tls = directory.path().join("tls");
    fs::create_dir(&tls).unwrap();
    Authority::new(&tls, "ca").server("server", &["localhost"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/api_gateway_certificate.py");
    let names = ["api-gateway-current", "api-gateway-next", "other"];
    let made = Command::new(python())
        .arg(script)
        .args(names)
        .current_dir(&tls)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    fs::write(tls.join("child.ext"), "basicConstraints=CA:FALSE\n").unwrap();
    let child = "openssl req -newkey rsa:2048 -nodes -keyout child.key -out child.csr -subj /C=US/L=Seattle/CN=ApiGateway 2>&1 \
        && openssl x509 -req -in child.csr -CA api-gateway-current.pem -CAkey api-gateway-current.key -CAcreateserial -extfile child.ext -out child.pem -days 2 2>&1";
    let made = Command::new("sh")
        .args(["-c", child])
        .current_dir(&tls)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stdout));
    let nginx = Nginx::start(directory.path());
    (directory, nginx)
}

/// The shipped configuration, at home here.
fn config(nginx: &Nginx, both: bool) -> String {
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/behind-api-gateway.toml");
    let shipped = fs::read_to_string(shipped).unwrap();
    let next = "# { certificate = \"tls/api-gateway-next.pem\" },";
    assert!(shipped.contains(next));
    let shipped = match both {
        true => shipped.replace(next, &next[2..]),
        false => shipped,
    };
    shipped
        .replace("0.0.0.0:8443", "127.0.0.1:0")
        .replace("127.0.0.1:80\"", &format!("{}\"", nginx.address))
}

/// What curl gets with a certificate; nothing when it is refused in the handshake.
fn get(gateway: &Gateway, name: Option<&str>, version: &str) -> String {
    let file = |name: &str| {
        gateway
            .directory
            .join("tls")
            .join(name)
            .display()
            .to_string()
    };
    let (ca, url) = (file("ca.pem"), gateway.url("/"));
    let mut words = vec![
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--cacert",
        &ca,
        &url,
    ];
    words.extend(match version {
        "1.2" => ["--tls-max", "1.2"],
        _ => ["--tlsv1.3", "-q"],
    });
    let files = name.map(|name| [file(&format!("{name}.pem")), file(&format!("{name}.key"))]);
    if let Some([certificate, key]) = &files {
        words.extend(["--cert", certificate, "--key", key]);
    }
    text(&run("curl", &words).stdout)
}

#[test]
fn only_the_pinned_certificate_comes_through_and_two_of_them_while_rotating() {
    let (directory, nginx) = stage();
    let gateway = Gateway::start(directory.path(), &config(&nginx, false));
    let [current, next] = ["api-gateway-current", "api-gateway-next"];
    for version in ["1.2", "1.3"] {
        assert_eq!(get(&gateway, Some(current), version), "200");
        // The same subject, and one that the pinned key has signed: neither is the pinned one.
        for stranger in [Some(next), Some("other"), Some("child"), None] {
            assert_eq!(get(&gateway, stranger, version), "000", "{stranger:?}");
        }
    }
    assert!(gateway.reload(&config(&nginx, true)));
    for name in [current, next] {
        assert_eq!(get(&gateway, Some(name), "1.3"), "200");
    }
    let rotated =
        config(&nginx, true).replace("{ certificate = \"tls/api-gateway-current.pem\" },", "");
    assert!(gateway.reload(&rotated));
    assert_eq!(get(&gateway, Some(next), "1.3"), "200");
    assert_eq!(get(&gateway, Some(current), "1.3"), "000");
    let ends = "countersign_trusted_certificate_expiry_timestamp_seconds";
    let end = gateway.metric(ends, "trust_store=\"api-gateway\"");
    let year = 364.0 * 86_400.0;
    let now = countersign::clock::UtcTime::now().unix() as f64;
    assert!((end - now - year).abs() < 3600.0, "{end}");
    let unknown = gateway.metric("countersign_handshake_failures_total", "unknown_issuer");
    assert_eq!(unknown, 7.0);
}

#[test]
fn what_the_gateway_makes_of_each_is_explained() {
    let (directory, nginx) = stage();
    crate::harness::gateway::write_store(directory.path());
    crate::harness::gateway::write_config(directory.path(), &config(&nginx, false));
    let explain = |name: &str| {
        let file = directory.path().join("tls").join(format!("{name}.pem"));
        let config = directory.path().join("gateway.toml");
        let [file, config] = [file, config].map(|path| path.display().to_string());
        let words = [
            "certificates",
            "explain",
            &file,
            "--listener",
            "public",
            "--config",
            &config,
        ];
        let said = run(crate::harness::gateway::PROGRAM, &words);
        (said.status.code(), text(&said.stdout) + &text(&said.stderr))
    };
    let (code, said) = explain("api-gateway-current");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("door         required, trust store \"api-gateway\""),
        "{said}"
    );
    assert!(said.contains("verdict      trusted, by a pin"), "{said}");
    assert!(said.contains("consumer     api-gateway"), "{said}");
    for name in ["other", "child"] {
        let (code, said) = explain(name);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("refused in the handshake: unknown_issuer"),
            "{said}"
        );
        assert!(said.contains("pin the certificate"), "{said}");
    }
}
