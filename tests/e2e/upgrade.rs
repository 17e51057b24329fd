//! The program is replaced while it serves: no request is lost, no signature is good twice, and the
//! service manager and the operator are told.

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tempfile::tempdir;

use crate::harness::client::{Client, Client2, tls};
use crate::harness::gateway::{Gateway, ID, PROGRAM, REGION, SERVICE, write_config};
use crate::harness::nginx::{Nginx, free_address};
use crate::harness::recorder::Recorder;
use crate::harness::signed::Signed;
use crate::harness::traffic::{
    Load, WebSockets, keep_alive, slow_uploads, stage, streams, wait_for_more,
};
use crate::harness::{run, text, wait_for};

fn config(nginx: &Nginx, websockets: SocketAddr) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "certified"
integration = "nginx"
[[route]]
path = "/ws"
method = "GET"
policy = "certified"
integration = "websockets"
[[integration]]
name = "nginx"
type = "http_proxy"
targets = ["{}"]
[[integration]]
name = "websockets"
type = "http_proxy"
targets = ["{websockets}"]
"#,
        nginx.address
    )
}

#[test]
fn three_upgrades_and_one_that_fails_lose_no_request() {
    let (directory, nginx) = stage();
    let target = free_address();
    let _websockets = WebSockets::server(target);
    let good = config(&nginx, target);
    let mut gateway = Gateway::start(directory.path(), &good);
    let (address, url) = (gateway.address("public"), gateway.url("/ws"));
    let config = tls(directory.path(), Some("billing"));
    let load = Arc::new(Load {
        always: true,
        ..Load::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // It talks from before the first upgrade until after the last, over one connection.
    let url = url.replace("https:", "wss:");
    let (caller, said) = WebSockets::caller(&url, directory.path());
    let mut processes = vec![gateway.process()];
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| keep_alive(address, &config, &load));
        }
        for _ in 0..2 {
            scope.spawn(|| slow_uploads(address, &config, &load));
        }
        let (http2, config) = (load.clone(), config.clone());
        scope.spawn(move || runtime.block_on(streams(address, config, http2)));
        // What panics in here must not leave the others running.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for_more(&load, 50);
            for round in 0..3 {
                let after = gateway.upgrade().unwrap();
                processes.push(after);
                wait_for_more(&load, 50);
                if round == 1 {
                    write_config(
                        directory.path(),
                        &good.replace("\"certified\"\nint", "\"?\"\nint"),
                    );
                    let why = gateway.upgrade().unwrap_err();
                    assert!(why.contains("gateway.toml:"), "{why}");
                    assert_eq!(gateway.process(), after);
                    write_config(directory.path(), &good);
                    wait_for_more(&load, 50);
                }
            }
        }));
        load.over.store(true, Ordering::SeqCst);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let heard = caller.stop(said);
    let count = heard.strip_suffix(" heard\n").map(str::parse::<u32>);
    assert!(matches!(count, Some(Ok(100..))), "{heard:?}");
    // The first process goes with its last caller, and then those that it has asked.
    for process in &processes[..3] {
        gateway.wait_for_end_of(*process);
    }
    let (served, failed) = (
        load.served.load(Ordering::SeqCst),
        load.failed.load(Ordering::SeqCst),
    );
    assert_eq!(failed, 0, "of {served}");
    eprintln!("{served} requests were served, and {heard}");
    let cut_off = |line: &&String| line.contains("were cut off");
    assert_eq!(gateway.said().iter().find(cut_off), None);
}

fn once(upstream: SocketAddr) -> String {
    format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "once"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}", refuse_replays = true }}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "once"
integration = "recorder"
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{upstream}"]
"#
    )
}

