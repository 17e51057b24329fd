//! A successor that does not start, in each of the ways in which it may not: the old process serves
//! on, says why, and remembers what it remembered.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::harness::client::Client;
use crate::harness::gateway::{Gateway, ID, PROGRAM, REGION, SERVICE, write_config};
use crate::harness::signed::Signed;
use crate::harness::{run, wait_for};

fn config() -> String {
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
integration = "hello"
[[integration]]
name = "hello"
type = "mock"
status = 200
body = "hello"
"#
    )
}

/// A gateway whose program's file may be replaced.
struct Stage {
    gateway: Gateway,
    program: PathBuf,
    used: Signed,
    directory: TempDir,
    failures: usize,
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let program = directory.path().join("countersign");
        symlink(PROGRAM, &program).unwrap();
        let gateway = Gateway::start_as(&program, directory.path(), &config(), &[]);
        let stage = Self {
            gateway,
            program,
            used: Signed::get("/used"),
            directory,
            failures: 0,
        };
        assert_eq!(stage.send(&stage.used), (200, String::new()));
        stage
    }

    fn send(&self, request: &Signed) -> (u16, String) {
        let mut client = Client::plain(self.gateway.address("plain"));
        let answer = client.try_ask(&request.bytes()).unwrap();
        (answer.status, answer.code())
    }

    fn replace(&self, script: &str) {
        let new = self.directory.path().join("new");
        fs::write(&new, script).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &self.program).unwrap();
    }

    /// Why it is not upgraded; everything else is as it was.
    fn fails(&mut self) -> String {
        let process = self.gateway.process();
        let why = self.gateway.upgrade().unwrap_err();
        assert_eq!(self.gateway.process(), process);
        let replayed = (403, "signature_replayed".to_owned());
        assert_eq!(self.send(&self.used), replayed, "{why}");
        self.failures += 1;
        let fresh = Signed::get(&format!("/{}", self.failures));
        assert_eq!(self.send(&fresh).0, 200, "{why}");
        assert_eq!(self.send(&fresh), replayed, "{why}");
        assert_eq!(self.gateway.admin("/readyz").0, 200);
        let said = self.gateway.said().join("\n");
        assert!(said.contains("The program was not upgraded"), "{said}");
        why
    }
}

#[test]
fn a_program_that_is_missing_or_none_or_ends() {
    let mut stage = Stage::new();
    fs::remove_file(&stage.program).unwrap();
    assert!(stage.fails().contains("cannot be started"));
    stage.replace("this is no program");
    assert!(stage.fails().contains("cannot be started"));
    stage.replace("#!/bin/sh\nexit 3\n");
    assert!(stage.fails().contains("exit status: 3"));
    stage.replace("#!/bin/sh\nkill -SEGV $$\n");
    assert!(stage.fails().contains("exit status: 139"));
    let failed = stage.gateway.metric("countersign_upgrades_total", "failed");
    assert_eq!(failed, 4.0);
    // The right one again.
    fs::remove_file(&stage.program).unwrap();
    symlink(PROGRAM, &stage.program).unwrap();
    stage.gateway.upgrade().unwrap();
    let replayed = (403, "signature_replayed".to_owned());
    assert_eq!(stage.send(&stage.used), replayed);
    let succeeded = stage
        .gateway
        .metric("countersign_upgrades_total", "succeeded");
    assert_eq!(succeeded, 1.0);
}

#[test]
fn a_program_that_speaks_otherwise() {
    let mut stage = Stage::new();
    // Through the standard input, as a successor would, but nonsense.
    for nonsense in [
        r"\011\000\000\000\000",
        r"\000\377\377\377\377",
        r"\004\000\000\000\000",
        r"\007\000\000\000\001\000",
    ] {
        stage.replace(&format!("#!/bin/sh\nprintf '{nonsense}' >&0\nsleep 60\n"));
        let why = stage.fails();
        assert!(why.contains("not understood"), "{why}");
    }
    // It is prepared, takes in what was remembered, and ends.
    stage.replace("#!/bin/sh\nprintf '\\000\\000\\000\\000\\004\\000\\000\\000\\001' >&0\nhead -c 60 >/dev/null\n");
    assert!(stage.fails().contains("the successor ended"));
}

