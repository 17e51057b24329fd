//! How an upstream knows the gateway: the real nginx, with the snippets that are shipped, lets in
//! the certificate that it was told of and no other; sessions are resumed and connections kept.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::{Gateway, PROGRAM, write_config, write_store};
use crate::harness::guarded_nginx::GuardedNginx;
use crate::harness::lanes::{LANES, Lane};
use crate::harness::pki::Authority;
use crate::harness::{run, text, wait_for};

/// `certificate` is the name of a pair in the directory of the test.
fn config(target: SocketAddr, certificate: Option<&str>, more: &str) -> String {
    let shown = certificate.map_or(String::new(), |name| {
        format!(", certificate = {{ chain = \"{name}.pem\", private_key = \"{name}.key\" }}")
    });
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "guarded"
[[integration]]
name = "guarded"
type = "http_proxy"
targets = ["{}"]
tls = {{ ca = ["private-ca.pem"], server_name = "origin.internal"{shown}{more} }}
"#,
        target
    )
}

/// A target's certificate, and the gateway's first one in `gateway/`.
fn stage() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "private-ca");
    authority.server("origin", &["origin.internal"]);
    let home = directory.path().join("gateway");
    certificates("new-client", &home, &[]);
    (directory, home)
}

/// Runs `countersign certificates` and gives what it says.
fn certificates(command: &str, home: &Path, more: &[&str]) -> String {
    let (code, said) = try_certificates(command, home, more);
    assert_eq!(code, Some(0), "{said}");
    said
}

fn try_certificates(command: &str, home: &Path, more: &[&str]) -> (Option<i32>, String) {
    let home = home.display().to_string();
    let mut arguments = vec!["certificates", command, "--directory", &home];
    arguments.extend(more);
    let done = run(PROGRAM, &arguments);
    (done.status.code(), text(&done.stdout) + &text(&done.stderr))
}

