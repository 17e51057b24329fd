//! M2, M7 and M8: a certificate that is revoked counts no more, whether a list says so or a
//! responder, on new, resumed and open connections; and what cannot be told is what the store
//! says it is.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, PROGRAM, write_config};
use crate::harness::nginx::free_address;
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::{python, run, text, wait_for};

/// `ca` vouches for the server; an authority that openssl runs in `clients/`, for callers.
fn stage() -> (TempDir, OpensslCa) {
    let directory = tempdir().unwrap();
    Authority::new(directory.path(), "ca").server("server", &["localhost"]);
    let clients = OpensslCa::new(&directory.path().join("clients"));
    clients.issue("good", "caller");
    clients.issue("bad", "caller");
    (directory, clients)
}

fn config(mode: &str, revocation: &str) -> String {
    format!(
        r#"
[[trust_store]]
name = "clients"
authorities = ["clients/ca.pem"]
revocation = {{ {revocation} }}
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "{mode}", trust_store = "clients" }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://example.org/billing" }}
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
"#
    )
}

fn connect(gateway: &Gateway, name: &str) -> std::io::Result<Client> {
    let config = tls(&gateway.directory, Some(name));
    Client::tls(gateway.address("public"), &config, "localhost")
}

fn get(client: &mut Client, path: &str) -> std::io::Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = client.try_ask(request.as_bytes())?;
    Ok((answer.status, answer.code()))
}

/// One listener of every kind, all with the same store.
fn every_kind(revocation: &str) -> String {
    let store = "trust_store = \"clients\" }";
    let listener = |name: &str, client: &str, more: &str| {
        format!(
            "[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\n\
             certificate = [{{ chain = \"server.pem\", private_key = \"server.key\" }}]\n\
             client_certificate = {{ {client}\n{more}\n"
        )
    };
    let optional = format!("mode = \"optional\", {store}");
    let required = format!("mode = \"required\", {store}");
    let host =
        format!("[[listener.host]]\nname = \"localhost\"\nclient_certificate = {{ {required}");
    config("required", revocation)
        + &listener("optional", &optional, "")
        + &listener("by-host", "mode = \"off\" }", &host)
        + &listener(
            "proxied",
            &required,
            "proxy_protocol = { trusted = [\"127.0.0.0/8\"] }",
        )
}

/// The status that curl gets, 0 when it is refused in the handshake.
fn curl(gateway: &Gateway, listener: &str, name: &str, how: &[&str]) -> u16 {
    let file = |name: &str| gateway.directory.join(name).display().to_string();
    let (ca, certificate, key) = (
        file("ca.pem"),
        file(&format!("clients/{name}.pem")),
        file(&format!("clients/{name}.key")),
    );
    let port = gateway.address(listener).port();
    let url = format!("https://localhost:{port}/certified");
    let shown = ["--cacert", &ca, "--cert", &certificate, "--key", &key];
    let quiet = ["-s", "-o", "/dev/null", "-w", "%{http_code}", &url];
    let proxied = ["--haproxy-protocol"];
    let proxied = &proxied[..usize::from(listener == "proxied")];
    let words = [how, &shown, &quiet, proxied].concat();
    text(&run("curl", &words).stdout).parse().unwrap()
}

#[test]
fn m8_what_is_revoked_is_refused_by_listeners_of_every_kind() {
    let (directory, clients) = stage();
    clients.issue("signer", "delegate");
    clients.revoke("bad");
    clients.publish();
    let _responder = clients.respond("signer");
    let listeners = ["public", "optional", "by-host", "proxied"];
    for revocation in [
        "crls = [\"clients/list.pem\"]",
        "ocsp = { failure = \"hard\", timeout_ms = 20000 }",
    ] {
        let gateway = Gateway::start(directory.path(), &every_kind(revocation));
        for listener in listeners {
            for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
                for protocol in ["--http1.1", "--http2"] {
                    let how = [version, &[protocol]].concat();
                    let what = format!("{revocation}, {listener}, {how:?}");
                    assert_eq!(curl(&gateway, listener, "good", &how), 200, "{what}");
                    let bad = curl(&gateway, listener, "bad", &how);
                    // A responder is not known to the first handshake.
                    assert!(matches!(bad, 0 | 403), "{what}: {bad}");
                }
            }
        }
    }
}

/// What a new connection comes to.
fn new(gateway: &Gateway, name: &str) -> std::io::Result<(u16, String)> {
    get(&mut connect(gateway, name)?, "/certified")
}

fn is_served(gateway: &Gateway, name: &str) -> bool {
    new(gateway, name).is_ok_and(|answer| answer.0 == 200)
}

