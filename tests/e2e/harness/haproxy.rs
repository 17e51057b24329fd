//! The real HAProxy, which passes TCP on with a PROXY header.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::nginx::free_address;
use super::wait_for;

/// Where its connections to the gateway come from.
pub const FROM: &str = "127.0.0.9";

pub struct Haproxy {
    child: Child,
    pub address: SocketAddr,
}

impl Haproxy {
    /// Passes connections on to `server` with these words of its `server` line; `bind` is what
    /// its own `bind` line has beyond the address.
    pub fn start(directory: &Path, bind: &str, server: SocketAddr, words: &str) -> Self {
        let address = free_address();
        let config = format!(
            "global\n    maxconn 100\n    tune.ssl.default-dh-param 2048\n\
             defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 30s\n    timeout server 30s\n\
             listen all\n    bind {address} {bind}\n    server gateway {server} source {FROM} {words}\n"
        );
        let file = directory.join(format!("haproxy-{}.cfg", address.port()));
        fs::write(&file, config).expect("a file");
        let child = Command::new("/usr/sbin/haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy starts; tests/prepare installs it");
        let haproxy = Self { child, address };
        wait_for("haproxy", || TcpStream::connect(address).ok());
        haproxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
