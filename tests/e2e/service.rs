//! The gateway under a service manager: what it tells systemd, and sockets that systemd has opened.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::{Gateway, PROGRAM, write_config, write_store};
use crate::harness::nginx::free_address;
use crate::harness::{text, wait_for};

fn config(address: &str) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "{address}"
[[route]]
path = "/"
method = "GET"
policy = "open"
integration = "hello"
[[integration]]
name = "hello"
type = "mock"
status = 200
body = "hello"
"#
    )
}

/// A manager that listens.
struct Manager(UnixDatagram);

impl Manager {
    fn start(directory: &Path) -> Self {
        let socket = UnixDatagram::bind(directory.join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    /// Waits until it hears a message with this line, and tells all of that message.
    fn hear(&self, line: &str) -> String {
        wait_for(line, || {
            let mut space = [0; 4096];
            let length = self.0.recv(&mut space).ok()?;
            let message = text(&space[..length]);
            message.lines().any(|one| one == line).then_some(message)
        })
    }
}

#[test]
fn a_service_manager_is_told_how_far_the_gateway_has_come() {
    let directory = tempdir().unwrap();
    let manager = Manager::start(directory.path());
    let socket = directory.path().join("notify");
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap())];
    let config = config("127.0.0.1:0");
    let mut gateway = Gateway::start_in(directory.path(), &config, &environment);
    manager.hear("READY=1");
    assert!(gateway.reload(&config));
    let reloading = manager.hear("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    let ready = manager.hear("READY=1");
    assert!(ready.contains("STATUS=Configuration 2 serves."), "{ready}");
    assert!(!gateway.reload("[[listener]]"));
    let ready = manager.hear("READY=1");
    assert!(ready.contains("was not reloaded"), "{ready}");
    gateway.signal("TERM");
    let stopping = manager.hear("STOPPING=1");
    // drain_timeout_secs and what the process takes beside.
    assert!(
        stopping.contains("EXTEND_TIMEOUT_USEC=15000000"),
        "{stopping}"
    );
    assert!(gateway.end().success());
}

#[test]
fn a_watchdog_hears_of_the_gateway_as_long_as_its_workers_answer() {
    let directory = tempdir().unwrap();
    let manager = Manager::start(directory.path());
    let socket = directory.path().join("notify");
    let environment = [
        ("NOTIFY_SOCKET", socket.to_str().unwrap()),
        ("WATCHDOG_USEC", "100000"),
    ];
    let gateway = Gateway::start_in(directory.path(), &config("127.0.0.1:0"), &environment);
    for _ in 0..3 {
        manager.hear("WATCHDOG=1");
    }
    drop(gateway);
}

/// A gateway that systemd's own tool starts when the first caller comes.
struct Activated(Child);

impl Activated {
    fn start(directory: &Path, socket: &str) -> Self {
        let child = Command::new("systemd-socket-activate")
            .args(["--listen", socket, PROGRAM, "run", "--config"])
            .arg(directory.join("gateway.toml"))
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("systemd-socket-activate of the package systemd"))
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn who_comes_before_the_gateway_runs_is_served_over_the_managers_socket() {
    let directory = tempdir().unwrap();
    let address = free_address();
    write_store(directory.path());
    write_config(directory.path(), &config(&address.to_string()));
    let _activated = Activated::start(directory.path(), &address.to_string());
    let stream = wait_for("the socket", || std::net::TcpStream::connect(address).ok());
    let mut client = Client::over(stream);
    assert_eq!(text(&client.get("localhost", "/").body), "hello");
}

#[test]
fn a_socket_that_no_listener_is_for_is_told_with_the_cure() {
    let directory = tempdir().unwrap();
    let (own, other) = (free_address(), free_address());
    write_store(directory.path());
    write_config(directory.path(), &config(&own.to_string()));
    let script = format!(
        "exec systemd-socket-activate --listen {other} {PROGRAM} run --config {}",
        directory.path().join("gateway.toml").display()
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the socket", || std::net::TcpStream::connect(other).ok());
    let status = wait_for("the end", || child.try_wait().unwrap());
    assert!(!status.success());
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    let cure = format!("hands over a socket on {other}, and no listener has that address");
    assert!(said.contains(&cure), "{said}");
}
