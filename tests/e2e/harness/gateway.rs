//! The gateway as a process of its own, as users run it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::wait_for;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
pub const REGION: &str = "us-west-2";
pub const SERVICE: &str = "execute-api";
pub const ID: &str = "CSTESTBILLING";
pub const SECRET: &str = "a-secret-that-only-the-tests-know";
pub const OTHER_ID: &str = "CSTESTSHIPPING";
pub const OTHER_SECRET: &str = "another-secret-that-only-tests-know";
pub const HOOK_ID: &str = "CSTESTHOOK";
pub const HOOK_SECRET: &str = "whsec_a-secret-of-a-sender-of-webhooks";
pub const OLD_HOOK_ID: &str = "CSTESTOLDHOOK";
pub const OLD_HOOK_SECRET: &str = "whsec_the-secret-before-it-was-changed";

pub struct Gateway {
    child: Child,
    pub directory: PathBuf,
    listeners: HashMap<String, SocketAddr>,
    admin: SocketAddr,
    stderr: Arc<Mutex<Vec<String>>>,
    /// Processes that have taken over, the last of which serves.
    successors: Vec<u32>,
}

impl Gateway {
    /// Starts a gateway with `config`, to which the process's own tables are added. Every
    /// address in it has port 0.
    pub fn start(directory: &Path, config: &str) -> Self {
        Self::start_in(directory, config, &[])
    }

    /// The same, with more in its environment.
    pub fn start_in(directory: &Path, config: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_as(Path::new(PROGRAM), directory, config, environment)
    }

    /// The same of a program that lies elsewhere.
    pub fn start_as(
        program: &Path,
        directory: &Path,
        config: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        if !directory.join("credentials.toml").exists() {
            write_store(directory);
        }
        write_config(directory, config);
        Self::start_program(program, directory, environment)
    }

    /// A gateway with the configuration that is there.
    pub fn start_as_it_is(directory: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_program(Path::new(PROGRAM), directory, environment)
    }

