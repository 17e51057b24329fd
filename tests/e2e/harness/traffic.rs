//! Traffic that counts what becomes of it, while something is done to the gateway.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use tempfile::{TempDir, tempdir};

use super::client::Client;
use super::nginx::Nginx;
use super::pki::Authority;
use super::{python, wait_for};

/// An nginx, and beside it what a gateway needs to know the consumer `billing` by certificate.
pub fn stage() -> (TempDir, Nginx) {
    let directory = tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    authority.server("server", &["localhost"]);
    authority.client("billing", "spiffe://test/billing");
    let nginx = Nginx::start(directory.path());
    (directory, nginx)
}

/// What the load has come to.
#[derive(Default)]
pub struct Load {
    pub served: AtomicUsize,
    pub failed: AtomicUsize,
    pub over: AtomicBool,
    /// Whether the gateway is always there: no connection may be refused, or lost before it has
    /// served.
    pub always: bool,
}

impl Load {
    pub fn count(&self, good: bool) {
        let which = if good { &self.served } else { &self.failed };
        which.fetch_add(1, Ordering::SeqCst);
    }

    pub fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }
}

/// Requests one after the other on a kept connection; a new one only after the gateway has
/// said that it closes. The end of the load is a connection that cannot be made.
pub fn keep_alive(gateway: SocketAddr, config: &Arc<rustls::ClientConfig>, load: &Load) {
    let request = b"GET /child/random.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
    while load.goes_on() {
        let mut client = match Client::tls(gateway, config, "localhost") {
            Ok(client) => client,
            Err(e) if load.always => {
                eprintln!("connecting: {e}");
                load.count(false);
                continue;
            }
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => return,
            // Not taken any more when the listener closed: nothing was sent.
            Err(_) => continue,
        };
        while load.goes_on() {
            match client.try_ask(request) {
                Ok(answer) => {
                    load.count(answer.status == 200 && answer.body.len() == 1024);
                    if answer.closes() {
                        break;
                    }
                }
                Err(e) => {
                    eprintln!("HTTP/1.1: {e}");
                    load.count(false);
                    break;
                }
            }
        }
    }
}

/// The same over HTTP/2, where the gateway says with GOAWAY that it closes.
pub async fn streams(gateway: SocketAddr, config: Arc<rustls::ClientConfig>, load: Arc<Load>) {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    while load.goes_on() {
        let Ok(socket) = TcpStream::connect(gateway).await else {
            load.count(!load.always);
            return;
        };
        let name = "localhost".try_into().unwrap();
        let Ok(stream) = connector.connect(name, socket).await else {
            load.count(!load.always);
            continue;
        };
        let Ok((mut sender, connection)) = h2::client::handshake(stream).await else {
            load.count(!load.always);
            continue;
        };
        let driver = tokio::spawn(connection);
        while load.goes_on() {
            // An error here is a GOAWAY: nothing was sent.
            let Ok(ready) = sender.clone().ready().await else {
                break;
            };
            sender = ready;
            let uri = "https://localhost/child/grandchild/random.txt";
            let request = http::Request::get(uri).body(()).unwrap();
            let Ok((answer, _)) = sender.send_request(request, true) else {
                break;
            };
            match read(answer).await {
                Ok(good) => load.count(good),
                // A stream above the last one that a GOAWAY names was not looked at.
                Err(e) if e.is_go_away() => break,
                Err(e) => {
                    eprintln!("HTTP/2: {e}");
                    load.count(false);
                    break;
                }
            }
        }
        driver.abort();
    }
}

async fn read(answer: h2::client::ResponseFuture) -> Result<bool, h2::Error> {
    let answer = answer.await?;
    let good = answer.status() == 200;
    let mut body = answer.into_body();
    let mut length = 0;
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        length += chunk.len();
        body.flow_control().release_capacity(chunk.len())?;
    }
    Ok(good && length == 2048)
}

/// Waits until so many more were served.
pub fn wait_for_more(load: &Load, more: usize) {
    let before = load.served.load(Ordering::SeqCst);
    wait_for("traffic", || {
        (load.served.load(Ordering::SeqCst) >= before + more).then_some(())
    });
}

/// Bodies that take a second and more to come, one after the other on a kept connection.
pub fn slow_uploads(gateway: SocketAddr, config: &Arc<rustls::ClientConfig>, load: &Load) {
    const PIECES: usize = 60;
    let piece = [b'u'; 4096];
    let head = format!(
        "PUT /upload/slow.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        PIECES * piece.len()
    );
    let upload = |client: &mut Client| {
        client.send(head.as_bytes())?;
        for _ in 0..PIECES {
            // What makes it slow: no test waits for it.
            std::thread::sleep(Duration::from_millis(20));
            client.send(&piece)?;
        }
        client.answer()
    };
    while load.goes_on() {
        let Ok(mut client) = Client::tls(gateway, config, "localhost") else {
            load.count(false);
            continue;
        };
        loop {
            let answer = upload(&mut client);
            match &answer {
                Ok(answer) => load.count(matches!(answer.status, 201 | 204)),
                Err(e) => {
                    eprintln!("upload: {e}");
                    load.count(false);
                }
            }
            if answer.map_or(true, |answer| answer.closes()) || !load.goes_on() {
                break;
            }
        }
    }
}

/// Python's websockets, as server and as callers.
pub struct WebSockets {
    child: Child,
}

impl WebSockets {
    fn start(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/websockets_echo.py");
        let child = Command::new(python())
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("Python starts");
        Self { child }
    }

    /// A server that says what it hears.
    pub fn server(address: SocketAddr) -> Self {
        let port = address.port().to_string();
        // It complains of who only looks whether it is there.
        let server = Self::start(&["server", &port], Stdio::null(), Stdio::null());
        wait_for("websockets", || std::net::TcpStream::connect(address).ok());
        server
    }

    /// A caller who talks with it through the gateway until told to stop, and has begun to.
    pub fn caller(url: &str, directory: &Path) -> (Self, BufReader<std::process::ChildStdout>) {
        let directory: PathBuf = directory.to_owned();
        let directory = directory.to_str().expect("a path").to_owned();
        let mut caller = Self::start(
            &["caller", url, &directory],
            Stdio::piped(),
            Stdio::inherit(),
        );
        let mut said = BufReader::new(caller.child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        assert_eq!(line, "talking\n");
        (caller, said)
    }

    /// Has a caller stop; what was said and heard right, and whether the connection held.
    pub fn stop(mut self, mut said: BufReader<std::process::ChildStdout>) -> String {
        drop(self.child.stdin.take());
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for WebSockets {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
