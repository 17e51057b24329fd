//! M11: chains that are deep or huge, and floods of handshakes: refused, within bounds of memory,
//! while others are served.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rcgen::{CertificateParams, SanType};
use rustls::ClientConfig;
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;
use crate::harness::wait_for;

const CONFIG: &str = r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
client_certificate = { mode = "required", trust = ["ca.pem"] }
handshake_timeout_ms = 4000
[[consumer]]
name = "billing"
certificate = { san_uri = "spiffe://test/billing" }
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#;
const URI: &str = "spiffe://test/billing";
/// Beyond what the gateway had before the flood.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
const STALLED: usize = 400;
const FLOODERS: usize = 6;

/// `deep` and `deeper` show fifty and five hundred certificates, `wide` and `wider` one of 40 kB and
/// eight of them, and `roomy` one of 10 kB, which is still taken.
fn stage() -> (TempDir, Gateway) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost"]);
    ca.client("billing", URI);
    let middle = ca.below("middle", |_| {});
    middle.client_with("deep", URI, &middle.pem().repeat(50), |_| {});
    middle.client_with("deeper", URI, &middle.pem().repeat(500), |_| {});
    ca.client_with("roomy", URI, "", |params| name(params, 250));
    ca.client_with("wide", URI, "", |params| name(params, 1000));
    let wide = fs::read_to_string(directory.path().join("wide.pem")).unwrap();
    ca.client_with("wider", URI, &wide.repeat(8), |_| {});
    let gateway = Gateway::start(directory.path(), CONFIG);
    (directory, gateway)
}

fn name(params: &mut CertificateParams, names: usize) {
    for index in 0..names {
        let name = format!("{index:036}.test").try_into().unwrap();
        params.subject_alt_names.push(SanType::DnsName(name));
    }
}

fn is_served(gateway: &Gateway, config: &Arc<ClientConfig>) -> bool {
    let request = b"GET /certified HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let client = Client::tls(gateway.address("public"), config, "localhost");
    let answer = client.and_then(|mut client| client.try_ask(request));
    answer.is_ok_and(|answer| answer.status == 200)
}

#[test]
fn m11_a_chain_that_is_deep_or_huge_is_refused_with_its_reason() {
    let (directory, gateway) = stage();
    for (name, reason) in [
        ("deep", "chain_too_long"),
        ("deeper", "malformed_tls"),
        ("wide", "chain_too_long"),
        ("wider", "malformed_tls"),
    ] {
        assert!(
            !is_served(&gateway, &tls(directory.path(), Some(name))),
            "{name}"
        );
        gateway.logged(name, |line| {
            line["event"] == "handshake" && line["reason"] == reason
        });
    }
    for name in ["billing", "roomy"] {
        assert!(
            is_served(&gateway, &tls(directory.path(), Some(name))),
            "{name}"
        );
    }
}

/// Connections that say half a hello and then nothing.
fn stalled(gateway: &Gateway) -> Vec<TcpStream> {
    let address = gateway.address("public");
    let stall = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        // A record of 512 bytes is announced, of which some come.
        stream
            .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            .unwrap();
        stream
    };
    (0..STALLED).map(stall).collect()
}

#[test]
fn m11_a_flood_of_handshakes_is_borne_while_others_are_served() {
    let (directory, gateway) = stage();
    let good = tls(directory.path(), Some("billing"));
    for _ in 0..20 {
        assert!(is_served(&gateway, &good));
    }
    let before = gateway.memory("VmRSS");
    let over = AtomicBool::new(false);
    let refused = AtomicUsize::new(0);
    let bad = ["deep", "deeper", "wide", "wider"].map(|name| tls(directory.path(), Some(name)));
    std::thread::scope(|scope| {
        let _stalled = stalled(&gateway);
        for index in 0..FLOODERS {
            let (gateway, bad, over, refused) = (&gateway, &bad, &over, &refused);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    assert!(!is_served(gateway, &bad[index % bad.len()]));
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..20 {
            assert!(is_served(&gateway, &good), "in the flood");
        }
        wait_for("those that stall to be sent away", || {
            let name = "countersign_handshakes_total";
            (gateway.metric(name, "timed_out") == STALLED as f64).then_some(())
        });
        wait_for("a flood", || {
            (refused.load(Ordering::Relaxed) > 100).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    let grown = gateway.memory("VmHWM").saturating_sub(before);
    assert!(grown <= MOST_BYTES, "grew by {grown} bytes");
    assert!(is_served(&gateway, &good));
}