#[test]
fn a_signature_is_good_once_whichever_process_hears_it() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let mut gateway = Gateway::start(directory.path(), &once(upstream.address));
    let address = gateway.address("plain");
    let connect = || Client::plain(address);
    let status = |client: &mut Client, request: &Signed| {
        let answer = client.try_ask(&request.bytes()).unwrap();
        (answer.status, answer.code())
    };
    let replayed = (403, "signature_replayed".to_owned());
    let requests: Vec<Signed> = (0..6).map(|n| Signed::get(&format!("/{n}"))).collect();
    // These stay with the first process, for one more request each.
    let mut first: Vec<Client> = (0..3).map(|_| connect()).collect();
    for (client, request) in first.iter_mut().zip(&requests) {
        assert_eq!(status(client, request).0, 200);
    }
    let old = gateway.process();
    gateway.upgrade().unwrap();
    // What the first heard before, the second knows.
    assert_eq!(status(&mut connect(), &requests[0]), replayed);
    // What the second hears, the first knows.
    assert_eq!(status(&mut connect(), &requests[3]).0, 200);
    assert_eq!(status(&mut first[0], &requests[3]), replayed);
    // What the first hears after, the second knows.
    assert_eq!(status(&mut first[1], &requests[4]).0, 200);
    assert_eq!(status(&mut connect(), &requests[4]), replayed);
    // And what it knew before, the first knows still.
    assert_eq!(status(&mut first[2], &requests[1]), replayed);
    gateway.wait_for_end_of(old);
    // A third knows what the first told the second, and a process that has handed over twice is told
    // what the last hears.
    let mut second = connect();
    assert_eq!(status(&mut second, &Signed::get("/second")).0, 200);
    gateway.upgrade().unwrap();
    gateway.upgrade().unwrap();
    let late = Signed::get("/late");
    assert_eq!(status(&mut connect(), &late).0, 200);
    assert_eq!(status(&mut second, &late), replayed);
    for request in &requests[..5] {
        assert_eq!(
            status(&mut connect(), request),
            replayed,
            "{}",
            request.target
        );
    }
    assert_eq!(status(&mut connect(), &requests[5]).0, 200);
}

#[test]
fn a_caller_who_waits_is_served_and_told_not_to_come_back() {
    let (directory, nginx) = stage();
    let mut gateway = Gateway::start(directory.path(), &config(&nginx, free_address()));
    let (address, config) = (
        gateway.address("public"),
        tls(directory.path(), Some("billing")),
    );
    let mut waits = Client::tls(address, &config, "localhost").unwrap();
    let mut silent = Client::tls(address, &config, "localhost").unwrap();
    let mut streams = Client2::tls(address, &config, "localhost");
    assert_eq!(waits.get("localhost", "/child/random.txt").status, 200);
    assert_eq!(streams.get("localhost", "/child/random.txt").0, 200);
    let old = gateway.process();
    gateway.upgrade().unwrap();
    for client in [&mut waits, &mut silent] {
        let answer = client.get("localhost", "/child/random.txt");
        assert_eq!(answer.status, 200);
        assert!(answer.closes(), "{}", answer.head);
        assert!(client.is_closed());
    }
    gateway.wait_for_end_of(old);
    let said = gateway.said().join("\n");
    assert!(said.contains("Every request was answered."), "{said}");
}

#[test]
fn what_was_only_read_at_a_start_is_read_by_the_successor() {
    let (directory, nginx) = stage();
    let target = free_address();
    let extra = free_address();
    let good = config(&nginx, target);
    let mut gateway = Gateway::start(directory.path(), &good);
    let more = format!("[[listener]]\nname = \"more\"\naddress = \"{extra}\"\n");
    write_config(directory.path(), &(good.clone() + &more));
    let file = directory.path().join("gateway.toml");
    let text_of_it = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text_of_it.replace("access.log", "other.log")).unwrap();
    gateway.upgrade().unwrap();
    let mut client = Client::plain(extra);
    assert_eq!(client.get("a", "/child/random.txt").status, 403);
    wait_for("the other log", || {
        let log = std::fs::read_to_string(directory.path().join("other.log")).ok()?;
        log.contains("certificate_required").then_some(())
    });
    // A listener that the successor does not have is closed.
    write_config(directory.path(), &good);
    let old = gateway.process();
    gateway.upgrade().unwrap();
    drop(client);
    gateway.wait_for_end_of(old);
    assert!(std::net::TcpStream::connect(extra).is_err());
}

#[test]
fn the_end_of_an_old_process_that_still_leaves_may_be_asked_for() {
    let (directory, nginx) = stage();
    let mut gateway = Gateway::start(directory.path(), &config(&nginx, free_address()));
    let config = tls(directory.path(), Some("billing"));
    let mut waits = Client::tls(gateway.address("public"), &config, "localhost").unwrap();
    assert_eq!(waits.get("localhost", "/child/random.txt").status, 200);
    let old = gateway.process();
    gateway.upgrade().unwrap();
    gateway.signal_to(old, "TERM");
    assert!(waits.is_closed());
    gateway.wait_for_end_of(old);
}

