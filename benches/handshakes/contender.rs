//! A server that is measured: started with one worker on the first core, ended when dropped. In:
//! its configuration. Out: where it listens, and what it has used of processor and memory.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::material::{Material, URI};

const CORE: &str = "0";

/// A server at work.
pub struct Contender {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
    /// Whose processor time counts.
    worker: u32,
}

impl Contender {
    pub fn nginx(material: &Material) -> Self {
        let address = free_address();
        let directory = material.path("");
        let config = format!(
            "worker_processes 1; daemon off; pid {d}/nginx.pid; error_log {d}/nginx.log crit;
             events {{ worker_connections 1024; }}
             http {{
               access_log off;
               client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f;
               uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
               server {{
                 listen {address} ssl backlog=1024;
                 ssl_protocols TLSv1.2 TLSv1.3;
                 ssl_certificate {d}/server.pem; ssl_certificate_key {d}/server.key;
                 ssl_client_certificate {d}/ca.pem; ssl_verify_client on;
                 location / {{ return 200 \"ok\"; }}
               }}
             }}",
            d = directory.display(),
        );
        let file = material.write("nginx.conf", config);
        let mut nginx = Self::start(
            "nginx",
            address,
            "/usr/sbin/nginx",
            &[Path::new("-c"), &file],
        );
        nginx.worker = wait_for("nginx's worker", || child_of(nginx.child.id()));
        nginx
    }

    pub fn haproxy(material: &Material) -> Self {
        let address = free_address();
        let directory = material.path("");
        let config = format!(
            "global\n    nbthread 1\n    maxconn 1000\n    tune.ssl.default-dh-param 2048\n\
             defaults\n    mode http\n    timeout connect 10s\n    timeout client 30s\n    timeout server 30s\n\
             frontend all\n    bind {address} ssl crt {d}/server.both ca-file {d}/ca.pem verify required\n\
             \x20   http-request return status 200 content-type text/plain string ok\n",
            d = directory.display(),
        );
        let file = material.write("haproxy.cfg", config);
        let words = [Path::new("-db"), Path::new("-f"), &file];
        Self::start("HAProxy", address, "/usr/sbin/haproxy", &words)
    }

    /// `revocation` is what the trust store has of that key, such as `{ crls = ["list.der"] }`.
    pub fn gateway(material: &Material, revocation: Option<&str>) -> Self {
        let address = free_address();
        let revocation = revocation.map(|one| format!("revocation = {one}\n"));
        let config = format!(
            r#"
[gateway]
threads = 1
access_log = "off"
[[trust_store]]
name = "clients"
authorities = ["ca.pem"]
{}
[[listener]]
name = "public"
address = "{address}"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "required", trust_store = "clients" }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "{URI}" }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/"
method = "GET"
policy = "certified"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
body = "ok"
"#,
            revocation.unwrap_or_default(),
        );
        let file = material.write(&format!("gateway-{}.toml", address.port()), config);
        let words = [Path::new("run"), Path::new("--config"), &file];
        Self::start("Countersign", address, program(), &words)
    }

    fn start(
        name: &'static str,
        address: SocketAddr,
        program: impl AsRef<Path>,
        words: &[&Path],
    ) -> Self {
        let child = Command::new("taskset")
            .args(["-c", CORE])
            .arg(program.as_ref())
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("taskset starts");
        let worker = child.id();
        let contender = Self {
            name,
            address,
            child,
            worker,
        };
        wait_for(name, || TcpStream::connect(address).ok());
        contender
    }

    /// Processor time used so far, of user and system, to a hundredth of a second.
    pub fn processor_time(&self) -> Duration {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.worker)).expect("a process");
        let rest = text.rsplit_once(") ").expect("a name in brackets").1;
        let ticks = rest.split(' ').skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|word| word.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The most memory it has had, in MiB.
    pub fn most_memory(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.worker)).expect("a process");
        let line = text.lines().find(|line| line.starts_with("VmHWM"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("kibibytes") / 1024
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // nginx's worker ends with its master, unless that is killed.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.child.wait();
    }
}

/// `COUNTERSIGN`, or what `cargo build --release` has made.
fn program() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/countersign");
    let program = std::env::var_os("COUNTERSIGN").map_or(made, PathBuf::from);
    assert!(
        program.exists(),
        "there is no {}: run cargo build --release",
        program.display()
    );
    program
}

fn child_of(parent: u32) -> Option<u32> {
    let file = format!("/proc/{parent}/task/{parent}/children");
    fs::read_to_string(file)
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    free.expect("a free port")
}

fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
