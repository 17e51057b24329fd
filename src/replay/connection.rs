//! The way to a store, and a connection to it. In: its configuration and files. Out: a `Way`
//! that connects as often as it is asked to, over TLS with the configured authorities only.
//! Every question of the process shares one connection, pipelined.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, RedisConnectionInfo, RedisResult, TlsCertificates,
    Value,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::config::{ReplayStore, StoreServer};
use crate::replay::files::Files;

/// How a store is reached.
pub(super) enum Way {
    /// A server by itself.
    Server {
        server: StoreServer,
        tls: Option<(TlsConnector, ServerName<'static>)>,
        login: RedisConnectionInfo,
    },
    /// A cluster, whose nodes the library finds and keeps connections to.
    Cluster(Box<ClusterClient>),
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    Server {
        connection: MultiplexedConnection,
        /// Kept for its end.
        _driver: Arc<Driver>,
    },
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

/// The task that moves a connection's bytes; ends with the last clone of the connection, even
/// while a server that has fallen silent owes answers.
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The longest that connecting may take, TLS and authentication included. It goes on while
/// questions give up.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// For the questions that a cluster is asked about itself, whatever the others may take.
const LEAST_RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Questions that wait for the connection's task to take them.
const QUEUE: usize = 1_024;
/// How often a cluster's redirections are followed within one question.
const REDIRECTIONS: u32 = 3;

impl Way {
    /// The way to the store that is described; the way goes nowhere yet.
    ///
    /// # Errors
    /// Says what the library does not bear.
    pub(super) fn new(settings: &ReplayStore, files: &Files) -> RedisResult<Self> {
        match settings.cluster {
            true => cluster(settings, files),
            false => Ok(server(settings, files)),
        }
    }

    /// Connects and authenticates. `ended` is called when the connection ends by itself; a
    /// cluster's does not, its nodes' are made anew by the library.
    pub(super) async fn connect(
        &self,
        ended: impl FnOnce() + Send + 'static,
    ) -> RedisResult<Connection> {
        let (server, tls, login) = match self {
            Self::Cluster(client) => {
                return Ok(Connection::Cluster(client.get_async_connection().await?));
            }
            Self::Server { server, tls, login } => (server, tls, login),
        };
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
        stream.set_nodelay(true)?;
        match tls {
            None => start(stream, login, ended).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                start(stream, login, ended).await
            }
        }
    }
}

impl Connection {
    /// Asks, and waits for the answer.
    pub(super) async fn ask(&mut self, question: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server { connection, .. } => question.query_async(connection).await,
            Self::Cluster(connection) => question.query_async(connection).await,
        }
    }
}

async fn start<S>(
    stream: S,
    login: &RedisConnectionInfo,
    ended: impl FnOnce() + Send + 'static,
) -> RedisResult<Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    // Whoever asks has a deadline of its own.
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_pipeline_buffer_size(QUEUE);
    let (connection, driving) =
        MultiplexedConnection::new_with_config(login, stream, config).await?;
    let task = tokio::spawn(async move {
        driving.await;
        ended();
    });
    Ok(Connection::Server {
        connection,
        _driver: Arc::new(Driver(task.abort_handle())),
    })
}

fn server(settings: &ReplayStore, files: &Files) -> Way {
    let server = settings.servers.first();
    let server = server
        .expect("the configuration names at least one")
        .clone();
    let tls = files.authorities.as_deref().map(|authorities| {
        let name = ServerName::try_from(server.host.clone());
        let name = name.expect("the configuration takes no host that is no name or address");
        (TlsConnector::from(trusting(authorities)), name)
    });
    let mut login = RedisConnectionInfo::default().set_lib_name("countersign", VERSION);
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = &files.password {
        login = login.set_password(password.as_str());
    }
    Way::Server { server, tls, login }
}

fn trusting(authorities: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn cluster(settings: &ReplayStore, files: &Files) -> RedisResult<Way> {
    let nodes = settings.servers.iter().map(|server| {
        let (host, port) = (server.host.clone(), server.port);
        match files.authorities {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        }
    });
    // A question whose answer was lost with a connection is asked again, and then finds itself:
    // it is refused as a replay, which errs on the right side.
    let mut builder = ClusterClient::builder(nodes)
        .retries(REDIRECTIONS)
        .min_retry_wait(5)
        .max_retry_wait(100)
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(settings.timeout.max(LEAST_RESPONSE_TIMEOUT))
        .tcp_settings(TcpSettings::default().set_nodelay(true));
    if let Some(authorities) = &files.authorities {
        // The library speaks TLS with the provider that the process has installed.
        builder = builder.certs(TlsCertificates {
            client_tls: None,
            root_cert: Some(authorities.iter().flat_map(pem).collect()),
        });
    }
    if let Some(user) = &settings.user {
        builder = builder.username(user);
    }
    if let Some(password) = &files.password {
        builder = builder.password(password.as_str());
    }
    Ok(Way::Cluster(Box::new(builder.build()?)))
}

/// RFC 7468.
fn pem(certificate: &CertificateDer<'_>) -> Vec<u8> {
    let text = STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
}
