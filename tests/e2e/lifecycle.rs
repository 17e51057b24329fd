//! Reload and drain under load: no request is lost; and a broken reload changes nothing (O2).

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, PROGRAM, write_config, write_store};
use crate::harness::nginx::{Nginx, free_address};
use crate::harness::pki::Authority;
use crate::harness::traffic::{Load, keep_alive, stage, streams, wait_for_more};
use crate::harness::{run, text, wait_for};

fn config(nginx: &Nginx, address: &str) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "{address}"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/child/{{proxy+}}"
method = "ANY"
policy = "certified"
integration = "nginx"
[[integration]]
name = "nginx"
type = "http_proxy"
targets = ["{}"]
"#,
        nginx.address
    )
}

fn under_load(
    directory: &TempDir,
    gateway: &mut Gateway,
    act: impl FnOnce(&mut Gateway, &Load),
) -> Arc<Load> {
    let load = Arc::new(Load::default());
    let (address, config) = (
        gateway.address("public"),
        tls(directory.path(), Some("billing")),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| keep_alive(address, &config, &load));
        }
        let (http2, config) = (load.clone(), config.clone());
        scope.spawn(move || {
            runtime.block_on(async {
                tokio::join!(
                    streams(address, config.clone(), http2.clone()),
                    streams(address, config.clone(), http2.clone()),
                )
            })
        });
        act(gateway, &load);
        load.over.store(true, Ordering::SeqCst);
    });
    load
}

#[test]
fn five_reloads_and_a_drain_lose_no_request() {
    let (directory, nginx) = stage();
    let mut gateway = Gateway::start(directory.path(), &config(&nginx, "127.0.0.1:0"));
    let load = under_load(&directory, &mut gateway, |gateway, load| {
        wait_for_more(load, 50);
        for round in 0..5 {
            let route = format!(
                "[[route]]\npath = \"/round/{round}\"\nmethod = \"GET\"\npolicy = \"certified\"\nintegration = \"nginx\"\n"
            );
            assert!(gateway.reload(&(config(&nginx, "127.0.0.1:0") + &route)));
            wait_for_more(load, 50);
        }
        assert_eq!(gateway.admin("/readyz").0, 200);
        gateway.signal("TERM");
        wait_for("the end of readiness", || {
            (gateway.admin("/readyz").0 == 503).then_some(())
        });
        wait_for_more(load, 20);
        assert!(gateway.end().success());
    });
    let (served, failed) = (
        load.served.load(Ordering::SeqCst),
        load.failed.load(Ordering::SeqCst),
    );
    assert_eq!(failed, 0, "of {served}");
    assert!(served > 300);
    assert!(
        gateway
            .said()
            .iter()
            .any(|line| line.contains("Every request was answered.")),
        "{:#?}",
        gateway.said()
    );
}

#[test]
fn o2_a_broken_reload_keeps_the_old_configuration_and_says_so() {
    let (directory, nginx) = stage();
    let good = config(&nginx, "127.0.0.1:0");
    let gateway = Gateway::start(directory.path(), &good);
    let config = tls(directory.path(), Some("billing"));
    let serves = || {
        let mut client = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
        client.get("localhost", "/child/random.txt").status == 200
    };
    let taken = std::net::TcpListener::bind(free_address()).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let second = good
        .lines()
        .take_while(|line| !line.starts_with("[[consumer]]"))
        .collect::<Vec<_>>();
    let second = second
        .join("\n")
        .replace("\"public\"", "\"second\"")
        .replace("127.0.0.1:0", &taken);
    for broken in [
        "this is no TOML".to_owned(),
        good.replace("policy = \"certified\"", "policy = \"certifed\""),
        good.replace("server.key", "no-such.key"),
        good.clone() + &second,
    ] {
        assert!(!gateway.reload(&broken), "{broken}");
        assert!(serves(), "{broken}");
    }
    assert_eq!(gateway.metric("countersign_config_version", ""), 1.0);
    assert_eq!(gateway.metric("countersign_reloads_total", "failed"), 4.0);
    assert!(
        gateway
            .said()
            .join("\n")
            .contains("did you mean \"certified\"?")
    );
    assert!(gateway.reload(&good));
    assert_eq!(gateway.metric("countersign_config_version", ""), 2.0);
}

#[test]
fn the_end_does_not_wait_for_a_reload_that_waits_for_somebody_else() {
    let (directory, nginx) = stage();
    let good = config(&nginx, "127.0.0.1:0");
    let mut gateway = Gateway::start(directory.path(), &good);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let lists = format!("http://{}/list.pem", silent.local_addr().unwrap());
    let store = format!(
        "[[trust_store]]\nname = \"callers\"\nauthorities = [\"ca.pem\"]\nrevocation = {{ crls = [\"{lists}\"] }}\n"
    );
    let slow = store + &good.replace("trust = [\"ca.pem\"]", "trust_store = \"callers\"");
    write_config(directory.path(), &slow);
    gateway.signal("HUP");
    let _asked = silent.accept().unwrap();
    gateway.signal("TERM");
    assert!(gateway.end().success());
}

#[test]
fn a_reload_opens_and_closes_listeners() {
    let (directory, nginx) = stage();
    let good = config(&nginx, "127.0.0.1:0");
    let gateway = Gateway::start(directory.path(), &good);
    let extra = free_address();
    let plain = format!("[[listener]]\nname = \"plain\"\naddress = \"{extra}\"\n");
    assert!(gateway.reload(&(good.clone() + &plain)));
    let mut open = Client::plain(extra);
    assert_eq!(open.get("a", "/child/random.txt").status, 403);
    assert!(gateway.reload(&good));
    let answer = open.get("a", "/child/random.txt");
    assert_eq!(answer.code(), "misdirected_request");
    assert!(open.is_closed(), "what has no listener has no future");
    wait_for("the listener's end", || {
        std::net::TcpStream::connect(extra).is_err().then_some(())
    });
}

#[test]
fn a_new_certificate_serves_after_a_reload() {
    let (directory, nginx) = stage();
    let good = config(&nginx, "127.0.0.1:0");
    let gateway = Gateway::start(directory.path(), &good);
    let expiry = gateway.metric("countersign_certificate_expiry_timestamp_seconds", "public");
    let other = Authority::with(directory.path(), "ca", |params| {
        params.not_after = rcgen::date_time_ymd(2090, 1, 1);
    });
    other.server("server", &["localhost"]);
    other.client("billing", "spiffe://test/billing");
    assert!(gateway.reload(&good));
    let mut client = Client::tls(
        gateway.address("public"),
        &tls(directory.path(), Some("billing")),
        "localhost",
    )
    .unwrap();
    assert_eq!(client.get("localhost", "/child/random.txt").status, 200);
    assert!(expiry > 0.0);
}

#[test]
fn a_taken_port_is_said_with_the_listeners_name() {
    let (directory, nginx) = stage();
    let taken = std::net::TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    write_store(directory.path());
    write_config(directory.path(), &config(&nginx, &address));
    let file = directory.path().join("gateway.toml").display().to_string();
    let output = run(PROGRAM, &["run", "--config", &file]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("listener \"public\"") && said.contains(&address),
        "{said}"
    );
    assert!(fs::metadata(&file).is_ok());
}
