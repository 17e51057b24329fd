//! Pebble, the authority that Let's Encrypt wrote to test clients of ACME against. It knows the
//! machine's names only, so certificates are for `localhost`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::nginx::free_address;
use super::pki::Authority;
use super::wait_for;

pub struct Pebble {
    child: Child,
    address: SocketAddr,
    management: SocketAddr,
}

impl Pebble {
    /// An authority that looks for its challenges at these addresses and issues certificates for
    /// so many seconds. Its own TLS is of `pebble-ca.pem` in `directory`.
    pub fn start(directory: &Path, http: SocketAddr, tls: SocketAddr, seconds: u32) -> Self {
        let ca = Authority::new(directory, "pebble-ca");
        ca.server("pebble", &["localhost"]);
        let (address, management) = (free_address(), free_address());
        let file = |name: &str| directory.join(name).display().to_string();
        let config = serde_json::json!({"pebble": {
            "listenAddress": address.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": file("pebble.pem"),
            "privateKey": file("pebble.key"),
            "httpPort": http.port(),
            "tlsPort": tls.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": seconds,
        }});
        std::fs::write(directory.join("pebble.json"), config.to_string()).expect("a file");
        let child = Command::new("pebble")
            .args(["-config", &file("pebble.json")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble starts");
        for address in [address, management] {
            wait_for("pebble", || std::net::TcpStream::connect(address).ok());
        }
        Self {
            child,
            address,
            management,
        }
    }

    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// The root of what it issues, made anew at every start: PEM.
    pub fn root(&self, directory: &Path) -> String {
        let url = format!("https://localhost:{}/roots/0", self.management.port());
        let ca = directory.join("pebble-ca.pem").display().to_string();
        let output = super::run("curl", &["-sS", "--cacert", &ca, &url]);
        assert!(output.status.success(), "{}", super::text(&output.stderr));
        super::text(&output.stdout)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
