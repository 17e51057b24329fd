//! What the end-to-end tests stand on: certificates, a gateway process, a real nginx, an
//! upstream that remembers every byte, and clients that say exactly what they are told to.

#![allow(dead_code)]

pub mod auto_scaling;
pub mod case;
pub mod changed;
pub mod client;
pub mod gateway;
pub mod guarded_nginx;
pub mod haproxy;
pub mod http2;
pub mod imds;
pub mod lambda;
pub mod lanes;
pub mod moto;
pub mod nginx;
pub mod openssl_ca;
pub mod pebble;
pub mod pki;
pub mod recorder;
pub mod scripted_lambda;
pub mod scripted_target;
pub mod serverless_offline;
pub mod signed;
pub mod store;
pub mod sts;
pub mod tls_caller;
pub mod traffic;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Waits for a condition; the time only bounds a test that has failed.
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a program to its end.
pub fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .output()
        .expect("the program starts")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where the packages of npm are; `tests/prepare` installs them.
pub fn node_home() -> std::path::PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/node");
    assert!(home.exists(), "run tests/prepare first, or make test");
    home
}

/// The Python that has the signers of PyPI; `tests/prepare` makes it.
pub fn python() -> std::path::PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    assert!(python.exists(), "run tests/prepare first, or make test");
    python
}