#[test]
fn the_service_manager_is_told_whose_the_service_is() {
    let (directory, nginx) = stage();
    let socket = directory.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_nonblocking(true).unwrap();
    let environment = [
        ("NOTIFY_SOCKET", socket.to_str().unwrap()),
        ("WATCHDOG_USEC", "100000"),
    ];
    let good = config(&nginx, free_address());
    let mut gateway = Gateway::start_in(directory.path(), &good, &environment);
    let heard = |line: &str| {
        wait_for(line, || {
            let mut space = [0; 4096];
            let length = manager.recv(&mut space).ok()?;
            let message = text(&space[..length]);
            message.lines().any(|one| one == line).then_some(())
        });
    };
    heard("READY=1");
    let process = gateway.upgrade().unwrap();
    heard("STATUS=A successor starts.");
    heard(&format!("MAINPID={process}"));
    // The successor's own, which the manager listens to only from then on.
    heard("READY=1");
    heard("WATCHDOG=1");
}

#[test]
fn the_operator_asks_with_a_command_and_is_told_what_came_of_it() {
    let (directory, nginx) = stage();
    let admin = free_address();
    let good = format!(
        "[gateway]\naccess_log = \"access.log\"\n[admin]\naddress = \"{admin}\"\n{}",
        config(&nginx, free_address())
    );
    let gateway = Gateway::start(directory.path(), &good);
    let file = directory.path().join("gateway.toml");
    let file = file.to_str().unwrap();
    let ask = |more: &[&str]| run(PROGRAM, &[&["upgrade", "--config", file], more].concat());
    let output = ask(&[]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let number = said
        .strip_prefix("process ")
        .and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    let successor = Successor(number.unwrap());
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
    assert_ne!(successor.0, gateway.process());
    // One that leaves is not the one to ask.
    let other = std::process::id().to_string();
    let output = ask(&["--pid", &other]);
    assert_eq!(output.status.code(), Some(1));
    let why = text(&output.stderr);
    assert!(why.contains("is not the one that answers"), "{why}");
    // What the command itself sees is wrong does not come to the gateway.
    write_config(
        directory.path(),
        &good.replace("\"certified\"\nint", "\"?\"\nint"),
    );
    let output = ask(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("gateway.toml:"));
    // What it does not see, the gateway tells.
    let taken = std::net::TcpListener::bind(free_address()).unwrap();
    let more = format!(
        "[[listener]]\nname = \"taken\"\naddress = \"{}\"\n",
        taken.local_addr().unwrap()
    );
    write_config(directory.path(), &(good + &more));
    let output = ask(&[]);
    assert_eq!(output.status.code(), Some(1));
    let why = text(&output.stderr);
    assert!(why.contains("listener \"taken\" cannot listen"), "{why}");
    assert!(
        why.contains(&format!("process {} serves on", successor.0)),
        "{why}"
    );
}

/// Ends with the test.
struct Successor(u32);

impl Drop for Successor {
    fn drop(&mut self) {
        crate::harness::gateway::kill(self.0);
    }
}

#[test]
fn the_command_ends_nobody_who_is_no_gateway() {
    let directory = tempdir().unwrap();
    let (nginx_directory, nginx) = stage();
    let good = config(&nginx, free_address());
    for name in ["ca.pem", "server.pem", "server.key"] {
        std::fs::copy(
            nginx_directory.path().join(name),
            directory.path().join(name),
        )
        .unwrap();
    }
    std::fs::write(
        directory.path().join("gateway.toml"),
        format!("[gateway]\naccess_log = \"off\"\n{good}"),
    )
    .unwrap();
    let file = directory.path().join("gateway.toml");
    let file = file.to_str().unwrap();
    let output = run(PROGRAM, &["upgrade", "--config", file]);
    assert!(text(&output.stderr).contains("give --pid"));
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let id = other.id().to_string();
    let output = run(PROGRAM, &["upgrade", "--config", file, "--pid", &id]);
    let why = text(&output.stderr);
    assert!(why.contains("is no gateway"), "{why}");
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}