#[test]
fn a_configuration_that_is_wrong_by_then() {
    let mut stage = Stage::new();
    let directory: &Path = stage.directory.path();
    write_config(
        directory,
        &config().replace("\"once\"\nint", "\"twice\"\nint"),
    );
    let why = stage.fails();
    assert!(why.contains("gateway.toml:"), "{why}");
    let page = stage.gateway.admin("/status").1;
    assert!(page.contains("Last upgrade"), "{page}");
    assert_eq!(
        stage.gateway.metric("countersign_upgrades_total", "failed"),
        1.0
    );
    fs::remove_file(stage.directory.path().join("credentials.toml")).unwrap();
    write_config(stage.directory.path(), &config());
    assert!(stage.fails().contains("credentials.toml"));
}

#[test]
fn a_store_of_used_signatures_that_cannot_be_reached() {
    let mut stage = Stage::new();
    let nobody = crate::harness::nginx::free_address();
    let store = format!(
        "[replay_memory]\nservers = [\"redis://{nobody}\"]\n{}",
        config()
    );
    write_config(stage.directory.path(), &store);
    let why = stage.fails();
    assert!(why.contains("the store of used signatures"), "{why}");
}

#[test]
fn a_successor_that_is_killed_takes_its_predecessor_with_it() {
    let mut stage = Stage::new();
    let old = stage.gateway.process();
    // It keeps the old process from having nothing left to do.
    let mut waits = Client::plain(stage.gateway.address("plain"));
    let fresh = Signed::get("/fresh");
    assert_eq!(waits.try_ask(&fresh.bytes()).unwrap().status, 200);
    let new = stage.gateway.upgrade().unwrap();
    stage.gateway.signal_to(new, "KILL");
    // Nobody accepts any more: what starts another is told by this one's end.
    assert!(waits.is_closed());
    stage.gateway.wait_for_end_of(old);
    let said = stage.gateway.said().join("\n");
    assert!(said.contains("the successor has ended"), "{said}");
}

#[test]
fn the_first_process_of_a_container_does_not_leave() {
    let directory = tempdir().unwrap();
    let admin = crate::harness::nginx::free_address();
    let process = format!("[gateway]\naccess_log = \"off\"\n[admin]\naddress = \"{admin}\"\n");
    let hello = config().split("[[consumer]]").next().unwrap().to_owned();
    let open = "[[route]]\npath = \"/\"\nmethod = \"GET\"\npolicy = \"open\"\nintegration = \"hello\"\n\
        [[integration]]\nname = \"hello\"\ntype = \"mock\"\nstatus = 200\n";
    write_config(directory.path(), &(process + &hello + open));
    let mut container = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--pid",
            "--fork",
            "--kill-child",
            PROGRAM,
        ])
        .args(["run", "--config"])
        .arg(directory.path().join("gateway.toml"))
        .spawn()
        .unwrap();
    let status = || {
        let mut client = Client::over(std::net::TcpStream::connect(admin).ok()?);
        let answer = client
            .try_ask(b"GET /status.json HTTP/1.1\r\nHost: a\r\n\r\n")
            .ok()?;
        serde_json::from_slice::<serde_json::Value>(&answer.body).ok()
    };
    assert_eq!(wait_for("the gateway", status)["process"], 1);
    let children = format!("/proc/{0}/task/{0}/children", container.id());
    let first = fs::read_to_string(children).unwrap();
    assert!(run("kill", &["-s", "USR2", first.trim()]).status.success());
    let after = wait_for("a failure", || {
        status().filter(|status| status["upgrades_failed"] == 1)
    });
    let why = after["last_upgrade"]["why"].as_str().unwrap();
    assert!(why.contains("first process of its container"), "{why}");
    container.kill().unwrap();
    container.wait().unwrap();
}