fn refused_in_the_handshake(gateway: &Gateway, name: &str, reason: &str) {
    assert!(new(gateway, name).is_err(), "{name}");
    gateway.logged(reason, |line| {
        line["event"] == "handshake" && line["reason"] == reason
    });
}

fn untrusted() -> (u16, String) {
    (403, "certificate_untrusted".to_owned())
}

#[test]
fn m2_a_certificate_that_a_new_list_revokes_is_gone_everywhere() {
    let (directory, clients) = stage();
    clients.publish();
    let lists = "crls = [\"clients/list.pem\"], refresh_secs = 1";
    let gateway = Gateway::start(directory.path(), &config("required", lists));
    let client = tls(directory.path(), Some("clients/bad"));
    let connect = || Client::tls(gateway.address("public"), &client, "localhost");
    let mut open = connect().unwrap();
    assert_eq!(get(&mut open, "/certified").unwrap().0, 200);
    let mut resumed = connect().unwrap();
    assert_eq!(get(&mut resumed, "/open").unwrap().0, 200);
    assert!(resumed.resumed);
    clients.revoke("bad");
    clients.publish();
    wait_for("the new list", || {
        (get(&mut open, "/certified").unwrap() == untrusted()).then_some(())
    });
    // The door asks a certificate of everyone, so a revoked one opens nothing.
    assert_eq!(get(&mut open, "/open").unwrap(), untrusted());
    let again = connect().and_then(|mut client| get(&mut client, "/open"));
    assert!(again.is_err());
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    assert!(is_served(&gateway, "clients/good"));
    assert_eq!(gateway.metric("countersign_crl_entries", ""), 1.0);
}

#[test]
fn m7_a_list_that_is_none_stops_the_start_and_keeps_the_old_later() {
    let (directory, clients) = stage();
    clients.revoke("bad");
    let list = clients.publish();
    let good = fs::read(&list).unwrap();
    let config = config(
        "optional",
        "crls = [\"clients/list.pem\"], refresh_secs = 1",
    );
    let gateway = Gateway::start(directory.path(), &config);
    for broken in [&b"nonsense"[..], b"", &good[..good.len() / 2]] {
        fs::write(&list, broken).unwrap();
        let said = run(PROGRAM, &["check", "--config", &path(directory.path())]);
        assert_eq!(said.status.code(), Some(1));
        assert!(
            text(&said.stderr).contains("list.pem: "),
            "{}",
            text(&said.stderr)
        );
        assert!(!gateway.reload_as_it_is());
    }
    wait_for("a failed load", || {
        (gateway.metric("countersign_crl_loads_total", "failed") > 0.0).then_some(())
    });
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    assert!(is_served(&gateway, "clients/good"));
    fs::remove_file(&list).unwrap();
    assert!(!gateway.reload_as_it_is());
    assert!(is_served(&gateway, "clients/good"));
}

fn path(directory: &Path) -> String {
    directory.join("gateway.toml").display().to_string()
}

#[test]
fn m7_what_no_list_or_an_old_one_tells_is_what_the_store_says() {
    let (directory, clients) = stage();
    clients.run("ca -gencrl -crlsec 1 -out list.pem");
    let other = OpensslCa::named(&directory.path().join("other"), "other");
    other.publish();
    let lists = |rest: &str| config("optional", rest);
    let gateway = Gateway::start(directory.path(), &lists("crls = [\"other/list.pem\"]"));
    refused_in_the_handshake(&gateway, "clients/good", "revocation_unknown");
    let unknown = "crls = [\"other/list.pem\"], unknown = \"allow\"";
    assert!(gateway.reload(&lists(unknown)));
    assert!(is_served(&gateway, "clients/good"));
    // A list that speaks of it and has ended is no list that says nothing.
    let stale = "crls = [\"clients/list.pem\"], unknown = \"allow\"";
    assert!(gateway.reload(&lists(stale)));
    wait_for("the end of the list", || {
        new(&gateway, "clients/good").is_err().then_some(())
    });
    refused_in_the_handshake(&gateway, "clients/good", "revocation_stale");
    let grace = "crls = [\"clients/list.pem\"], stale_grace_secs = 3600";
    assert!(gateway.reload(&lists(grace)));
    assert!(is_served(&gateway, "clients/good"));
}