    fn start_program(program: &Path, directory: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(["run", "--config"])
            .arg(directory.join("gateway.toml"))
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway starts");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let kept = stderr.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().expect("no panic").push(line);
            }
        });
        let mut gateway = Self {
            child,
            directory: directory.to_owned(),
            listeners: HashMap::new(),
            admin: ([127, 0, 0, 1], 0).into(),
            stderr,
            successors: Vec::new(),
        };
        wait_for("readiness", || {
            if let Some(status) = gateway.child.try_wait().expect("a child") {
                panic!("the gateway ended with {status}: {:#?}", gateway.said());
            }
            gateway
                .said()
                .iter()
                .any(|line| line.ends_with("Ready."))
                .then_some(())
        });
        gateway.learn_addresses();
        gateway
    }

    fn learn_addresses(&mut self) {
        for line in self.said() {
            let word = |key: &str| {
                let rest = line.split_once(&format!("{key}="))?.1;
                Some(rest.split(' ').next().unwrap_or(rest).to_owned())
            };
            let Some(address) = word("address").and_then(|text| text.parse().ok()) else {
                continue;
            };
            match word("listener") {
                Some(name) => drop(self.listeners.insert(name, address)),
                None => self.admin = address,
            }
        }
    }

    pub fn said(&self) -> Vec<String> {
        self.stderr.lock().expect("no panic").clone()
    }

    pub fn address(&self, listener: &str) -> SocketAddr {
        self.listeners[listener]
    }

    /// `https://localhost:PORT` of the listener called `public`.
    pub fn url(&self, target: &str) -> String {
        format!(
            "https://localhost:{}{target}",
            self.address("public").port()
        )
    }

    pub fn metrics(&self) -> String {
        self.admin("/metrics").1
    }

    /// The id of the process that serves.
    pub fn process(&self) -> u32 {
        self.successors.last().copied().unwrap_or(self.child.id())
    }

    /// Has the gateway hand over to a successor; or why it does not.
    pub fn upgrade(&mut self) -> Result<u32, String> {
        let status =
            || -> Value { serde_json::from_str(&self.admin("/status.json").1).expect("a status") };
        let before = status();
        assert_eq!(before["process"], self.process());
        self.signal("USR2");
        let after = wait_for("an upgrade", || {
            let now = status();
            let failed = now["upgrades_failed"] != before["upgrades_failed"];
            (failed || now["process"] != before["process"]).then_some(now)
        });
        let process = after["process"].as_u64().expect("a number") as u32;
        if process == self.process() {
            let why = after["last_upgrade"]["why"].as_str();
            return Err(why.expect("a reason").to_owned());
        }
        self.successors.push(process);
        Ok(process)
    }

    /// Waits until that process is no more.
    pub fn wait_for_end_of(&mut self, process: u32) {
        wait_for("the end of a process", || {
            if process == self.child.id() {
                return self.child.try_wait().expect("a child").map(drop);
            }
            has_ended(process).then_some(())
        });
    }

    /// A line of `/proc/PID/status`, in bytes.
    pub fn memory(&self, what: &str) -> u64 {
        let file = format!("/proc/{}/status", self.process());
        let status = fs::read_to_string(file).expect("a process");
        let line = status.lines().find(|line| line.starts_with(what));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("kibibytes") * 1024
    }

    /// Where the admin listener is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Asks the admin listener.
    pub fn admin(&self, path: &str) -> (u16, String) {
        let mut client = super::client::Client::plain(self.admin);
        let answer = client.get("admin", path);
        (answer.status, super::text(&answer.body))
    }

    /// The sum of a metric over the label sets that hold `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = self.metrics();
        let lines = text
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(labels));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// The access log so far.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.join("access.log")).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }

    /// Waits for a log line.
    pub fn logged(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || self.log().into_iter().find(&is))
    }

    /// Puts `config` in the place of the old one and reloads; true when it was taken.
    pub fn reload(&self, config: &str) -> bool {
        write_config(&self.directory, config);
        self.reload_as_it_is()
    }

    pub fn reload_as_it_is(&self) -> bool {
        let count = |result| self.metric("countersign_reloads_total", result);
        let (good, bad) = (count("published"), count("failed"));
        self.signal("HUP");
        wait_for("a reload", || match () {
            () if count("published") > good => Some(true),
            () if count("failed") > bad => Some(false),
            () => None,
        })
    }

    pub fn signal(&self, name: &str) {
        self.signal_to(self.process(), name);
    }

    /// The same for one that has handed over.
    pub fn signal_to(&self, process: u32, name: &str) {
        let id = process.to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the process to end by itself.
    pub fn end(&mut self) -> ExitStatus {
        wait_for("the end", || self.child.try_wait().expect("a child"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for process in self.successors.drain(..) {
            kill(process);
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the gateway said: {:#?}", self.said());
            let log = self.log();
            let last = &log[log.len().saturating_sub(5)..];
            for line in last {
                eprintln!("its access log ends: {line}");
            }
        }
    }
}

/// Whether a process has ended, though nobody may have asked how.
pub fn has_ended(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat"));
    status.map_or(true, |status| status.contains(") Z "))
}

/// Ends a process that is no child of this one, if it is still there.
pub fn kill(process: u32) {
    let id = process.to_string();
    let _ = Command::new("kill")
        .args(["-s", "KILL", &id])
        .stderr(Stdio::null())
        .status();
}

/// A configuration that brings a `[gateway]` of its own is taken as it is.
pub fn write_config(directory: &Path, config: &str) {
    let process = "[gateway]\ncredential_store = \"credentials.toml\"\naccess_log = \"access.log\"\n\
         drain_grace_secs = 1\ndrain_timeout_secs = 10\nthreads = 2\n[admin]\naddress = \"127.0.0.1:0\"\n";
    let process = match config.contains("[gateway]") {
        true => "",
        false => process,
    };
    fs::write(directory.join("gateway.toml"), format!("{process}{config}")).expect("a file");
}

pub fn write_store(directory: &Path) {
    let file = directory.join("credentials.toml");
    let entry = |id, secret| format!("[[credential]]\nid = \"{id}\"\nsecret = \"{secret}\"\n");
    let hook = |id, secret| entry(id, secret) + "scheme = \"hmac\"\n";
    let text = entry(ID, SECRET)
        + &entry(OTHER_ID, OTHER_SECRET)
        + &hook(HOOK_ID, HOOK_SECRET)
        + &hook(OLD_HOOK_ID, OLD_HOOK_SECRET);
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
}
