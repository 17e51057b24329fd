//! The clients that callers have, each with a certificate and one version of TLS: they call twice,
//! the second time with the session of the first, and tell what they saw.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{python, text};

/// A client that others wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsCaller {
    Curl,
    Java,
    Node,
    Openssl,
    Python,
}

/// What to call, and with what.
#[derive(Clone, Debug)]
pub struct Call {
    pub host: &'static str,
    /// Of TLS: `1.2` or `1.3`.
    pub version: &'static str,
    /// `NAME` of `NAME.pem`, `NAME.key` and, for Java, `NAME.p12`.
    pub certificate: Option<&'static str>,
}

/// What a client saw.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer, with the code of a refusal.
    Answer(u16, String),
    /// No answer, and what the client says of it.
    Refused(String),
}

impl TlsCaller {
    /// Whether it resumes sessions. curl 7.88 takes no tickets in TLS 1.2, and the gateway knows
    /// sessions by nothing else.
    pub fn resumes(self, version: &str) -> bool {
        self != Self::Curl || version != "1.2"
    }

    /// What it sees of each call, the first time and again.
    pub fn call(self, directory: &Path, gateway: SocketAddr, calls: &[Call]) -> Vec<[Heard; 2]> {
        let script = |program: &str, words: &[&str], script: &str| {
            let mut command = Command::new(program);
            command
                .args(words)
                .arg(beside(script))
                .arg(directory)
                .arg(gateway.port().to_string());
            by_script(command, calls)
        };
        let each = |ask: fn(&Path, SocketAddr, &Call) -> [Heard; 2]| {
            calls
                .iter()
                .map(|call| ask(directory, gateway, call))
                .collect()
        };
        match self {
            Self::Curl => each(curl),
            Self::Openssl => each(openssl),
            Self::Node => script("node", &[], "tls_caller.mjs"),
            Self::Python => script(&python().display().to_string(), &[], "tls_caller.py"),
            Self::Java => {
                let hosts = directory.join("hosts");
                let lines = calls
                    .iter()
                    .map(|call| format!("127.0.0.1 {}\n", call.host));
                fs::write(&hosts, lines.collect::<String>()).expect("a file");
                let hosts = format!("-Djdk.net.hosts.file={}", hosts.display());
                let quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", &hosts];
                script("java", &quick, "TlsCaller.java")
            }
        }
    }
}

fn beside(script: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/e2e")
        .join(script)
}

/// Gives a script all calls at once; it tells each in a line.
fn by_script(mut command: Command, calls: &[Call]) -> Vec<[Heard; 2]> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts; tests/prepare installs it");
    let line = |call: &Call| {
        let certificate = call.certificate.unwrap_or("-");
        format!("{} {} {certificate}\n", call.host, call.version)
    };
    let lines: String = calls.iter().map(line).collect();
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(lines.as_bytes()).expect("a reader");
    drop(input);
    let output = child.wait_with_output().expect("an end");
    let said = text(&output.stdout);
    let lines = said.lines().filter(|line| !line.is_empty());
    let mut heard = lines.map(|line| match line.split_once(' ') {
        Some(("answer", rest)) => {
            let (status, body) = rest.split_once(' ').expect("a status and a body");
            Heard::Answer(status.parse().expect("a status"), code(body))
        }
        _ => Heard::Refused(line.to_owned()),
    });
    let pairs: Vec<_> = std::iter::from_fn(|| Some([heard.next()?, heard.next()?])).collect();
    assert_eq!(pairs.len(), calls.len(), "{command:?}: {output:?}");
    pairs
}

fn code(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

/// One process of curl keeps sessions from one URL to the next.
fn curl(directory: &Path, gateway: SocketAddr, call: &Call) -> [Heard; 2] {
    let url = format!("https://{}:{}/certified", call.host, gateway.port());
    let mut command = Command::new("curl");
    command
        .args([
            "-sS",
            "--http1.1",
            "--max-time",
            "20",
            "-H",
            "Connection: close",
        ])
        .args(["--cacert", "ca.pem", "-w", "\n%{http_code}\n"])
        .args([
            "--resolve",
            &format!("{}:{}:127.0.0.1", call.host, gateway.port()),
        ])
        .args([
            "--tls-max",
            call.version,
            &format!("--tlsv{}", call.version),
        ])
        .current_dir(directory);
    if let Some(name) = call.certificate {
        command.args([
            "--cert",
            &format!("{name}.pem"),
            "--key",
            &format!("{name}.key"),
        ]);
    }
    let output = command.args([&url, &url]).output().expect("curl starts");
    let (said, complaints) = (text(&output.stdout), text(&output.stderr));
    let mut complaints = complaints.lines();
    let mut lines = said.lines().filter(|line| !line.is_empty());
    [(); 2].map(|()| {
        let first = lines.next().expect("a line of each call");
        match first {
            "000" => Heard::Refused(complaints.next().unwrap_or_default().to_owned()),
            body => {
                let status = lines.next().and_then(|line| line.parse().ok());
                Heard::Answer(status.expect("a status"), code(body))
            }
        }
    })
}

/// `openssl s_client`, which writes the session to a file and reads it from there.
fn openssl(directory: &Path, gateway: SocketAddr, call: &Call) -> [Heard; 2] {
    let session = "openssl.session";
    let file = directory.join(session);
    // There is none when the call before this one was refused.
    let _ = fs::remove_file(&file);
    let first = s_client(directory, gateway, call, &["-sess_out", session]);
    let offered: &[_] = match file.exists() {
        true => &["-sess_in", session],
        false => &[],
    };
    let again = s_client(directory, gateway, call, offered);
    [first, again].map(|output| heard_of(&output))
}

/// What `openssl s_client` says, given more words.
pub fn s_client(directory: &Path, gateway: SocketAddr, call: &Call, words: &[&str]) -> Output {
    let request = format!(
        "GET /certified HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        call.host
    );
    let mut command = Command::new("timeout");
    command
        .args(["20", "openssl", "s_client", "-ign_eof", "-CAfile", "ca.pem"])
        .args(["-connect", &gateway.to_string(), "-servername", call.host])
        .arg(format!("-tls{}", call.version.replace('.', "_")))
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(name) = call.certificate {
        command.args([
            "-cert",
            &format!("{name}.pem"),
            "-key",
            &format!("{name}.key"),
        ]);
    }
    let mut child = command.spawn().expect("openssl starts");
    let mut input = child.stdin.take().expect("a pipe");
    // It may have been refused already.
    let _ = input.write_all(request.as_bytes());
    drop(input);
    child.wait_with_output().expect("an end")
}

/// What came of a call by `s_client`.
pub fn heard_of(output: &Output) -> Heard {
    let said = text(&output.stdout);
    let answer = said.split("HTTP/1.1 ").nth(1);
    let answer = answer.and_then(|rest| rest.split_once("\r\n\r\n"));
    match answer {
        Some((head, body)) => {
            let status = head.split(' ').next().and_then(|word| word.parse().ok());
            // Behind the body stands what openssl has to say.
            let body = body.lines().next().unwrap_or_default();
            Heard::Answer(status.expect("a status"), code(body))
        }
        None => Heard::Refused(text(&output.stderr)),
    }
}
