//! Targets that cannot be reached, break off, are slow or not who they should be; and that a
//! request reaches one of them at most once unless it does no harm twice.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::{Gateway, ID, REGION, SERVICE};
use crate::harness::nginx::free_address;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::signed::{Signed, sha256};
use crate::harness::wait_for;

fn config(targets: &[SocketAddr], more: &str) -> String {
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}" }}
[[route]]
path = "/signed/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "upstream"
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "upstream"
[[integration]]
name = "upstream"
type = "http_proxy"
targets = {targets:?}
{more}
"#
    )
}

fn ask(gateway: &Gateway, method: &str) -> (u16, String) {
    let mut client = Client::plain(gateway.address("public"));
    let answer = client.ask(&format!("{method} /x HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    (answer.status, answer.code())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const SERVED: (u16, String) = (200, String::new());

/// A target that does `what` with each connection, one after the other, and counts them.
fn target(what: impl Fn(std::net::TcpStream) + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            counted.fetch_add(1, Ordering::SeqCst);
            what(stream);
        }
    });
    (address, count)
}

#[test]
fn targets_are_taken_in_turn() {
    let directory = tempdir().unwrap();
    let [one, other] = [Recorder::start(), Recorder::start()];
    let gateway = Gateway::start(directory.path(), &config(&[one.address, other.address], ""));
    for _ in 0..10 {
        assert_eq!(ask(&gateway, "GET"), SERVED);
    }
    for recorder in [one, other] {
        assert_eq!(recorder.seen().matches("GET /x ").count(), 5);
    }
}

#[test]
fn o4_only_what_does_no_harm_twice_is_tried_at_the_next_target() {
    let directory = tempdir().unwrap();
    let (dead, live) = (free_address(), Recorder::start());
    let gateway = Gateway::start(directory.path(), &config(&[dead, live.address], ""));
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        for _ in 0..4 {
            let mut client = Client::plain(gateway.address("public"));
            let request = format!("{method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            client.send(request.as_bytes()).unwrap();
            assert!(client.is_closed());
        }
        assert_eq!(live.seen().matches(&format!("{method} /x ")).count(), 4);
    }
    let mut answers: Vec<_> = (0..4).map(|_| ask(&gateway, "POST")).collect();
    answers.sort();
    let unreachable = refused(502, "upstream_unreachable");
    assert_eq!(answers, [SERVED, SERVED, unreachable.clone(), unreachable]);
    assert_eq!(live.seen().matches("POST /x ").count(), 2);
}

#[test]
fn a_target_that_cannot_be_reached_is_502_and_the_log_names_it() {
    let directory = tempdir().unwrap();
    let dead = free_address();
    let gateway = Gateway::start(directory.path(), &config(&[dead], ""));
    assert_eq!(ask(&gateway, "GET"), refused(502, "upstream_unreachable"));
    let line = gateway.logged("the failure", |line| line["status"] == 502);
    assert_eq!(line["target"], dead.to_string());
    // The connection to the caller is not the one that failed.
    let mut client = Client::plain(gateway.address("public"));
    assert_eq!(client.get("a", "/x").status, 502);
}

#[test]
fn o4_a_target_that_breaks_off_is_502_and_is_not_asked_again() {
    for method in ["GET", "POST"] {
        let directory = tempdir().unwrap();
        let (address, count) = target(|mut stream| {
            let _ = stream.read(&mut [0; 1000]);
        });
        let gateway = Gateway::start(directory.path(), &config(&[address], "connect_retries = 3"));
        assert_eq!(ask(&gateway, method), refused(502, "upstream_failed"));
        assert_eq!(count.load(Ordering::SeqCst), 1, "{method}");
    }
}

#[test]
fn an_answer_that_is_no_http_is_502() {
    let directory = tempdir().unwrap();
    let broken = Recorder::answering(b"SSH-2.0-OpenSSH\r\n\r\n");
    let gateway = Gateway::start(directory.path(), &config(&[broken.address], ""));
    assert_eq!(ask(&gateway, "GET"), refused(502, "upstream_failed"));
}

#[test]
fn an_answer_that_ends_too_early_does_not_look_whole() {
    let directory = tempdir().unwrap();
    let (address, _) = target(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let gateway = Gateway::start(directory.path(), &config(&[address], ""));
    let mut client = Client::plain(gateway.address("public"));
    let answer = client.try_ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.is_err(), "an answer was made of half of one");
    let line = gateway.logged("the failure", |line| line["path"] == "/x");
    assert_eq!(line["refusal"], "upstream_failed");
}