#[test]
fn m7_every_authority_in_the_chain_is_looked_up_unless_only_callers_are() {
    let (directory, clients) = stage();
    clients.run("req -newkey rsa:2048 -nodes -keyout middle.key -out middle.csr -subj /CN=middle");
    clients.run("ca -batch -notext -in middle.csr -out middle.pem -extensions authority");
    clients.run("req -newkey rsa:2048 -nodes -keyout below.key -out below.csr -subj /CN=below");
    let sign = "ca -batch -notext -in below.csr -out leaf.pem -extensions caller -cert middle.pem -keyfile middle.key";
    clients.run(sign);
    let chain = [clients.read("leaf.pem"), clients.read("middle.pem")].concat();
    fs::write(clients.directory.join("below.pem"), chain).unwrap();
    clients.run("ca -gencrl -cert middle.pem -keyfile middle.key -out below-list.pem");
    clients.revoke("middle");
    clients.publish();
    let lists = "crls = [\"clients/list.pem\", \"clients/below-list.pem\"]";
    let gateway = Gateway::start(directory.path(), &config("optional", lists));
    refused_in_the_handshake(&gateway, "clients/below", "revoked");
    assert!(gateway.reload(&config("optional", &format!("{lists}, check = \"caller\""))));
    assert!(is_served(&gateway, "clients/below"));
    let one = "crls = [\"clients/below-list.pem\"]";
    assert!(gateway.reload(&config("optional", one)));
    refused_in_the_handshake(&gateway, "clients/below", "revocation_unknown");
}

/// A web server of one directory.
struct Web(Child);

