//! M1, M3 and M10 for the hosts of one listener: each asks for certificates in its own way, and
//! nothing that was made for one opens another.

use std::sync::Arc;

use rustls::ClientConfig;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;
use crate::harness::text;
use crate::harness::tls_caller::{Call, Heard, heard_of, s_client};

const ROUTES: &str = r#"
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
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#;

/// A listener with a door of its own, and hosts: a name, a mode, and whom they trust.
fn config(own: &str, hosts: &[(&str, &str, &str)]) -> String {
    let door = |mode: &str, trust: &str| match mode {
        "off" => "client_certificate = { mode = \"off\" }\n".to_owned(),
        _ => format!("client_certificate = {{ mode = \"{mode}\", trust_store = \"{trust}\" }}\n"),
    };
    let stores = ["ca", "other"].map(|name| {
        format!("[[trust_store]]\nname = \"{name}\"\nauthorities = [\"{name}.pem\"]\n")
    });
    let listener = "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n\
         certificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]\n";
    let hosts = hosts.iter().map(|(name, mode, trust)| {
        format!(
            "[[listener.host]]\nname = \"{name}\"\n{}",
            door(mode, trust)
        )
    });
    let hosts: String = hosts.collect();
    stores.concat() + listener + &door(own, "ca") + &hosts + ROUTES
}

/// The wildcard stands before the name that it holds, and must not take it.
const HOSTS: [(&str, &str, &str); 6] = [
    ("*.wild.test", "required", "ca"),
    ("exact.wild.test", "off", ""),
    ("plain.test", "optional", "ca"),
    ("secret.test", "required", "ca"),
    ("other.test", "optional", "other"),
    ("off.test", "off", ""),
];

fn stage() -> (TempDir, Gateway) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    Authority::new(directory.path(), "other");
    let mut names: Vec<&str> = HOSTS.iter().map(|(name, _, _)| *name).collect();
    names.push("127.0.0.1");
    ca.server("server", &names);
    ca.client("billing", "spiffe://test/billing");
    let gateway = Gateway::start(directory.path(), &config("optional", &HOSTS));
    (directory, gateway)
}

