//! PROXY headers: the client that a trusted proxy names is the peer everywhere, and nobody else's
//! word is taken.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::haproxy::{FROM, Haproxy};
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::{text, wait_for};

/// The proxy that the tests play themselves.
const PROXY: &str = "127.0.0.8";

fn config(upstream: &Recorder, more: &str) -> String {
    format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
proxy_protocol = {{ trusted = ["{PROXY}", "{FROM}"] }}
{more}
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
proxy_protocol = {{ trusted = ["127.0.0.8/31"] }}
{more}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "upstream"
[[integration]]
name = "upstream"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    )
}

fn stage(more: &str) -> (TempDir, Recorder, Gateway) {
    let directory = tempdir().unwrap();
    Authority::new(directory.path(), "ca").server("server", &["localhost"]);
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream, more));
    (directory, upstream, gateway)
}

/// A connection whose address is `from`.
fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from: SocketAddr = format!("{from}:0").parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

fn line(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 198.51.100.1 51000 443\r\n").into_bytes()
}

/// A header of version 2 for 192.0.2.7:51000, with what follows the addresses.
fn binary(command: u8, tlvs: &[u8]) -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 198, 51, 100, 1, 0xC7, 0x38, 1, 0xBB];
    let length = (addresses.len() + tlvs.len()) as u16;
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, 0x11]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header.extend(tlvs);
    header
}

/// Says `header` as the proxy, and then asks for `path`.
fn ask_behind(gateway: &Gateway, header: &[u8], path: &str) -> u16 {
    let mut stream = connect(PROXY, gateway.address("plain"));
    stream.write_all(header).unwrap();
    Client::over(stream).get("localhost", path).status
}

