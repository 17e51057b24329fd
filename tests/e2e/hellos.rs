//! M4: a hello meets the listener's policy however it comes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::certificates::{ROUTES, client, listener, stage};
use crate::harness::client::{tls, tls_by};
use crate::harness::gateway::Gateway;
use crate::harness::text;

#[test]
fn m4_a_hello_in_small_pieces_meets_the_same_policy() {
    let (directory, _, _) = stage();
    let gateway = Gateway::start(
        directory.path(),
        &(listener("public", "required", "ca.pem") + ROUTES),
    );
    // s_client cuts its hello into records of 512 bytes and sends no certificate.
    let at = gateway.address("public").to_string();
    for extra in ["-split_send_frag", "-max_send_frag"] {
        let script = format!(
            "printf 'GET /open HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' | \
             openssl s_client -quiet -servername localhost {extra} 512 -connect {at} 2>/dev/null"
        );
        let answer = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(!text(&answer.stdout).contains("200 OK"), "{extra}");
    }
    // The next caller, who shows a certificate, is served like any other.
    let config = tls(directory.path(), Some("billing"));
    let mut whole = client(&gateway, "public", &config).unwrap();
    assert_eq!(whole.get("localhost", "/certified").status, 200);
    let failed = gateway.metric("countersign_handshakes_total", "result=\"failed\"");
    assert!(failed >= 2.0);
    gateway.logged("a failed handshake", |line| {
        line["event"] == "handshake" && line["result"] == "failed"
    });
}

/// Sends no more than a hundred bytes at once.
struct Dribble(TcpStream);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dribble {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(100)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn m4_a_hello_that_is_longer_than_a_packet_meets_the_same_policy() {
    let (directory, _, _) = stage();
    let config = listener("public", "required", "ca.pem") + ROUTES;
    let gateway = Gateway::start(directory.path(), &config);
    let ask = |certificate: Option<&str>| -> io::Result<String> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        // A share of a post-quantum key is more than a kilobyte.
        provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
        let versions = [&rustls::version::TLS13];
        let config = tls_by(provider, directory.path(), certificate, &versions);
        let socket = TcpStream::connect(gateway.address("public"))?;
        socket.set_nodelay(true)?;
        let name = "localhost".try_into().unwrap();
        let session = rustls::ClientConnection::new(config, name).unwrap();
        let mut stream = rustls::StreamOwned::new(session, Dribble(socket));
        let request = "GET /certified HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    assert!(ask(Some("billing")).unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(None).is_err());
    gateway.logged("the refusal", |line| line["reason"] == "missing");
}
