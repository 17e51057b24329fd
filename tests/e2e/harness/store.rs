//! A real Valkey or Redis, or a cluster of them.

use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::nginx::free_address;
use super::{run, text, wait_for};

pub struct StoreServer {
    child: Child,
    pub port: u16,
    home: PathBuf,
    options: Vec<String>,
    /// What the command line tool needs to be let in.
    login: Vec<String>,
}

impl StoreServer {
    /// Starts a server that keeps nothing on disk.
    pub fn start(directory: &Path, options: &[&str]) -> Self {
        Self::start_with(directory, options, &[], |port| {
            vec!["--port".to_owned(), port.to_string()]
        })
    }

    /// One that lets nobody in without `password`.
    pub fn start_with_password(directory: &Path, password: &str) -> Self {
        let options = ["--requirepass", password];
        Self::start_with(directory, &options, &["-a", password], |port| {
            vec!["--port".to_owned(), port.to_string()]
        })
    }

    /// One that speaks TLS only, with the certificate `NAME.pem` in `directory`.
    pub fn start_tls(directory: &Path, name: &str, options: &[&str]) -> Self {
        let file = |end: &str| directory.join(end).display().to_string();
        let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        let ca = file("ca.pem");
        let tls = [
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
        ];
        let options: Vec<&str> = tls.iter().chain(options).copied().collect();
        let login = ["--tls", "--cacert", &ca];
        Self::start_with(directory, &options, &login, |port| {
            ["--port", "0", "--tls-port", &port.to_string()]
                .map(str::to_owned)
                .to_vec()
        })
    }

    fn start_with(
        directory: &Path,
        options: &[&str],
        login: &[&str],
        listen: impl Fn(u16) -> Vec<String>,
    ) -> Self {
        let port = free_address().port();
        let home = directory.join(format!("store-{port}"));
        fs::create_dir_all(&home).expect("a directory");
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut all: Vec<String> = owned(&["--bind", "127.0.0.1", "--save", ""]);
        all.extend(listen(port));
        all.extend(owned(options));
        let mut server = Self {
            child: spawn(&home, &all),
            port,
            home,
            options: all,
            login: owned(login),
        };
        server.wait();
        server
    }

    fn wait(&mut self) {
        wait_for("the store", || {
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("the store ended with {status}");
            }
            TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            (self.ask(&["PING"]) == "PONG").then_some(())
        });
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) {
        self.child = spawn(&self.home, &self.options);
        self.wait();
    }

    pub fn signal(&self, name: &str) {
        let sent = run("kill", &["-s", name, &self.child.id().to_string()]);
        assert!(sent.status.success());
    }

    /// What the command line tool prints for a command.
    pub fn ask(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let mut arguments = vec!["--no-auth-warning", "-h", "127.0.0.1", "-p", &port];
        arguments.extend(self.login.iter().map(String::as_str));
        arguments.extend(command);
        let output = run(tool(), &arguments);
        text(&output.stdout).trim_end().to_owned()
    }

    /// Its keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let said = self.ask(&["KEYS", "*"]);
        let mut keys: Vec<_> = said.lines().map(str::to_owned).collect();
        keys.retain(|key| !key.is_empty());
        keys.sort();
        keys
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.home.join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(10)..];
            eprintln!("the store on port {} said: {last:#?}", self.port);
        }
    }
}

/// Three nodes that share the slots.
pub fn cluster(directory: &Path) -> Vec<StoreServer> {
    let nodes: Vec<_> = (0..3).map(|_| node(directory, None)).collect();
    let addresses: Vec<_> = nodes
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port))
        .collect();
    let mut arguments = vec!["--cluster", "create"];
    arguments.extend(addresses.iter().map(String::as_str));
    arguments.extend(["--cluster-replicas", "0", "--cluster-yes"]);
    let made = run(tool(), &arguments);
    assert!(made.status.success(), "{}", text(&made.stdout));
    wait_for("the cluster", || {
        let ready = |node: &StoreServer| {
            node.ask(&["CLUSTER", "INFO"])
                .contains("cluster_state:ok")
                .then_some(())
        };
        nodes.iter().map(ready).collect::<Option<Vec<()>>>()
    });
    nodes
}

/// A cluster of one node, over TLS with the certificate `NAME.pem`.
pub fn cluster_of_one(directory: &Path, certificate: &str) -> StoreServer {
    let node = node(directory, Some(certificate));
    let said = node.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    assert_eq!(said, "OK");
    wait_for("the cluster", || {
        node.ask(&["CLUSTER", "INFO"])
            .contains("cluster_state:ok")
            .then_some(())
    });
    node
}

fn node(directory: &Path, certificate: Option<&str>) -> StoreServer {
    let bus = free_address().port().to_string();
    let mut options = vec!["--cluster-enabled", "yes", "--cluster-port", &bus];
    options.extend(["--cluster-require-full-coverage", "no"]);
    match certificate {
        None => StoreServer::start(directory, &options),
        Some(name) => {
            options.extend(["--tls-cluster", "yes"]);
            StoreServer::start_tls(directory, name, &options)
        }
    }
}

fn spawn(home: &Path, options: &[String]) -> Child {
    let (program, name) = program();
    let log = fs::File::create(home.join("log")).expect("a file");
    Command::new(program)
        .arg0(name)
        .arg("--dir")
        .arg(home)
        .args(options)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .expect("the store starts; tests/prepare installs it")
}

/// The server and its name. The one program of Debian's redis-tools is whatever it is called.
fn program() -> (PathBuf, &'static str) {
    let known = [
        ("valkey-server", "valkey-server"),
        ("redis-server", "redis-server"),
        ("redis-check-rdb", "redis-server"),
    ];
    let found = known
        .into_iter()
        .find_map(|(file, name)| Some((find(file)?, name)));
    found.expect("run tests/prepare first, or make test")
}

fn tool() -> PathBuf {
    let found = ["valkey-cli", "redis-cli"].into_iter().find_map(find);
    found.expect("run tests/prepare first, or make test")
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|directory| directory.join(program));
    files.find(|file| file.is_file())
}