/// Whether the gateway closes a connection that begins so, without a word.
fn is_closed_after(from: &str, to: SocketAddr, start: &[u8]) -> bool {
    let mut stream = connect(from, to);
    // The gateway may have closed before all is sent.
    let _ = stream.write_all(start);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer.is_empty(),
        Err(e) => e.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn refused(gateway: &Gateway, listener: &str, reason: &str) -> f64 {
    let labels = format!("listener=\"{listener}\",reason=\"{reason}\"");
    gateway.metric("countersign_connections_refused_total", &labels)
}

#[test]
fn haproxy_tells_the_client_in_every_way_that_it_knows() {
    let (directory, upstream, gateway) = stage("");
    let file = |end| fs::read_to_string(directory.path().join(format!("server.{end}"))).unwrap();
    let both = directory.path().join("both.pem");
    fs::write(&both, file("pem") + &file("key")).unwrap();
    let ending_tls = format!("ssl crt {}", both.display());
    let to = tls(directory.path(), None);
    for (number, (bind, listener, words)) in [
        ("", "plain", "send-proxy"),
        ("", "plain", "send-proxy-v2"),
        (
            "",
            "plain",
            "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        ),
        ("", "public", "send-proxy"),
        ("", "public", "send-proxy-v2"),
        ("", "public", "send-proxy-v2 proxy-v2-options crc32c"),
        (
            ending_tls.as_str(),
            "plain",
            "send-proxy-v2-ssl-cn proxy-v2-options crc32c,ssl,cert-cn,ssl-cipher,cert-sig,cert-key",
        ),
        (ending_tls.as_str(), "plain", "send-proxy-v2-ssl"),
    ]
    .into_iter()
    .enumerate()
    {
        let address = gateway.address(listener);
        let haproxy = Haproxy::start(directory.path(), bind, address, words);
        let stream = connect("127.0.0.2", haproxy.address);
        let client = stream.local_addr().unwrap().to_string();
        let mut caller = match bind.is_empty() && listener == "plain" {
            true => Client::over(stream),
            false => Client::tls_over(stream, &to, "localhost").unwrap(),
        };
        let path = format!("/{number}");
        assert_eq!(caller.get("localhost", &path).status, 200, "{words}");
        assert_eq!(upstream.field("x-forwarded-for").unwrap(), "127.0.0.2");
        let logged = gateway.logged("the request", |line| line["path"] == path.as_str());
        assert_eq!(logged["peer"], client.as_str(), "{words}");
        let via = logged["via"].as_str().unwrap();
        assert!(via.starts_with(&format!("{FROM}:")), "{via}");
        upstream.forget();
    }
}

#[test]
fn curl_says_itself_whose_connection_it_is() {
    let (directory, upstream, gateway) = stage("");
    let done = Command::new("curl")
        .args([
            "-sS",
            "--haproxy-protocol",
            "--interface",
            PROXY,
            "--cacert",
        ])
        .arg(directory.path().join("ca.pem"))
        .args(["--http1.1", "-w", "%{http_code}"])
        .arg(gateway.url("/curl"))
        .output()
        .unwrap();
    assert!(text(&done.stdout).ends_with("200"), "{done:?}");
    assert_eq!(upstream.field("x-forwarded-for").as_deref(), Some(PROXY));
}

#[test]
fn a_load_balancer_of_aws_tells_the_vpc_endpoint() {
    let (_directory, upstream, gateway) = stage("");
    let id = b"vpce-08d2bf15fac5001c9";
    let tlv = [&[0xEA, 0, 1 + id.len() as u8, 1], &id[..]].concat();
    assert_eq!(ask_behind(&gateway, &binary(0x21, &tlv), "/aws"), 200);
    assert_eq!(upstream.field("x-forwarded-for").unwrap(), "192.0.2.7");
    let logged = gateway.logged("the request", |line| line["path"] == "/aws");
    assert_eq!(logged["peer"], "192.0.2.7:51000");
    assert_eq!(logged["vpc_endpoint"], "vpce-08d2bf15fac5001c9");
    // Bytes that become no request are told with it as well.
    let mut stream = connect(PROXY, gateway.address("plain"));
    stream.write_all(&binary(0x21, &tlv)).unwrap();
    assert_eq!(Client::over(stream).ask("nonsense\r\n\r\n").status, 400);
    let logged = gateway.logged("the refusal", |line| line["event"] == "refused");
    assert_eq!(logged["peer"], "192.0.2.7:51000");
    assert_eq!(logged["vpc_endpoint"], "vpce-08d2bf15fac5001c9");
    assert!(logged["via"].as_str().unwrap().starts_with(PROXY));
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_peer() {
    let (_directory, upstream, gateway) = stage("");
    assert_eq!(ask_behind(&gateway, &binary(0x20, &[]), "/local"), 200);
    assert_eq!(upstream.field("x-forwarded-for").unwrap(), PROXY);
    let logged = gateway.logged("the request", |line| line["path"] == "/local");
    assert!(logged["peer"].as_str().unwrap().starts_with(PROXY));
    assert!(logged.get("via").is_none());
}

#[test]
fn a_header_may_come_in_pieces_and_takes_nothing_of_what_follows() {
    let (directory, upstream, gateway) = stage("");
    let request = b"GET /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for header in [line("192.0.2.7"), binary(0x21, b"\x04\0\x03abc")] {
        // Byte by byte, each a packet of its own as far as the kernel lets it be.
        let mut stream = connect(PROXY, gateway.address("plain"));
        for byte in &header {
            stream.write_all(&[*byte]).unwrap();
            std::thread::yield_now();
        }
        let mut client = Client::over(stream);
        assert_eq!(client.try_ask(request).unwrap().status, 200);
        assert_eq!(upstream.field("x-forwarded-for").unwrap(), "192.0.2.7");
        // All at once.
        let mut stream = connect(PROXY, gateway.address("plain"));
        stream.write_all(&[&header[..], request].concat()).unwrap();
        assert_eq!(Client::over(stream).answer().unwrap().status, 200);
        // In front of TLS.
        let mut stream = connect(PROXY, gateway.address("public"));
        stream.write_all(&header).unwrap();
        let to = tls(directory.path(), None);
        let mut client = Client::tls_over(stream, &to, "localhost").unwrap();
        assert_eq!(client.try_ask(request).unwrap().status, 200);
        upstream.forget();
    }
}

/// AWS's load balancers begin their health checks as they begin what they pass on.
#[test]
fn the_admin_listener_reads_over_the_header_of_a_health_check() {
    let (_directory, _upstream, gateway) = stage("");
    let admin = gateway.admin_address();
    for header in [binary(0x20, &[]), binary(0x21, b"\x04\0\x03abc")] {
        let mut stream = connect("127.0.0.1", admin);
        stream.write_all(&header).unwrap();
        assert_eq!(Client::over(stream).get("localhost", "/readyz").status, 200);
    }
    assert_eq!(Client::plain(admin).get("localhost", "/readyz").status, 200);
    for start in [
        &b"\r\n\r\n\0\r\nQUIZ\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\xff\x11\0\0",
    ] {
        assert!(is_closed_after("127.0.0.1", admin, start));
    }
}

#[test]
fn whoever_is_no_trusted_proxy_is_sent_away_before_a_word() {
    let (_directory, upstream, gateway) = stage("");
    for (from, listener) in [("127.0.0.1", "plain"), ("127.0.0.7", "public")] {
        let request = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let start = [&line("192.0.2.7"), &request[..]].concat();
        assert!(is_closed_after(from, gateway.address(listener), &start));
        assert_eq!(refused(&gateway, listener, "proxy_untrusted"), 1.0);
    }
    let logged = gateway.logged("the event", |line| line["event"] == "proxy_header");
    assert_eq!(logged["reason"], "proxy_untrusted");
    assert!(logged["peer"].as_str().unwrap().starts_with("127.0.0."));
    assert_eq!(upstream.seen(), "");
}

#[test]
fn a_connection_that_begins_otherwise_is_sent_away() {
    let (_directory, upstream, gateway) = stage("");
    let request = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let starts: [&[u8]; 9] = [
        request.as_bytes(),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0\0\0\0\0",
        b"PROXY UNKNOWN\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 99999\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        &[b'P'; 200],
        &[&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(),
        &binary(0x21, b"\x04\xff\xff"),
        &binary(0x21, b"\x03\0\x04\0\0\0\0"),
        &binary(0x22, b""),
    ];
    for (number, start) in starts.iter().enumerate() {
        for listener in ["plain", "public"] {
            let address = gateway.address(listener);
            assert!(is_closed_after(PROXY, address, start), "{number}");
            wait_for("the count", || {
                let count = refused(&gateway, listener, "proxy_malformed");
                (count == (number + 1) as f64).then_some(())
            });
        }
    }
    assert_eq!(upstream.seen(), "");
    let logged = gateway.logged("the event", |line| line["event"] == "proxy_header");
    assert_eq!(logged["reason"], "proxy_malformed");
    assert_eq!(
        logged["detail"],
        "the connection begins with no PROXY header"
    );
}

#[test]
fn a_header_that_stalls_is_ended_and_counted() {
    let (_directory, _upstream, gateway) = stage("handshake_timeout_ms = 300");
    for start in [
        &b""[..],
        b"PROX",
        b"PROXY TCP4 192.0.2.7 ",
        &binary(0x21, b"")[..20],
    ] {
        assert!(is_closed_after(PROXY, gateway.address("plain"), start));
    }
    wait_for("the counts", || {
        (refused(&gateway, "plain", "proxy_timeout") == 4.0).then_some(())
    });
    let logged = gateway.logged("the event", |line| line["event"] == "proxy_header");
    assert_eq!(logged["reason"], "proxy_timeout");
    // Its place is given back.
    wait_for("the places", || {
        (gateway.metric("countersign_connections{", "plain") == 0.0).then_some(())
    });
}

#[test]
fn connections_are_counted_by_client_and_not_by_proxy() {
    let (_directory, _upstream, gateway) = stage("max_connections_per_address = 2");
    let open = |client: &str| {
        let mut stream = connect(PROXY, gateway.address("plain"));
        stream.write_all(&line(client)).unwrap();
        let mut client = Client::over(stream);
        let answer = client.try_ask(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        (client, answer.is_ok_and(|answer| answer.status == 200))
    };
    let kept: Vec<_> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        .iter()
        .flat_map(|client| [open(client), open(client)])
        .collect();
    assert!(kept.iter().all(|(_, served)| *served));
    assert!(!open("192.0.2.1").1, "a third of the same client");
    assert_eq!(refused(&gateway, "plain", "address"), 1.0);
    assert!(open("192.0.2.4").1);
    drop(kept);
    wait_for("the places", || {
        (gateway.metric("countersign_connections{", "plain") == 0.0).then_some(())
    });
    assert!(open("192.0.2.1").1);
}

#[test]
fn what_a_peer_may_say_is_a_matter_of_the_address_in_the_header() {
    let (_directory, upstream, gateway) = stage(&format!(
        "trusted_peers = [\"192.0.2.7\"]\n# Not the proxy's: {PROXY}"
    ));
    for (client, forwarded) in [
        ("192.0.2.7", "203.0.113.5, 192.0.2.7"),
        ("192.0.2.8", "192.0.2.8"),
    ] {
        let mut stream = connect(PROXY, gateway.address("plain"));
        stream.write_all(&line(client)).unwrap();
        let request = "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n";
        assert_eq!(Client::over(stream).ask(request).status, 200);
        assert_eq!(upstream.field("x-forwarded-for").unwrap(), forwarded);
        upstream.forget();
    }
}
