//! Clients: HTTP/1 over plaintext or TLS, which sends the very bytes it is given, and HTTP/2.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_rustls::TlsConnector;

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The refusal's code.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("connection: close")
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub struct Client {
    stream: Box<dyn Stream>,
    inbox: Vec<u8>,
    pub resumed: bool,
}

/// TLS as a caller configures it.
pub fn tls(directory: &Path, certificate: Option<&str>) -> Arc<ClientConfig> {
    tls_with(directory, certificate, rustls::ALL_VERSIONS)
}

pub fn tls_with(
    directory: &Path,
    certificate: Option<&str>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    tls_by(provider, directory, certificate, versions)
}

/// The same with this cryptography.
pub fn tls_by(
    provider: rustls::crypto::CryptoProvider,
    directory: &Path,
    certificate: Option<&str>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(directory.join("ca.pem")).expect("an authority");
    roots.add(ca).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots);
    Arc::new(match certificate {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let file = |end| directory.join(format!("{name}.{end}"));
            let chain = CertificateDer::pem_file_iter(file("pem")).expect("a chain");
            let chain = chain.map(|one| one.expect("a certificate")).collect();
            let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
            builder
                .with_client_auth_cert(chain, key)
                .expect("a certificate and its key")
        }
    })
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

fn status(head: &str) -> u16 {
    let word = head.split(' ').nth(1);
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

impl Client {
    pub fn plain(address: SocketAddr) -> Self {
        Self::over(connect(address).expect("a connection"))
    }

    /// Over a connection that is there already.
    pub fn over(stream: TcpStream) -> Self {
        Self {
            stream: Box::new(stream),
            inbox: Vec::new(),
            resumed: false,
        }
    }

    /// A TLS connection that asks for `name`; an error is that of the
    /// connection or the gateway's alert.
    pub fn tls(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> io::Result<Self> {
        Self::tls_over(connect(address)?, config, name)
    }

    /// The same over a connection that is there already.
    pub fn tls_over(stream: TcpStream, config: &Arc<ClientConfig>, name: &str) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let session = ClientConnection::new(config.clone(), name).expect("a session");
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let resumed = stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        Ok(Self {
            stream: Box::new(stream),
            inbox: Vec::new(),
            resumed,
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    pub fn get(&mut self, host: &str, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    pub fn ask(&mut self, request: &str) -> Answer {
        self.try_ask(request.as_bytes()).expect("an answer")
    }

    pub fn try_ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.send(request)?;
        self.answer()
    }

    /// The status of an interim answer, which has no body.
    pub fn interim(&mut self) -> io::Result<u16> {
        let head = self.head()?;
        Ok(status(&head))
    }

    pub fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head()?;
        let status = status(&head);
        if status == 100 {
            return self.answer();
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length: usize = length
            .and_then(|rest| rest.split("\r\n").next()?.parse().ok())
            .unwrap_or(0);
        while self.inbox.len() < length {
            self.fill()?;
        }
        let body = self.inbox.drain(..length).collect();
        Ok(Answer { status, head, body })
    }

    fn head(&mut self) -> io::Result<String> {
        let end = loop {
            if let Some(at) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = super::text(&self.inbox[..end]);
        self.inbox.drain(..end);
        Ok(head)
    }

    /// Whether the gateway has closed the connection, once it sends no more.
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut scratch = [0; 16384];
        match self.stream.read(&mut scratch)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.inbox.extend_from_slice(&scratch[..length]);
                Ok(())
            }
        }
    }
}

/// A connection of HTTP/2 that stays open.
pub struct Client2 {
    runtime: tokio::runtime::Runtime,
    sender: h2::client::SendRequest<bytes::Bytes>,
}

impl Client2 {
    pub fn tls(address: SocketAddr, config: &ClientConfig, name: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut config = config.clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let sender = runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(address).await;
            let stream = connector.connect(name, socket.expect("a connection")).await;
            let shaken = h2::client::handshake(stream.expect("a handshake")).await;
            let (sender, connection) = shaken.expect("HTTP/2");
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// The status of the answer, and the refusal's code.
    pub fn get(&mut self, host: &str, path: &str) -> (u16, String) {
        let answer = self.ask(http::Request::get(format!("https://{host}{path}")));
        (answer.status, answer.code())
    }

    /// Sends a request without a body; of the answer's head, its status is told.
    pub fn ask(&mut self, request: http::request::Builder) -> Answer {
        self.runtime.block_on(async {
            let request = request.body(()).expect("a request");
            let sent = self.sender.send_request(request, true);
            let answer = sent.expect("a stream").0.await.expect("an answer");
            let status = answer.status().as_u16();
            let (mut body, mut bytes) = (answer.into_body(), Vec::new());
            while let Some(piece) = body.data().await {
                bytes.extend_from_slice(&piece.expect("a body"));
            }
            Answer {
                status,
                head: String::new(),
                body: bytes,
            }
        })
    }
}
