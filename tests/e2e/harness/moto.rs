//! moto, an emulator of AWS that others wrote: here its Secrets Manager and its STS.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::nginx::free_address;
use super::{python, run, text, wait_for};

/// The credentials that moto takes.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "a-secret-that-moto-does-not-check"),
    ("AWS_REGION", "us-west-2"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

pub struct Moto {
    child: Child,
    pub address: SocketAddr,
}

impl Moto {
    pub fn start() -> Self {
        let address = free_address();
        let program = python().with_file_name("moto_server");
        let child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        wait_for("moto", || std::net::TcpStream::connect(address).ok());
        Self { child, address }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs Python with `client`, boto3's for `service`.
    pub fn python(&self, service: &str, script: &str) -> String {
        let script = format!(
            "import boto3\nclient = boto3.client('{service}', endpoint_url='{}', region_name='us-west-2', \
             aws_access_key_id='AKIAIOSFODNN7EXAMPLE', aws_secret_access_key='x')\n{script}",
            self.endpoint()
        );
        let output = run(python(), &["-c", &script]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
