//! The TLS handshake of one connection. In: a socket and the listener's TLS. Out: the stream
//! and what the handshake came to, or how it failed, which is told to log and metrics.

use std::sync::{Arc, Mutex};

use rustls::server::Acceptor;
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::identity::Identity;
use crate::names::ListenerName;
use crate::telemetry::{ConnectionRecord, HandshakeResult, Record, log_time};
use crate::tls::TlsGeneration;

use super::connection::{ShownCertificate, TlsFacts};
use super::source::Source;
use super::state::State;

/// A handshake that succeeded.
pub(super) struct Hands {
    pub(super) stream: Box<TlsStream<TcpStream>>,
    pub(super) facts: TlsFacts,
    pub(super) http2: bool,
    resumed: bool,
}

/// A handshake that failed.
pub(super) struct Failure {
    result: HandshakeResult,
    detail: String,
}

/// Shakes hands, until `deadline` at the latest.
pub(super) async fn shake(
    socket: TcpStream,
    tls: &TlsGeneration,
    deadline: Instant,
) -> Result<Hands, Failure> {
    let failed = |detail: String| Failure {
        result: HandshakeResult::Failed,
        detail,
    };
    let shaken = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        start.into_stream(tls.server().clone()).await
    };
    let stream = match timeout_at(deadline, shaken).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return Err(failed(e.to_string())),
        Err(_) => {
            return Err(Failure {
                result: HandshakeResult::TimedOut,
                detail: "the handshake took too long".to_owned(),
            });
        }
    };
    let (facts, http2, resumed) = facts_of(stream.get_ref().1, tls).map_err(failed)?;
    Ok(Hands {
        stream: Box::new(stream),
        facts,
        http2,
        resumed,
    })
}

/// Tells how a handshake ended; hands it on when it succeeded.
pub(super) fn told(
    state: &Arc<State>,
    listener: &ListenerName,
    source: &Source,
    hands: Result<Hands, Failure>,
) -> Option<Hands> {
    let metrics = state.telemetry.metrics();
    match hands {
        Ok(hands) => {
            metrics.handshake(
                listener.as_str(),
                match hands.resumed {
                    true => HandshakeResult::Resumed,
                    false => HandshakeResult::Full,
                },
            );
            Some(hands)
        }
        Err(failure) => {
            metrics.handshake(listener.as_str(), failure.result);
            state.telemetry.tell(&Record::Handshake(ConnectionRecord {
                time: log_time(),
                request_id: None,
                listener: listener.as_str(),
                peer: source.peer.to_string(),
                via: source.via_text(),
                vpc_endpoint: source.vpc_endpoint.as_deref(),
                status: None,
                refusal: None,
                result: Some(failure.result.as_str()),
                detail: failure.detail,
            }));
            None
        }
    }
}

fn facts_of(
    session: &ServerConnection,
    tls: &TlsGeneration,
) -> Result<(TlsFacts, bool, bool), String> {
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let certificate = match session.peer_certificates() {
        None | Some([]) => None,
        Some(chain) => Some(ShownCertificate {
            identity: Identity::parse(&chain[0]).map_err(|e| e.to_string())?,
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            // The handshake has judged a chain that it saw; a resumed one it took on trust.
            judged: Mutex::new(match (resumed, tls.trust()) {
                (false, Some(trust)) => Some((trust.id(), Ok(()))),
                _ => None,
            }),
        }),
    };
    let facts = TlsFacts {
        sni: session.server_name().map(str::to_owned),
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        },
        certificate,
    };
    Ok((facts, session.alpn_protocol() == Some(b"h2"), resumed))
}
