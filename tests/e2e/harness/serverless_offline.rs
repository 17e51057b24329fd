//! serverless-offline, an emulator of API Gateway that others wrote, in front of a function of
//! its own that answers with its event.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::nginx::free_address;
use super::wait_for;

pub struct ServerlessOffline {
    child: Child,
    pub address: SocketAddr,
}

impl ServerlessOffline {
    /// Starts it in an empty directory.
    pub fn start(directory: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join("target/serverless/node_modules");
        assert!(modules.exists(), "run tests/prepare first, or make test");
        for name in ["serverless.yml", "handler.js"] {
            let file = root.join("tests/e2e/serverless_offline").join(name);
            fs::copy(file, directory.join(name)).expect("a copy");
        }
        let program = modules.join("serverless/bin/serverless.js");
        std::os::unix::fs::symlink(modules, directory.join("node_modules")).expect("a link");
        let (address, inner) = (free_address(), free_address());
        let log = fs::File::create(directory.join("serverless.log")).expect("a file");
        let child = Command::new("node")
            .arg(program)
            .args(["offline", "start"])
            .args(["--httpPort", &address.port().to_string()])
            .args(["--lambdaPort", &inner.port().to_string()])
            .current_dir(directory)
            .env("HOME", directory)
            .envs(QUIET)
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("serverless starts");
        let mut started = Self { child, address };
        started.wait(directory);
        started
    }

    fn wait(&mut self, directory: &Path) {
        wait_for("serverless-offline", || {
            let said = fs::read_to_string(directory.join("serverless.log")).expect("a log");
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "serverless ended: {said}");
            said.contains("Server ready").then_some(())
        });
    }
}

/// Nothing is asked of anybody else: neither for news nor for credentials.
const QUIET: [(&str, &str); 5] = [
    ("SLS_TELEMETRY_DISABLED", "1"),
    ("SLS_TRACKING_DISABLED", "1"),
    ("SLS_NOTIFICATIONS_MODE", "off"),
    ("AWS_ACCESS_KEY_ID", "none"),
    ("AWS_SECRET_ACCESS_KEY", "none"),
];

impl Drop for ServerlessOffline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
