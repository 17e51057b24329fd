//! A gateway in front of a local Lambda: AWS's runtimes and emulator stand behind it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use countersign_local_lambda::LocalLambda;
use serde_json::Value;

use super::client::{Answer, Client};
use super::gateway::Gateway;

pub const OUR_ID: &str = "AKIAGATEWAY";
pub const OUR_SECRET: &str = "the-secret-of-the-gateway-itself";

/// What the gateway signs its invocations with.
pub const AWS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", OUR_ID),
    ("AWS_SECRET_ACCESS_KEY", OUR_SECRET),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

pub const LISTENER: &str = "[[listener]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\n";

/// An open route `/NAME/{proxy+}` to a function, which further keys describe.
pub fn route(name: &str, function: &str, lambda: SocketAddr, more: &str) -> String {
    let route = format!(
        "[[route]]\nname = \"{name}\"\npath = \"/{name}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"open\"\nintegration = \"{name}\"\n"
    );
    route + &integration(name, function, lambda, more)
}

/// A function, which further keys describe.
pub fn integration(name: &str, function: &str, lambda: SocketAddr, more: &str) -> String {
    format!(
        "[[integration]]\nname = \"{name}\"\ntype = \"lambda\"\nfunction = \"{function}\"\nregion = \"us-east-1\"\nendpoint = \"http://{lambda}\"\n{more}\n"
    )
}

/// A gateway with a listener `plain` and what `config` says.
pub fn gateway(directory: &Path, config: &str) -> Gateway {
    Gateway::start_in(directory, &format!("{LISTENER}{config}"), &AWS)
}

/// What a function was told last.
pub fn last_event(lambda: &LocalLambda, function: &str) -> Value {
    let invocations = lambda.invocations(function);
    let last = invocations.last().expect("it was invoked");
    serde_json::from_slice(&last.body).expect("an event is JSON")
}

/// The JSON of an answer.
pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| {
        let text = super::text(&answer.body);
        panic!("{e}: {} {text}", answer.head);
    })
}

/// Posts a body to `localhost`.
pub fn post(client: &mut Client, target: &str, fields: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {length}\r\n\r\n"
    );
    let bytes = [head.as_bytes(), body].concat();
    client.try_ask(&bytes).expect("an answer")
}

/// What a function waits at, until the test lets it go on.
pub struct Gate(TcpListener);

impl Gate {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("a bound address")
    }

    /// Waits until a function stands before it.
    pub fn reached(&self) -> Waiting {
        let (stream, _) = self.0.accept().expect("a function comes");
        Waiting(stream)
    }
}

/// A function before its gate.
pub struct Waiting(TcpStream);

impl Waiting {
    pub fn let_go(mut self) {
        // It may have been ended.
        let _ = self.0.write_all(b"!");
    }

    /// Whether its process has closed the connection.
    pub fn has_ended(&mut self) -> bool {
        let limit = Some(Duration::from_secs(20));
        self.0.set_read_timeout(limit).expect("a timeout");
        matches!(self.0.read(&mut [0]), Ok(0))
    }
}
