//! The same request on either lane of the gateway (`server/lanes.rs`), to a target whose every
//! move is the test's: what the caller got, what the target was sent, what the log says, and what
//! became of both connections.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::gateway::Gateway;
use super::scripted_target::{Caught, ScriptedTarget};
use super::{text, wait_for};

/// A way through the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Lean,
    Pingora,
}

pub const LANES: [Lane; 2] = [Lane::Lean, Lane::Pingora];

impl Lane {
    pub fn name(self) -> &'static str {
        match self {
            Self::Lean => "lean",
            Self::Pingora => "pingora",
        }
    }

    /// The field that has a request take it. It is for the gateway alone, which does not pass it
    /// on.
    pub fn field(self) -> &'static str {
        match self {
            Self::Lean => "",
            Self::Pingora => "TE: trailers\r\n",
        }
    }

    pub fn request(self, method: &str, path: &str) -> String {
        let field = self.field();
        format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n")
    }
}

/// The tables of a gateway that has one thread, and thus one set of kept connections.
pub const ONE_THREAD: &str = r#"
[gateway]
credential_store = "credentials.toml"
access_log = "access.log"
drain_grace_secs = 1
drain_timeout_secs = 10
threads = 1
[admin]
address = "127.0.0.1:0"
"#;

/// A listener with `listener` in it, and an integration `upstream` with `integration` in it behind
/// every path.
pub fn config(targets: &[SocketAddr], listener: &str, integration: &str) -> String {
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    format!(
        r#"{ONE_THREAD}
[[listener]]
name = "public"
address = "127.0.0.1:0"
{listener}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "upstream"
[[integration]]
name = "upstream"
type = "http_proxy"
targets = {targets:?}
{integration}
"#
    )
}

/// A gateway in front of a scripted target.
pub struct LaneStage {
    pub target: ScriptedTarget,
    pub gateway: Gateway,
}

impl LaneStage {
    pub fn start(directory: &Path, listener: &str, integration: &str) -> Self {
        let target = ScriptedTarget::start();
        let config = config(&[target.address], listener, integration);
        let gateway = Gateway::start(directory, &config);
        Self { target, gateway }
    }

    pub fn caller(&self) -> Caller {
        Caller::of(&self.gateway)
    }

    /// Waits for the next request, on one of the connections that were caught or on a new one;
    /// says on which, and whether that was there before. Those that the gateway has closed are
    /// gone.
    pub fn next(&self, caught: &mut Vec<Caught>) -> (String, usize, bool) {
        wait_for("the next request", || {
            if let Some(mut fresh) = self.target.caught() {
                let head = fresh.head()?;
                caught.push(fresh);
                return Some((head, caught.len() - 1, false));
            }
            let at = caught.iter().position(Caught::has_news)?;
            let Some(head) = caught[at].head() else {
                caught.remove(at);
                return None;
            };
            Some((head, at, true))
        })
    }
}

/// An answer as it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RawAnswer {
    /// The heads before the final one.
    pub interim: Vec<String>,
    pub head: String,
    /// Without chunks around it.
    pub body: Vec<u8>,
    /// Whether it came to the end that its framing names; the end of the connection is none.
    pub whole: bool,
}

impl RawAnswer {
    pub fn status(&self) -> u16 {
        let word = self.head.split(' ').nth(1);
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(one, _)| one.eq_ignore_ascii_case(name))?;
        Some(found.1)
    }
}

/// A caller that takes answers apart by itself.
pub struct Caller {
    pub stream: TcpStream,
    inbox: Vec<u8>,
}

impl Caller {
    pub fn of(gateway: &Gateway) -> Self {
        let stream = TcpStream::connect(gateway.address("public")).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a timeout");
        Self {
            stream,
            inbox: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("written");
    }

    /// Reads until `part` has come, and leaves it where it is.
    pub fn reach(&mut self, part: &str) {
        let part = part.as_bytes();
        while !self.inbox.windows(part.len()).any(|some| some == part) {
            assert!(self.fill(), "ended before {}", text(part));
        }
    }

    /// The answer to a request of this method.
    pub fn answer(&mut self, method: &str) -> RawAnswer {
        let mut answer = RawAnswer::default();
        loop {
            let Some(head) = self.head() else {
                return answer;
            };
            answer.head = head;
            if answer.status() / 100 != 1 {
                break;
            }
            answer.interim.push(std::mem::take(&mut answer.head));
        }
        let coding = answer.field("transfer-encoding");
        let chunked = coding.is_some_and(|coding| coding.ends_with("chunked"));
        let length = answer.field("content-length").map(|text| text.parse());
        if method == "HEAD" || matches!(answer.status(), 204 | 304) {
            answer.whole = true;
        } else if chunked {
            answer.whole = self.chunks(&mut answer.body);
        } else {
            let length = length.map_or(usize::MAX, |length| length.expect("a length"));
            answer.whole = self.take(length, &mut answer.body);
        }
        answer
    }

    /// Whether the gateway has closed the connection, and sent nothing more.
    pub fn is_closed(&mut self) -> bool {
        self.inbox.is_empty() && !self.fill()
    }

    fn head(&mut self) -> Option<String> {
        loop {
            let end = self.inbox.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.inbox.split_off(end + 4);
                return Some(text(&std::mem::replace(&mut self.inbox, rest)));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let end = self.inbox.windows(2).position(|two| two == b"\r\n");
            let Some(end) = end else {
                match self.fill() {
                    true => continue,
                    false => return false,
                }
            };
            let line = text(&self.inbox[..end]);
            self.inbox.drain(..end + 2);
            let length = usize::from_str_radix(&line, 16).expect("the length of a chunk");
            let mut behind = Vec::new();
            if !self.take(length, body) || !self.take(2, &mut behind) {
                return false;
            }
            assert_eq!(behind, b"\r\n");
            if length == 0 {
                return true;
            }
        }
    }

    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> bool {
        while self.inbox.len() < length {
            if !self.fill() {
                body.append(&mut self.inbox);
                return false;
            }
        }
        body.extend(self.inbox.drain(..length));
        true
    }

    /// Reads what has come; false at the end.
    fn fill(&mut self) -> bool {
        let mut scratch = [0; 65536];
        match self.stream.read(&mut scratch) {
            Ok(0) => false,
            Ok(length) => {
                self.inbox.extend_from_slice(&scratch[..length]);
                true
            }
            Err(e) if e.kind() == ErrorKind::ConnectionReset => false,
            Err(e) => panic!("the gateway neither spoke nor left: {e}"),
        }
    }
}

/// What the log says of the request for `path`, but for what differs from one to the next.
pub fn told(gateway: &Gateway, path: &str) -> Value {
    let mut line = gateway.logged(path, |line| line["path"] == path);
    let fields = line.as_object_mut().expect("an object");
    for differing in [
        "time",
        "request_id",
        "peer",
        "path",
        "duration_ms",
        "decide_us",
    ] {
        assert!(fields.remove(differing).is_some(), "{differing}");
    }
    if let Some(took) = fields.get_mut("upstream_ms") {
        *took = Value::Bool(took.is_number());
    }
    line
}
