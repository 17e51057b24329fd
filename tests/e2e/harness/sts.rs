//! STS as far as it can be had here: it verifies what it is sent.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{python, wait_for};

/// Keys that it knows, of the roles `app` and `evil`.
pub const APP: [&str; 2] = ["ASIAEXAMPLEAPP", "app-secret"];
pub const EVIL: [&str; 2] = ["ASIAEXAMPLEEVIL", "evil-secret"];
/// Who the first of them is.
pub const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/app/*";

pub struct Sts {
    child: Child,
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Sts {
    pub fn start(address: SocketAddr) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/sts_standin.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg(address.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stand-in starts");
        let asked = Arc::new(AtomicUsize::new(0));
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let count = asked.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The host that was signed, not the one that was asked.
                assert_eq!(line, "sts.us-west-2.amazonaws.com");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        wait_for("the stand-in", || TcpStream::connect(address).ok());
        Self {
            child,
            address,
            asked,
        }
    }

    /// How often it was asked, once it was asked so often.
    pub fn asked(&self, at_least: usize) -> usize {
        wait_for("a question", || {
            let asked = self.asked.load(Ordering::Relaxed);
            (asked >= at_least).then_some(asked)
        })
    }
}

impl Drop for Sts {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