impl Web {
    fn start(directory: &Path, port: u16) -> Self {
        let child = Command::new(python())
            .args([
                "-m",
                "http.server",
                "--bind",
                "127.0.0.1",
                &port.to_string(),
            ])
            .current_dir(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python starts");
        wait_for("the web server", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self(child)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_list_is_fetched_by_a_url_whose_query_nobody_sees() {
    let (directory, clients) = stage();
    clients.publish();
    let port = free_address().port();
    let web = Web::start(&clients.directory, port);
    let url = format!("http://127.0.0.1:{port}/list.pem?X-Amz-Signature=only-for-us");
    let config = config("optional", &format!("crls = [\"{url}\"], refresh_secs = 1"));
    let gateway = Gateway::start(directory.path(), &config);
    assert!(is_served(&gateway, "clients/bad"));
    clients.revoke("bad");
    clients.publish();
    wait_for("the new list", || {
        new(&gateway, "clients/bad").is_err().then_some(())
    });
    drop(web);
    wait_for("a failed load", || {
        (gateway.metric("countersign_crl_loads_total", "failed") > 0.0).then_some(())
    });
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    assert!(is_served(&gateway, "clients/good"));
    // What is known serves on over a reload, too; who never knew anything does not start.
    assert!(gateway.reload_as_it_is());
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    let said = run(PROGRAM, &["check", "--config", &path(directory.path())]);
    assert_eq!(said.status.code(), Some(1));
    let all = gateway.said().join("\n") + &gateway.metrics() + &text(&said.stderr);
    assert!(all.contains("/list.pem"));
    assert!(!all.contains("only-for-us"));
}

#[test]
fn an_older_list_does_not_take_the_place_of_a_newer_one() {
    let (directory, clients) = stage();
    let times = "-crl_lastupdate 20260102000000Z -crl_nextupdate 20900101000000Z";
    clients.run(&format!("ca -gencrl -out older.pem {times}"));
    clients.revoke("bad");
    clients.publish();
    let port = free_address().port();
    let _web = Web::start(&clients.directory, port);
    let url = format!("http://127.0.0.1:{port}/list.pem");
    let config = config("optional", &format!("crls = [\"{url}\"], refresh_secs = 1"));
    let gateway = Gateway::start(directory.path(), &config);
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    // What anybody can do who answers in the server's place.
    fs::copy(
        clients.directory.join("older.pem"),
        clients.directory.join("list.pem"),
    )
    .unwrap();
    wait_for("another load", || {
        (gateway.metric("countersign_crl_loads_total", "failed") > 0.0).then_some(())
    });
    assert!(new(&gateway, "clients/bad").is_err());
    assert!(gateway.reload_as_it_is());
    assert!(new(&gateway, "clients/bad").is_err());
    assert!(is_served(&gateway, "clients/good"));
    clients.publish();
    let good = || gateway.metric("countersign_crl_loads_total", "good");
    let before = good();
    wait_for("a newer one", || (good() > before).then_some(()));
}

#[test]
fn a_responder_is_asked_in_the_background_and_only_requests_wait_for_it() {
    let (directory, clients) = stage();
    clients.issue("signer", "delegate");
    clients.revoke("bad");
    let responder = clients.respond("signer");
    let hard = config(
        "required",
        "ocsp = { failure = \"hard\", timeout_ms = 20000 }",
    );
    let gateway = Gateway::start(directory.path(), &hard);
    // The first request waits until something is known.
    let mut good = connect(&gateway, "clients/good").unwrap();
    assert_eq!(get(&mut good, "/certified").unwrap().0, 200);
    let mut bad = connect(&gateway, "clients/bad").unwrap();
    assert_eq!(get(&mut bad, "/open").unwrap(), untrusted());
    // What is known is known to the next handshake.
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    assert_eq!(
        gateway.metric("countersign_ocsp_questions_total", "answered"),
        2.0
    );
    drop(responder);
    assert_eq!(get(&mut good, "/certified").unwrap().0, 200);
    assert!(is_served(&gateway, "clients/good"));
    assert_eq!(
        gateway.metric("countersign_ocsp_questions_total", "answered"),
        2.0
    );
}

#[test]
fn a_responder_that_is_down_refuses_or_lets_pass_as_the_store_says() {
    let (directory, _) = stage();
    // Nobody listens where the certificates say.
    let ocsp = |failure: &str| config("optional", &format!("ocsp = {{ failure = \"{failure}\" }}"));
    write_config(directory.path(), &ocsp("hard"));
    let gateway = Gateway::start(directory.path(), &ocsp("hard"));
    let mut hard = connect(&gateway, "clients/good").unwrap();
    assert_eq!(get(&mut hard, "/certified").unwrap(), untrusted());
    let line = gateway.logged("the refusal", |line| {
        line["refusal"] == "certificate_untrusted"
    });
    assert_eq!(line["detail"], "it cannot be told whether it is revoked");
    assert_eq!(get(&mut hard, "/open").unwrap().0, 200);
    assert!(gateway.reload(&ocsp("soft")));
    assert_eq!(get(&mut hard, "/certified").unwrap().0, 200);
    assert!(is_served(&gateway, "clients/good"));
    assert!(gateway.metric("countersign_ocsp_questions_total", "failed") > 0.0);
}

#[test]
fn an_authority_that_ends_soon_is_told_and_warned_of() {
    let (directory, clients) = stage();
    clients.publish();
    let lists = "crls = [\"clients/list.pem\"]";
    let gateway = Gateway::start(directory.path(), &config("optional", lists));
    let ends = "countersign_trusted_certificate_expiry_timestamp_seconds";
    let end = gateway.metric(ends, "subject=\"CN=authority\"");
    let now = countersign::clock::UtcTime::now().unix() as f64;
    assert!((end - now - 2.0 * 86_400.0).abs() < 3600.0, "{end}");
    let said = gateway.said().join("\n");
    assert!(
        said.contains("that a trust store believes ends soon"),
        "{said}"
    );
    assert!(said.contains("CN=authority"), "{said}");
}

#[test]
fn what_an_upstream_is_told_waits_for_the_responder_on_open_routes_too() {
    let (directory, clients) = stage();
    clients.issue("signer", "delegate");
    let _responder = clients.respond("signer");
    let upstream = Recorder::start();
    let told = format!(
        "type = \"http_proxy\"\ntargets = [\"{}\"]\ncertificate_headers = [{{ form = \"nginx\" }}]",
        upstream.address
    );
    let ocsp = "ocsp = { failure = \"hard\", timeout_ms = 20000 }";
    let config = config("optional", ocsp).replace("type = \"mock\"", &told);
    let gateway = Gateway::start(directory.path(), &config);
    let mut good = connect(&gateway, "clients/good").unwrap();
    assert_eq!(get(&mut good, "/open").unwrap().0, 200);
    let verdict = upstream.field("x-ssl-client-verify");
    assert_eq!(verdict.as_deref(), Some("SUCCESS"));
}

#[test]
fn a_list_that_bears_the_authoritys_name_and_not_its_signature_replaces_none() {
    let (directory, clients) = stage();
    clients.revoke("bad");
    let list = clients.publish();
    let lists = "crls = [\"clients/list.pem\"], refresh_secs = 1";
    let gateway = Gateway::start(directory.path(), &config("optional", lists));
    let namesake = OpensslCa::new(&directory.path().join("namesake"));
    fs::copy(namesake.publish(), list).unwrap();
    wait_for("its refusal", || {
        (gateway.metric("countersign_crl_loads_total", "failed") > 0.0).then_some(())
    });
    assert!(is_served(&gateway, "clients/good"));
    refused_in_the_handshake(&gateway, "clients/bad", "revoked");
    let said = gateway.said().join("\n");
    assert!(
        said.contains("CN=authority\", which has not signed it"),
        "{said}"
    );
    let changed = clients.publish();
    assert!(changed.exists());
    wait_for("the next good one", || {
        (gateway.metric("countersign_config_version", "") > 1.0).then_some(())
    });
    assert!(is_served(&gateway, "clients/good"));
}