#[test]
fn a_target_that_says_nothing_is_504() {
    let directory = tempdir().unwrap();
    let (address, count) = target(std::mem::forget);
    let gateway = Gateway::start(
        directory.path(),
        &config(&[address], "read_timeout_ms = 300"),
    );
    assert_eq!(ask(&gateway, "GET"), refused(504, "upstream_timeout"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// A target that has closed a connection which the gateway had kept is asked on a new one:
/// the request never reached it. A POST could have, so it is not sent again.
#[test]
fn o4_a_kept_connection_that_the_target_has_closed_is_no_failure_of_a_get() {
    let directory = tempdir().unwrap();
    let (address, count) = target(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let gateway = Gateway::start(directory.path(), &config(&[address], ""));
    for served in 1..20 {
        assert_eq!(ask(&gateway, "GET"), SERVED);
        assert!(count.load(Ordering::SeqCst) >= served);
    }
}

#[test]
fn o1_a_retry_goes_with_the_same_decision_and_headers() {
    let directory = tempdir().unwrap();
    let (dead, live) = (free_address(), Recorder::start());
    let gateway = Gateway::start(directory.path(), &config(&[dead, live.address], ""));
    for _ in 0..2 {
        let bytes = Signed::get("/signed/x").add("x-consumer", "admin").bytes();
        let answer = Client::plain(gateway.address("public"))
            .try_ask(&bytes)
            .unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(live.field("x-consumer").as_deref(), Some("billing"));
        assert_eq!(live.field("authorization"), None);
        live.forget();
    }
    // Nor does a body: what was checked is what the second target gets.
    for hash in [Some(sha256(b"hello")), None] {
        for _ in 0..2 {
            let request = Signed::by(
                ID,
                crate::harness::gateway::SECRET,
                "PUT",
                "/signed/x",
                &[],
                hash.as_deref(),
                b"hello",
            );
            let answer = Client::plain(gateway.address("public"))
                .try_ask(&request.bytes())
                .unwrap();
            assert_eq!(answer.status, 200, "{}", answer.code());
            wait_for("the body", || {
                live.seen().ends_with("\r\n\r\nhello").then_some(())
            });
            live.forget();
        }
    }
}

/// A target that speaks TLS with the certificate `name`.
fn tls_target(directory: &Path, name: &str) -> SocketAddr {
    let file = |end| directory.join(format!("{name}.{end}"));
    let chain = CertificateDer::pem_file_iter(file("pem")).unwrap();
    let chain = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let (address, _) = target(move |socket| {
        let session = ServerConnection::new(config.clone()).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        if stream.read(&mut [0; 1000]).is_ok_and(|length| length > 0) {
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
            let _ = stream.write_all(answer);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

#[test]
fn a_target_is_believed_by_its_authority_and_its_name_alone() {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "private-ca");
    authority.server("origin", &["origin.internal"]);
    Authority::new(directory.path(), "other-ca").server("origin-of-other", &["origin.internal"]);
    let (right, wrong) = (
        tls_target(directory.path(), "origin"),
        tls_target(directory.path(), "origin-of-other"),
    );
    let tls = |name: &str| {
        format!(
            "connect_retries = 0\nconnect_timeout_ms = 500\ntls = {{ ca = [\"private-ca.pem\"], server_name = \"{name}\" }}"
        )
    };
    let gateway = Gateway::start(directory.path(), &config(&[right], &tls("origin.internal")));
    assert_eq!(ask(&gateway, "GET"), SERVED);
    let unreachable = refused(502, "upstream_unreachable");
    // The other authority, the other name, and a kept connection of neither.
    assert!(gateway.reload(&config(&[wrong], &tls("origin.internal"))));
    assert_eq!(ask(&gateway, "GET"), unreachable);
    assert!(gateway.reload(&config(&[right], &tls("other.internal"))));
    assert_eq!(ask(&gateway, "GET"), unreachable);
    assert!(gateway.reload(&config(&[right], &tls("origin.internal"))));
    assert_eq!(ask(&gateway, "GET"), SERVED);
    // One that takes the hello for the start of something else: nothing is sent in the clear.
    let plain = Recorder::start();
    assert!(gateway.reload(&config(&[plain.address], &tls("origin.internal"))));
    assert_eq!(ask(&gateway, "GET"), refused(504, "upstream_timeout"));
    assert!(!plain.seen().contains("GET"));
}
