//! Those who invoke: AWS's SDK in a process of its own, and a plain socket; and the gate at which
//! a function waits for a test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use countersign_local_lambda::LocalLambda;
use serde_json::{Value, json};

/// boto3 at work.
pub struct Boto3 {
    child: Child,
    told: BufReader<ChildStdout>,
}

impl Boto3 {
    pub fn start(lambda: &LocalLambda, operation: &str, arguments: Value) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(here.join("../../target/venv/bin/python"))
            .arg(here.join("tests/boto3_invoke.py"))
            .arg(format!("http://{}", lambda.address()))
            .args([operation, &arguments.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("run tests/prepare first, or make test");
        let told = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, told }
    }

    /// The next thing that it tells.
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.told.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("a line of JSON")
    }

    /// Everything that it still tells.
    pub fn all(mut self) -> Vec<Value> {
        let lines = self.told.by_ref().lines();
        let parsed = lines.map(|line| serde_json::from_str(&line.expect("a line")));
        parsed.map(|line| line.expect("a line of JSON")).collect()
    }

    /// All that it tells, which is one thing.
    pub fn last(self) -> Value {
        self.all().pop().expect("an answer")
    }
}

impl Drop for Boto3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What boto3 makes of `Invoke`.
pub fn whole(lambda: &LocalLambda, arguments: Value) -> Value {
    Boto3::start(lambda, "invoke", arguments).last()
}

/// Where functions wait until a test lets them go.
pub struct Gate(TcpListener);

impl Gate {
    pub fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a free port"))
    }

    pub fn query(&self) -> String {
        format!("gate={}", self.0.local_addr().expect("an address"))
    }

    /// For the handler `slow`.
    pub fn event(&self) -> String {
        let address = self.0.local_addr().expect("an address");
        json!({"gate": address.to_string()}).to_string()
    }

    /// Waits until a function is here. It goes on when what is returned is dropped.
    pub fn reached(&self) -> TcpStream {
        self.0.accept().expect("a function").0
    }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

pub fn invoke(address: SocketAddr, function: &str, event: &str) -> Answer {
    invoke_with(address, function, &[], event)
}

pub fn invoke_with(
    address: SocketAddr,
    function: &str,
    headers: &[(&str, &str)],
    event: &str,
) -> Answer {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let mut connection = send(address, &path, headers, event);
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    Answer {
        status: status.parse().expect("a number"),
        head: head.to_string(),
        body: body.to_string(),
    }
}

/// A caller who has asked, and will not wait.
pub fn abandon(address: SocketAddr, function: &str, event: &str) -> TcpStream {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    send(address, &path, &[], event)
}

/// A caller who has read the beginning of a stream.
pub fn abandon_stream(address: SocketAddr, function: &str, event: &str) -> TcpStream {
    let path = format!("/2021-11-15/functions/{function}/response-streaming-invocations");
    let mut connection = send(address, &path, &[], event);
    connection.read_exact(&mut [0]).expect("a first byte");
    connection
}

fn send(address: SocketAddr, path: &str, headers: &[(&str, &str)], event: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).expect("a connection");
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n{event}", event.len());
    connection
        .write_all(head.as_bytes())
        .expect("a request is sent");
    connection
}
