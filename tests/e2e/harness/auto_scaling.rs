//! EC2 Auto Scaling as far as it can be had here: it verifies what it is sent, and says it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::nginx::free_address;
use super::{python, wait_for};

pub struct AutoScaling {
    child: Child,
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl AutoScaling {
    pub fn start() -> Self {
        let address = free_address();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/autoscaling_standin.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg(address.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stand-in starts");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let kept = heard.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let action = serde_json::from_str(&line).expect("JSON");
                kept.lock().expect("no panic").push(action);
            }
        });
        wait_for("the stand-in", || TcpStream::connect(address).ok());
        Self {
            child,
            address,
            heard,
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The actions that it took, so far.
    pub fn heard(&self) -> Vec<Value> {
        self.heard.lock().expect("no panic").clone()
    }
}

impl Drop for AutoScaling {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
