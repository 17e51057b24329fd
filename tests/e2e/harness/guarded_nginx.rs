//! The real nginx over TLS, which lets nobody in but the gateway: with the snippets that are
//! shipped, and a log of what it saw of each handshake.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::nginx::free_address;
use super::wait_for;

pub struct GuardedNginx {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

/// What nginx saw of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub status: String,
    pub protocol: String,
    /// `$ssl_session_reused`: `r` when the session was.
    pub resumed: bool,
    /// `$connection_requests`: 1 for the first of its connection.
    pub of_connection: usize,
    /// SHA-1 of the certificate that it was shown; `-` for none.
    pub fingerprint: String,
}

impl GuardedNginx {
    /// `directory` has `origin.pem` and `origin.key`, and `accepted` what is accepted; `more` is
    /// added to the server.
    pub fn start(directory: &Path, accepted: &Path, more: &str) -> Self {
        let address = free_address();
        let home = directory.join(format!("guarded-{}", address.port()));
        fs::create_dir_all(&home).expect("a directory");
        for name in ["verify-gateway.conf", "gateway-map.conf"] {
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("deploy/nginx")
                .join(name);
            let text = fs::read_to_string(shipped).expect("a snippet");
            assert!(text.contains("/etc/nginx/countersign/"));
            let text = text.replace("/etc/nginx/countersign", &accepted.display().to_string());
            fs::write(home.join(name), text).expect("a file");
        }
        let config = format!(
            "daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log info;
             events {{ worker_connections 512; }}
             http {{
               log_format seen '$status $ssl_protocol $ssl_session_reused $connection_requests $ssl_client_fingerprint -';
               access_log {home}/seen.log seen;
               client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
               fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
               include {home}/gateway-map.conf;
               server {{
                 listen {address} ssl;
                 ssl_certificate {directory}/origin.pem;
                 ssl_certificate_key {directory}/origin.key;
                 include {home}/verify-gateway.conf;
                 {more}
                 location / {{ return 200 \"for the gateway only\"; }}
               }}
             }}",
            home = home.display(),
            directory = directory.display(),
        );
        let file = home.join("nginx.conf");
        fs::write(&file, config).expect("a file");
        let child = Command::new("/usr/sbin/nginx")
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts; tests/prepare installs it");
        wait_for("nginx", || TcpStream::connect(address).ok());
        Self {
            child,
            address,
            log: home.join("seen.log"),
        }
    }

    /// Has it read its configuration anew, at some time after this.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        // It may have ended; then the test says so.
        let _ = Command::new("kill").args(["-s", name, &id]).status();
    }

    /// The requests that it has seen.
    pub fn seen(&self) -> Vec<Seen> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let of = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            Seen {
                status: words[0].to_owned(),
                protocol: words[1].to_owned(),
                resumed: words[2] == "r",
                of_connection: words[3].parse().expect("a number"),
                fingerprint: words[4].to_owned(),
            }
        };
        text.lines().map(of).collect()
    }

    /// Waits until it has seen so many requests.
    pub fn seen_all(&self, count: usize) -> Vec<Seen> {
        wait_for("nginx's log", || {
            Some(self.seen()).filter(|seen| seen.len() >= count)
        })
    }
}

impl Drop for GuardedNginx {
    fn drop(&mut self) {
        // Its worker ends with it, unless it is killed.
        self.signal("TERM");
        let _ = self.child.wait();
    }
}