/// Where a session was made, by whom, where it is offered, and what comes of it there.
type Offered = (
    &'static str,
    Option<&'static str>,
    &'static str,
    Result<(u16, &'static str), &'static str>,
);

const OFFERED: [Offered; 7] = [
    ("plain.test", Some("billing"), "secret.test", Ok((200, ""))),
    ("plain.test", None, "secret.test", Err("missing")),
    ("off.test", None, "secret.test", Err("missing")),
    ("exact.wild.test", None, "a.wild.test", Err("missing")),
    (
        "plain.test",
        Some("billing"),
        "other.test",
        Err("unknown_issuer"),
    ),
    (
        "plain.test",
        Some("billing"),
        "off.test",
        Ok((403, "certificate_required")),
    ),
    (
        "a.wild.test",
        Some("billing"),
        "exact.wild.test",
        Ok((403, "certificate_required")),
    ),
];

#[test]
fn m1_a_session_of_one_host_is_not_resumed_at_another() {
    let (directory, gateway) = stage();
    let address = gateway.address("public");
    let say = |host, version, certificate, words: &[&str]| {
        let call = Call {
            host,
            version,
            certificate,
        };
        s_client(directory.path(), address, &call, words)
    };
    for version in ["1.2", "1.3"] {
        for (first, certificate, second, wanted) in OFFERED {
            let what = format!("{version} {first} {certificate:?} {second}");
            say(first, version, certificate, &["-sess_out", "session"]);
            let again = say(first, version, certificate, &["-sess_in", "session"]);
            assert!(
                text(&again.stdout).contains("Reused, "),
                "{what}: means nothing"
            );
            let offered = say(second, version, certificate, &["-sess_in", "session"]);
            assert!(!text(&offered.stdout).contains("Reused, "), "{what}");
            match (heard_of(&offered), wanted) {
                (Heard::Answer(status, code), Ok(wanted)) => {
                    assert_eq!((status, code.as_str()), wanted, "{what}");
                }
                (Heard::Refused(_), Err(reason)) => drop(gateway.logged(&what, |line| {
                    line["event"] == "handshake"
                        && line["sni"] == second
                        && line["reason"] == reason
                })),
                (heard, _) => panic!("{what}: {heard:?}"),
            }
        }
    }
    let resumed = gateway.metric("countersign_handshakes_total", "resumed");
    assert_eq!(resumed, 2.0 * 7.0);
}

/// Hosts that may be asked for on a connection, with the status of the open route and of the one
/// that demands a certificate.
type Asked = [(&'static str, u16, u16)];

/// The listener's own door is that of `plain.test`, too.
const FOR_PLAIN: &Asked = &[
    ("plain.test", 200, 200),
    ("PLAIN.Test", 200, 200),
    ("plain.test.", 200, 200),
    ("plain.test:8443", 200, 200),
    ("secret.test", 421, 421),
    ("SECRET.test", 421, 421),
    ("secret.test.", 421, 421),
    ("Secret.Test.:443", 421, 421),
    ("other.test", 421, 421),
    ("off.test", 421, 421),
    ("a.wild.test", 421, 421),
    ("exact.wild.test", 421, 421),
    ("a.b.wild.test", 200, 421),
    ("wild.test", 200, 421),
    ("secret.test.evil", 200, 421),
    ("unknown.test", 200, 421),
    ("127.0.0.1", 200, 421),
    ("[::1]", 200, 421),
];
const FOR_WILD: &Asked = &[
    ("a.wild.test", 200, 200),
    ("A.WILD.test.", 200, 200),
    ("b.wild.test", 200, 421),
    ("secret.test", 200, 421),
    ("exact.wild.test", 421, 421),
    ("a.a.wild.test", 421, 421),
    ("plain.test", 421, 421),
    ("127.0.0.1", 421, 421),
];
const FOR_EXACT: &Asked = &[
    ("exact.wild.test", 200, 403),
    ("EXACT.wild.test.", 200, 403),
    ("off.test", 200, 421),
    ("a.wild.test", 421, 421),
    ("127.0.0.1", 421, 421),
];
const FOR_NONE: &Asked = &[
    ("127.0.0.1", 200, 200),
    ("127.0.0.1:443", 200, 200),
    ("plain.test", 200, 421),
    ("secret.test", 421, 421),
    ("a.wild.test", 421, 421),
];

#[test]
fn m3_a_connection_for_one_door_takes_no_request_for_another() {
    let (directory, gateway) = stage();
    let config = tls(directory.path(), Some("billing"));
    for (name, asked) in [
        ("plain.test", FOR_PLAIN),
        ("a.wild.test", FOR_WILD),
        ("exact.wild.test", FOR_EXACT),
        // An address in the place of a name sends no SNI.
        ("127.0.0.1", FOR_NONE),
    ] {
        let mut client = Client::tls(gateway.address("public"), &config, name).unwrap();
        for (host, open, certified) in asked {
            let what = format!("{host} for {name}");
            for (path, wanted) in [("/open", open), ("/certified", certified)] {
                let answer = client.get(host, path);
                assert_eq!(answer.status, *wanted, "{what} {path}");
                let told = answer.code() == "misdirected_request";
                assert_eq!(told, *wanted == 421, "{what} {path}");
            }
        }
    }
}

#[test]
fn m3_the_spelling_of_the_name_in_the_handshake_chooses_no_other_door() {
    let (directory, gateway) = stage();
    for (spelled, host) in [
        ("SECRET.test", "secret.test"),
        ("Secret.Test.", "secret.test"),
        ("secret.test.", "secret.test"),
        ("A.Wild.TEST", "a.wild.test"),
        ("a.wild.test.", "a.wild.test"),
        (" secret.test", "secret.test"),
        ("127.0.0.1", "secret.test"),
    ] {
        for version in ["1.2", "1.3"] {
            let call = Call {
                host,
                version,
                certificate: None,
            };
            let words = ["-servername", spelled];
            let said = s_client(directory.path(), gateway.address("public"), &call, &words);
            let heard = heard_of(&said);
            let good = match &heard {
                Heard::Refused(_) => true,
                Heard::Answer(status, code) => *status == 421 && code == "misdirected_request",
            };
            assert!(good, "{spelled:?}, {version}: {heard:?}");
        }
    }
}

/// Calls on one connection for `plain.test`, at once; the status of each.
async fn coalesced(gateway: &Gateway, config: Arc<ClientConfig>, uris: &[&str]) -> Vec<u16> {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(gateway.address("public")).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = "plain.test".try_into().unwrap();
    let stream = connector.connect(name, socket).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for uri in uris {
        sender = sender.ready().await.unwrap();
        let request = http::Request::get(*uri).body(()).unwrap();
        answers.push(sender.send_request(request, true).unwrap().0);
    }
    let mut heard = Vec::new();
    for answer in answers {
        heard.push(answer.await.unwrap().status().as_u16());
    }
    heard
}

#[test]
fn m3_each_stream_of_a_coalesced_connection_is_looked_at() {
    let (directory, gateway) = stage();
    let asked = [
        ("https://plain.test/certified", 200),
        ("https://secret.test/open", 421),
        ("https://Secret.Test/certified", 421),
        ("https://secret.test:8443/open", 421),
        ("https://other.test/certified", 421),
        ("https://off.test/open", 421),
        ("https://exact.wild.test/open", 421),
        ("https://a.wild.test/open", 421),
        ("https://unknown.test/certified", 421),
        ("https://unknown.test/open", 200),
        ("https://PLAIN.test:443/certified", 200),
        ("https://plain.test./certified", 200),
    ];
    let (uris, wanted): (Vec<&str>, Vec<u16>) = asked.into_iter().unzip();
    let config = tls(directory.path(), Some("billing"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let heard = runtime.block_on(coalesced(&gateway, config, &uris));
    assert_eq!(heard, wanted);
}

const MANY: usize = 2000;

/// Two thousand names, each third one without certificates, under a wildcard that asks for none.
fn many(more: &[(&str, &str, &str)]) -> String {
    let names: Vec<String> = (0..MANY)
        .map(|index| format!("h{index}.many.test"))
        .collect();
    let mut hosts = vec![("*.many.test", "off", "")];
    hosts.extend(
        names
            .iter()
            .enumerate()
            .map(|(index, name)| match index % 3 {
                0 => (name.as_str(), "off", ""),
                1 => (name.as_str(), "required", "ca"),
                _ => (name.as_str(), "required", "other"),
            }),
    );
    hosts.extend(more);
    config("required", &hosts)
}

/// What an open route says to `billing`, and to a caller without a certificate; `None` when the
/// handshake was refused.
fn seen(gateway: &Gateway, name: &str) -> [Option<u16>; 2] {
    [Some("billing"), None].map(|certificate| {
        let config = tls(&gateway.directory, certificate);
        let request = format!("GET /open HTTP/1.1\r\nHost: {name}\r\n\r\n");
        let client = Client::tls(gateway.address("public"), &config, name);
        let answer = client.and_then(|mut client| client.try_ask(request.as_bytes()));
        answer.ok().map(|answer| answer.status)
    })
}

fn check_many(gateway: &Gateway) {
    for index in (0..MANY).step_by(97).chain([1, 2, MANY - 1]) {
        let wanted = match index % 3 {
            0 => [Some(200), Some(200)],
            1 => [Some(200), None],
            _ => [None, None],
        };
        let name = format!("h{index}.many.test");
        assert_eq!(seen(gateway, &name), wanted, "{name}");
    }
    assert_eq!(seen(gateway, "else.many.test"), [Some(200), Some(200)]);
    for name in ["many.test", "a.h1.many.test", "elsewhere.test"] {
        assert_eq!(seen(gateway, name), [Some(200), None], "{name}");
    }
}

#[test]
fn m10_each_of_two_thousand_hosts_keeps_its_door_whatever_is_added() {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    Authority::new(directory.path(), "other");
    ca.server(
        "server",
        &[
            "*.many.test",
            "many.test",
            "elsewhere.test",
            "*.h1.many.test",
        ],
    );
    ca.client("billing", "spiffe://test/billing");
    let gateway = Gateway::start(directory.path(), &many(&[]));
    check_many(&gateway);
    let weaker = [
        ("h2000.many.test", "off", ""),
        ("*.h2000.many.test", "off", ""),
        ("*.elsewhere.test", "off", ""),
        ("*.h2.many.test", "optional", "ca"),
    ];
    assert!(gateway.reload(&many(&weaker)));
    check_many(&gateway);
}
