//! A kept connection, plain or over TLS: a request goes out, its answer comes in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::material::Material;

use super::answer::{Answer, Reader};
use super::{Asked, Caller};

pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// So long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, which is made anew when it is gone.
pub struct Connection<'a> {
    caller: &'a Caller,
    stream: Option<Box<dyn Stream>>,
    inbox: Vec<u8>,
    outbox: String,
    target: String,
}

impl<'a> Connection<'a> {
    pub fn new(caller: &'a Caller) -> Self {
        Self {
            caller,
            stream: None,
            inbox: Vec::with_capacity(64 * 1024),
            outbox: String::with_capacity(1024),
            target: String::new(),
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// The connection cannot be made or breaks, or nothing is answered in time; the next call makes
    /// another connection.
    pub async fn ask(&mut self, asked: Asked<'_>) -> anyhow::Result<Answer> {
        let answer = match tokio::time::timeout(PATIENCE, self.try_ask(asked)).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow::anyhow!("no answer within 10 s")),
        };
        if answer.as_ref().is_ok_and(|answer| !answer.closes) {
            return answer;
        }
        self.stream = None;
        self.inbox.clear();
        answer
    }

    /// Has it connected.
    ///
    /// # Errors
    /// Nobody is there, or hands cannot be shaken in time.
    pub async fn connect(&mut self) -> anyhow::Result<()> {
        if self.stream.is_some() {
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, self.try_connect()).await {
            Ok(connected) => connected,
            Err(_) => Err(anyhow::anyhow!("no connection within 10 s")),
        }
    }

    async fn try_connect(&mut self) -> anyhow::Result<()> {
        let socket = TcpStream::connect(self.caller.endpoint.next()).await?;
        socket.set_nodelay(true)?;
        self.stream = Some(match &self.caller.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = self.caller.endpoint.name.clone();
                let connector = TlsConnector::from(config.clone());
                Box::new(connector.connect(name, socket).await?)
            }
        });
        Ok(())
    }

    async fn try_ask(&mut self, asked: Asked<'_>) -> anyhow::Result<Answer> {
        self.connect().await?;
        let endpoint = &self.caller.endpoint;
        self.target.clear();
        self.target.push_str(&endpoint.prefix);
        self.target.push_str(asked.target);
        self.outbox.clear();
        self.outbox.push_str("GET ");
        self.outbox.push_str(&self.target);
        self.outbox.push_str(" HTTP/1.1\r\nHost: ");
        self.outbox.push_str(&endpoint.authority);
        self.outbox.push_str("\r\n");
        if let Some(signer) = &self.caller.signer {
            signer.write(&self.target, &mut self.outbox)?;
        }
        self.outbox.push_str("\r\n");
        let stream = self.stream.as_mut().context("it is connected")?;
        stream.write_all(self.outbox.as_bytes()).await?;
        stream.flush().await?;
        self.answer().await
    }

    /// What it is connected by.
    pub fn stream(&mut self) -> Option<&mut dyn Stream> {
        self.stream
            .as_mut()
            .map(|stream| &mut **stream as &mut dyn Stream)
    }

    /// Lets go of it, so that the next request makes another.
    pub fn end(&mut self) {
        self.stream = None;
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// The connection breaks, or the bytes are no answer.
    pub async fn answer(&mut self) -> anyhow::Result<Answer> {
        let stream = self.stream.as_mut().context("it is connected")?;
        let mut reader = Reader::default();
        loop {
            if stream.read_buf(&mut self.inbox).await? == 0 {
                anyhow::bail!("the connection ended");
            }
            if let Some(answer) = reader.read(&mut self.inbox)? {
                return Ok(answer);
            }
        }
    }
}

/// Which servers a caller takes for what they say they are.
pub enum Trust<'a> {
    /// Those with a certificate of the material's authority.
    Ours(&'a Material),
    /// Those with one of the authorities that this machine trusts, or of those in a file.
    Public { more: Option<&'a Path> },
}

impl Trust<'_> {
    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let file = match self {
            Self::Ours(material) => Some(material.path("ca.pem")),
            Self::Public { more } => {
                // One that cannot be read is missed when its servers are not taken.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                more.map(Path::to_owned)
            }
        };
        if let Some(file) = file {
            let said = || file.display().to_string();
            for one in CertificateDer::pem_file_iter(&file).with_context(said)? {
                roots.add(one.with_context(said)?)?;
            }
        }
        Ok(roots)
    }
}

/// TLS as a caller has it, with the material's certificate or without.
///
/// # Errors
/// The material or the authorities cannot be read.
pub fn tls(trust: &Trust<'_>, certificate: Option<&Material>) -> anyhow::Result<Arc<ClientConfig>> {
    let roots = trust.roots()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(material) => {
            let chain = CertificateDer::pem_file_iter(material.path("client.pem"))?;
            let key = PrivateKeyDer::from_pem_file(material.path("client.key"))?;
            builder.with_client_auth_cert(chain.collect::<Result<_, _>>()?, key)?
        }
    };
    // Handshakes that are counted are full ones.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