fn openssl(arguments: &[&str]) -> String {
    let done = run("openssl", arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    text(&done.stdout)
}

/// The same with words that are split at spaces, and further ones that are not.
fn openssl_in(words: &str, more: &[&str]) -> String {
    let words: Vec<&str> = words.split(' ').chain(more.iter().copied()).collect();
    openssl(&words)
}

/// What nginx calls the certificate.
fn fingerprint(certificate: &Path) -> String {
    let file = certificate.display().to_string();
    let said = openssl(&["x509", "-in", &file, "-noout", "-fingerprint", "-sha1"]);
    let digits = said.trim().split('=').nth(1).unwrap();
    digits.replace(':', "").to_ascii_lowercase()
}

fn ask(gateway: &Gateway) -> Answer {
    Client::plain(gateway.address("public")).get("localhost", "/x")
}

const PROTOCOLS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// Every version on both lanes of the gateway.
fn everywhere() -> impl Iterator<Item = (&'static str, Lane)> {
    let lanes = PROTOCOLS.map(|protocol| LANES.map(|lane| (protocol, lane)));
    lanes.into_iter().flatten()
}

fn only(protocol: &str) -> String {
    format!("ssl_protocols {protocol};")
}

/// Certificates that look like the gateway's: `same` has its subject, `child` was issued by it, and
/// `chain` is the child with its issuer.
fn make_lookalikes(directory: &Path) {
    let file = |name: &str| directory.join(name).display().to_string();
    let [client, client_key] = [file("gateway/client.pem"), file("gateway/client.key")];
    let said = openssl(&["x509", "-in", &client, "-noout", "-subject"]);
    let number = said.trim().rsplit(' ').next().unwrap();
    let subject = format!("/CN=countersign/serialNumber={number}");
    let [same, same_key] = [file("same.pem"), file("same.key")];
    let made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj";
    openssl_in(made, &[&subject, "-keyout", &same_key, "-out", &same]);
    let of_same = openssl(&["x509", "-in", &same, "-noout", "-subject"]);
    assert_eq!(of_same, said);
    let [child, key, wish] = [file("child.pem"), file("child.key"), file("child.csr")];
    openssl_in(
        "req -new -newkey rsa:2048 -nodes -subj /CN=child",
        &["-keyout", &key, "-out", &wish],
    );
    let extensions = file("extensions");
    fs::write(&extensions, "keyUsage = digitalSignature\n").unwrap();
    openssl_in(
        "x509 -req -days 1 -CAcreateserial -in",
        &[
            &wish,
            "-CA",
            &client,
            "-CAkey",
            &client_key,
            "-extfile",
            &extensions,
            "-out",
            &child,
        ],
    );
    let chain = fs::read_to_string(&child).unwrap() + &fs::read_to_string(&client).unwrap();
    fs::write(file("chain.pem"), chain).unwrap();
    fs::copy(&key, file("chain.key")).unwrap();
    for key in ["same.key", "child.key", "chain.key"] {
        fs::set_permissions(file(key), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn nginx_lets_in_the_certificate_that_it_was_told_of_and_no_other() {
    for (protocol, lane) in everywhere() {
        let (directory, home) = stage();
        make_lookalikes(directory.path());
        certificates("new-client", &directory.path().join("other"), &[]);
        let nginx = GuardedNginx::start(directory.path(), &home, &only(protocol));
        let of = |certificate| config(nginx.address, certificate, "");
        let gateway = Gateway::start(directory.path(), &of(Some("gateway/client")));
        let ask = || {
            let mut client = Client::plain(gateway.address("public"));
            client.ask(&lane.request("GET", "/x"))
        };
        let answer = ask();
        assert_eq!(answer.status, 200);
        assert_eq!(text(&answer.body), "for the gateway only");
        for wrong in [
            None,
            Some("other/client"),
            Some("same"),
            Some("child"),
            Some("chain"),
        ] {
            assert!(gateway.reload(&of(wrong)), "{wrong:?}");
            let answer = ask();
            assert_eq!(answer.status, 400, "{protocol} {lane:?} {wrong:?}");
            assert!(text(&answer.body).contains("SSL certificate"), "{wrong:?}");
        }
        // What was kept for the right one was not used for the others, nor is the other way round.
        assert!(gateway.reload(&of(Some("gateway/client"))));
        assert_eq!(ask().status, 200);
        let seen = nginx.seen_all(7);
        assert!(seen.iter().all(|one| one.protocol == protocol), "{seen:?}");
        assert_eq!(seen[0].fingerprint, fingerprint(&home.join("client.pem")));
    }
}

#[test]
fn the_second_lock_holds_by_itself() {
    let (directory, home) = stage();
    fs::write(home.join("accepted.map"), "").unwrap();
    let nginx = GuardedNginx::start(directory.path(), &home, "");
    let gateway = Gateway::start(
        directory.path(),
        &config(nginx.address, Some("gateway/client"), ""),
    );
    assert_eq!(ask(&gateway).status, 403);
}

#[test]
fn connections_are_kept_and_told_apart_by_what_was_shown() {
    for (protocol, lane) in everywhere() {
        let (directory, home) = stage();
        certificates("new-client", &home, &[]);
        let nginx = GuardedNginx::start(directory.path(), &home, &only(protocol));
        let of = |certificate| config(nginx.address, Some(certificate), "");
        let gateway = Gateway::start(directory.path(), &of("gateway/client"));
        // On one connection: the next request is read when the upstream's has gone to the pool.
        let mut client = Client::plain(gateway.address("public"));
        let request = lane.request("GET", "/x");
        let mut ask = || assert_eq!(client.ask(&request).status, 200);
        let places = |count: usize| -> Vec<usize> {
            let seen = nginx.seen_all(count);
            seen.iter().map(|one| one.of_connection).collect()
        };
        (0..3).for_each(|_| ask());
        assert_eq!(places(3), [1, 2, 3], "{protocol} {lane:?}");
        // A reload that changes nothing of it keeps them.
        assert!(gateway.reload_as_it_is());
        ask();
        assert_eq!(places(4), [1, 2, 3, 4], "{protocol} {lane:?}");
        assert!(gateway.reload(&of("gateway/next")));
        ask();
        assert_eq!(places(5), [1, 2, 3, 4, 1], "{protocol} {lane:?}");
        let seen = nginx.seen_all(5);
        assert_eq!(seen[3].fingerprint, fingerprint(&home.join("client.pem")));
        assert_eq!(seen[4].fingerprint, fingerprint(&home.join("next.pem")));
    }
}

#[test]
fn sessions_are_resumed_for_as_long_as_the_trust_is_the_same() {
    for protocol in PROTOCOLS {
        let (directory, home) = stage();
        certificates("new-client", &home, &[]);
        // A connection for each request.
        let more = only(protocol) + "keepalive_timeout 0; ssl_session_cache shared:all:1m;";
        let nginx = GuardedNginx::start(directory.path(), &home, &more);
        let of = |certificate| config(nginx.address, Some(certificate), "");
        let gateway = Gateway::start(directory.path(), &of("gateway/client"));
        let ask = || assert_eq!(ask(&gateway).status, 200);
        (0..3).for_each(|_| ask());
        assert!(gateway.reload_as_it_is());
        ask();
        assert!(gateway.reload(&of("gateway/next")));
        (0..2).for_each(|_| ask());
        let seen = nginx.seen_all(6);
        let resumed: Vec<bool> = seen.iter().map(|one| one.resumed).collect();
        assert_eq!(
            resumed,
            [false, true, true, true, false, true],
            "{protocol}"
        );
        assert!(seen.iter().all(|one| one.of_connection == 1));
        // Who was let in is who had shown itself when the session was made.
        let next = fingerprint(&home.join("next.pem"));
        assert!(seen[4..].iter().all(|one| one.fingerprint == next));
    }
}

/// A target that breaks off when a session is resumed, and says so in no way. Counts how often.
fn unforgiving_target(directory: &Path) -> (SocketAddr, Arc<AtomicUsize>) {
    let file = |end| directory.join(format!("origin.{end}"));
    let chain = CertificateDer::pem_file_iter(file("pem")).unwrap();
    let chain = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut hello = [0; 4096];
            let length = socket.peek(&mut hello).unwrap_or_default();
            // RFC 8446 §4.2.11: pre_shared_key is the last extension.
            let resumes = (0..length.saturating_sub(4)).any(|at| {
                let rest = usize::from(u16::from_be_bytes([hello[at + 2], hello[at + 3]]));
                hello[at..at + 2] == [0, 41] && at + 4 + rest == length
            });
            if resumes {
                counted.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(session, socket);
            if stream.read(&mut [0; 1000]).is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
                let _ = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (address, count)
}

#[test]
fn a_target_that_bears_no_resumed_session_is_spoken_to_anew() {
    let (directory, _) = stage();
    let (address, broken_off) = unforgiving_target(directory.path());
    let gateway = Gateway::start(directory.path(), &config(address, None, ""));
    for method in ["GET", "GET", "GET", "POST"] {
        let mut client = Client::plain(gateway.address("public"));
        let answer = client.ask(&format!("{method} /x HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(answer.status, 200, "{method}");
    }
    assert_eq!(broken_off.load(Ordering::SeqCst), 1);
}

/// nginx forgets its sessions when it reloads what it accepts, or this would not be a lock.
#[test]
fn what_nginx_accepts_no_more_is_refused_on_resumed_sessions_too() {
    for (protocol, tickets) in [
        ("TLSv1.2", "off"),
        ("TLSv1.2", "on"),
        ("TLSv1.3", "off"),
        ("TLSv1.3", "on"),
    ] {
        let (directory, home) = stage();
        certificates("new-client", &home, &[]);
        let more = only(protocol)
            + &format!(
                "keepalive_timeout 0; ssl_session_cache shared:all:1m; ssl_session_tickets {tickets};"
            );
        let nginx = GuardedNginx::start(directory.path(), &home, &more);
        let certificate = Some("gateway/client");
        let gateway = Gateway::start(directory.path(), &config(nginx.address, certificate, ""));
        (0..2).for_each(|_| assert_eq!(ask(&gateway).status, 200));
        assert!(nginx.seen_all(2)[1].resumed, "{protocol} {tickets}");
        // The second lock stays open: this is about the first.
        fs::copy(home.join("next.pem"), home.join("accepted.pem")).unwrap();
        nginx.reload();
        wait_for("the refusal", || {
            (ask(&gateway).status == 400).then_some(())
        });
    }
}

#[test]
fn a_certificate_is_rotated_without_a_failed_request() {
    let (directory, home) = stage();
    certificates("new-client", &home, &["--key-type", "ecdsa-p256"]);
    let nginx = GuardedNginx::start(directory.path(), &home, "");
    let gateway = Gateway::start(
        directory.path(),
        &config(nginx.address, Some("gateway/client"), ""),
    );
    let (before, after) = (home.join("client.pem"), home.join("next.pem"));
    let (before, after) = (fingerprint(&before), fingerprint(&after));
    let over = Arc::new(AtomicBool::new(false));
    let (served, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (over, served, failed) = (over.clone(), served.clone(), failed.clone());
            let address = gateway.address("public");
            std::thread::spawn(move || {
                let mut client = Client::plain(address);
                while !over.load(Ordering::SeqCst) {
                    let answer = client.try_ask(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
                    let good = answer.is_ok_and(|answer| answer.status == 200);
                    let count = if good { &served } else { &failed };
                    count.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let shown = |fingerprint: &str| {
        let seen = nginx.seen();
        seen.iter()
            .filter(|one| one.fingerprint == fingerprint)
            .count()
    };
    wait_for("the old one", || (shown(&before) > 100).then_some(()));
    certificates("rotate-client", &home, &[]);
    assert!(gateway.reload_as_it_is());
    wait_for("the new one", || (shown(&after) > 100).then_some(()));
    over.store(true, Ordering::SeqCst);
    load.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(failed.load(Ordering::SeqCst), 0);
    assert!(served.load(Ordering::SeqCst) > 200);
    let last = nginx.seen().pop().unwrap();
    assert_eq!((last.status.as_str(), last.fingerprint), ("200", after));
}

#[test]
fn the_end_of_the_certificate_that_is_shown_is_told_and_warned_of() {
    let (directory, home) = stage();
    certificates("new-client", &home, &["--days", "3"]);
    let nginx = GuardedNginx::start(directory.path(), &home, "");
    let of = |certificate| config(nginx.address, certificate, "");
    let gateway = Gateway::start(directory.path(), &of(Some("gateway/client")));
    let metric = "countersign_upstream_certificate_expiry_timestamp_seconds";
    let warned = || gateway.said().iter().any(|line| line.contains("ends soon"));
    let long = gateway.metric(metric, "integration=\"guarded\"");
    assert!(!warned());
    assert!(gateway.reload(&of(Some("gateway/next"))));
    let short = gateway.metric(metric, "gateway/next.pem");
    // 362 days, and the seconds between the two.
    assert!(
        (long - short - 362.0 * 86400.0).abs() < 100.0,
        "{long} {short}"
    );
    wait_for("the warning", || warned().then_some(()));
    assert!(gateway.reload(&of(None)));
    assert_eq!(gateway.metric(metric, "guarded"), 0.0);
}

#[test]
fn a_target_of_an_older_version_than_the_lowest_is_not_spoken_to() {
    let (directory, home) = stage();
    let nginx = GuardedNginx::start(directory.path(), &home, &only("TLSv1.2"));
    let config = config(
        nginx.address,
        Some("gateway/client"),
        ", min_version = \"1.3\"",
    );
    let gateway = Gateway::start(directory.path(), &config);
    let answer = ask(&gateway);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (502, "upstream_unreachable")
    );
}

#[test]
fn a_key_must_be_private_and_fit_its_certificate() {
    let (directory, home) = stage();
    certificates("new-client", &home, &[]);
    let nginx = GuardedNginx::start(directory.path(), &home, "");
    write_store(directory.path());
    let check = |certificate: &str| {
        write_config(
            directory.path(),
            &config(nginx.address, Some(certificate), ""),
        );
        let file = directory.path().join("gateway.toml").display().to_string();
        let done = run(PROGRAM, &["check", "--config", &file]);
        (done.status.code(), text(&done.stdout) + &text(&done.stderr))
    };
    assert_eq!(check("gateway/client").0, Some(0));
    let (code, said) = check("gateway/none");
    assert!(code == Some(1) && said.contains("none.key"), "{said}");
    let mode = |mode| {
        let open = fs::Permissions::from_mode(mode);
        fs::set_permissions(home.join("client.key"), open).unwrap();
    };
    mode(0o640);
    let (code, said) = check("gateway/client");
    assert!(code == Some(1) && said.contains("chmod 600"), "{said}");
    mode(0o600);
    fs::rename(home.join("next.key"), home.join("client.key")).unwrap();
    let (code, said) = check("gateway/client");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("is not the key of") && said.contains("gateway.toml:"),
        "{said}"
    );
}

#[test]
fn certificates_are_as_api_gateway_makes_them() {
    let (directory, home) = stage();
    let shown = |home: &Path| {
        let file = home.join("client.pem").display().to_string();
        openssl(&["x509", "-in", &file, "-noout", "-text"])
    };
    let said = shown(&home);
    for part in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Public-Key: (2048 bit)",
        "Issuer: CN = countersign, serialNumber = ",
        "Subject: CN = countersign, serialNumber = ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("X509v3"), "{said}");
    let file = home.join("client.pem").display().to_string();
    openssl(&["x509", "-in", &file, "-noout", "-checkend", "31449600"]);
    let late = ["x509", "-in", &file, "-noout", "-checkend", "31622400"];
    assert!(!run("openssl", &late).status.success());
    let mode = |name: &str| fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("client.key"), mode("client.pem")), (0o600, 0o644));
    let other = directory.path().join("other");
    let more = [
        "--name",
        "gateway 7",
        "--days",
        "2",
        "--key-type",
        "ecdsa-p256",
    ];
    certificates("new-client", &other, &more);
    let said = shown(&other);
    assert!(
        said.contains("CN = gateway 7") && said.contains("P-256"),
        "{said}"
    );
    for wrong in [["--name", ""], ["--days", "0"], ["--key-type", "dsa"]] {
        assert_eq!(try_certificates("new-client", &other, &wrong).0, Some(2));
    }
}

#[test]
fn what_is_accepted_is_what_is_in_use_at_each_step_of_a_rotation() {
    let (_directory, home) = stage();
    let pem = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    let accepted = |certificates: &[&str]| {
        assert_eq!(pem("accepted.pem"), certificates.concat());
        let map = pem("accepted.map");
        let lines: Vec<&str> = map.lines().map(|line| &line[..42]).collect();
        let wanted = certificates.iter().map(|text| {
            let file = home.join("one.pem");
            fs::write(&file, text).unwrap();
            fingerprint(&file) + " 1"
        });
        assert_eq!(lines, wanted.collect::<Vec<_>>());
    };
    let first = pem("client.pem");
    accepted(&[&first]);
    let (code, said) = try_certificates("rotate-client", &home, &[]);
    assert!(code == Some(1) && said.contains("new-client"), "{said}");
    let (code, said) = try_certificates("rotate-client", &home, &["--drop-old"]);
    assert_eq!(code, Some(1), "{said}");
    let nowhere = home.join("nowhere");
    assert_eq!(try_certificates("rotate-client", &nowhere, &[]).0, Some(1));
    assert!(!nowhere.exists());
    certificates("new-client", &home, &[]);
    let second = pem("next.pem");
    assert_ne!(first, second);
    accepted(&[&first, &second]);
    let (code, said) = try_certificates("new-client", &home, &[]);
    assert!(code == Some(1) && said.contains("rotate-client"), "{said}");
    let key = pem("next.key");
    certificates("rotate-client", &home, &[]);
    assert_eq!(
        (pem("client.pem"), pem("client.key")),
        (second.clone(), key)
    );
    accepted(&[&second, &first]);
    certificates("rotate-client", &home, &["--drop-old"]);
    accepted(&[&second]);
    // One that nobody has dropped goes when the next but one is made.
    certificates("new-client", &home, &[]);
    certificates("rotate-client", &home, &[]);
    let third = pem("client.pem");
    accepted(&[&third, &second]);
    certificates("new-client", &home, &[]);
    accepted(&[&third, &pem("next.pem")]);
}

#[test]
fn a_rotation_that_was_cut_off_is_ended_by_the_same_command() {
    let (_directory, home) = stage();
    certificates("new-client", &home, &[]);
    let pem = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    let (first, second, key) = (pem("client.pem"), pem("next.pem"), pem("next.key"));
    fs::rename(home.join("next.key"), home.join("client.key")).unwrap();
    certificates("rotate-client", &home, &[]);
    assert_eq!(
        (pem("client.pem"), pem("client.key")),
        (second.clone(), key)
    );
    assert_eq!(pem("accepted.pem"), second + &first);
    fs::write(home.join(".countersign.draft"), "").unwrap();
    let (code, said) = try_certificates("new-client", &home, &[]);
    assert!(
        code == Some(1) && said.contains("remove that file"),
        "{said}"
    );
}
