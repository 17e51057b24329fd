//! The TLS handshake of one connection. In: a socket and the listener's TLS. Out: the stream
//! and what the handshake came to, or how it failed, which is told to log and metrics.

use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, ServerConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acme::Challenges;
use crate::clock::UtcTime;
use crate::digest::hex;
use crate::distrust::Distrust;
use crate::identity::Identity;
use crate::names::ListenerName;
use crate::telemetry::{HandshakeRecord, HandshakeResult, LogTime, Record};
use crate::tls::{Door, Seen, TlsGeneration, witnessed};

use super::connection::{Judged, ShownCertificate, TlsFacts};
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
#[derive(Default)]
pub(super) struct Failure {
    timed_out: bool,
    /// One word.
    reason: &'static str,
    detail: String,
    sni: Option<String>,
    seen: Option<Seen>,
    /// On which an alert has said why.
    socket: Option<TcpStream>,
}

/// How long a caller who was refused is listened to.
const FAREWELL: Duration = Duration::from_secs(1);
/// The most bytes that are still taken from one; a certificate and a request fit.
const FAREWELL_BYTES: u64 = 128 * 1024;

/// Shakes hands, until `deadline` at the latest. `None` when it was with an
/// authority that issues certificates and has seen what it wanted to see.
pub(super) async fn shake(
    socket: TcpStream,
    tls: &TlsGeneration,
    challenges: &Challenges,
    deadline: Instant,
) -> Result<Option<Hands>, Failure> {
    let mut sni = None;
    let shaken = witnessed(timeout_at(deadline, async {
        let alone = |error| (error, None);
        let start = LazyConfigAcceptor::new(Acceptor::default(), socket);
        let start = start.await.map_err(alone)?;
        let hello = start.client_hello();
        sni = hello.server_name().map(str::to_owned);
        if let Some(challenge) = challenges.handshake(sni.as_deref(), hello.alpn()) {
            let mut stream = start.into_stream(challenge).await.map_err(alone)?;
            stream.shutdown().await.map_err(alone)?;
            return Ok(None);
        }
        let door = tls.door(sni.as_deref());
        let hands = start.into_stream(door.server().clone()).into_fallible();
        let stream = hands.await.map_err(|(error, io)| (error, Some(io)))?;
        Ok::<_, (std::io::Error, _)>(Some((stream, door)))
    }));
    let failed = |(timed_out, reason, detail), seen, sni| Failure {
        timed_out,
        reason,
        detail,
        sni,
        seen,
        socket: None,
    };
    let (stream, door, seen) = match shaken.await {
        (Ok(Ok(Some((stream, door)))), seen) => (stream, door, seen),
        (Ok(Ok(None)), _) => return Ok(None),
        (Ok(Err((error, socket))), seen) => {
            let (reason, detail) = why(&error, seen.as_ref());
            let failure = failed((false, reason, detail), seen, sni);
            return Err(Failure { socket, ..failure });
        }
        (Err(_), seen) => {
            let detail = "the handshake took too long".to_owned();
            return Err(failed((true, "timed_out", detail), seen, sni));
        }
    };
    match facts_of(stream.get_ref().1, door, seen) {
        Ok((facts, http2, resumed)) => Ok(Some(Hands {
            stream: Box::new(stream),
            facts,
            http2,
            resumed,
        })),
        Err(why) => Err(failed((false, why.code(), why.to_string()), None, sni)),
    }
}

/// Tells how a handshake ended. Gives it on when it succeeded, and what is left of the connection
/// to [`part`] with when it was refused.
pub(super) fn told(
    state: &Arc<State>,
    listener: &ListenerName,
    source: &Source,
    hands: Result<Option<Hands>, Failure>,
) -> Result<Hands, Option<TcpStream>> {
    let result = match &hands {
        Ok(None) => return Err(None),
        Ok(Some(hands)) if hands.resumed => HandshakeResult::Resumed,
        Ok(_) => HandshakeResult::Full,
        Err(failure) if failure.timed_out => HandshakeResult::TimedOut,
        Err(_) => HandshakeResult::Failed,
    };
    let metrics = state.telemetry.metrics();
    metrics.handshake(listener.as_str(), result);
    let failure = match hands {
        Ok(hands) => return hands.ok_or(None),
        Err(failure) => failure,
    };
    let seen = failure.seen.as_ref();
    let identity = seen.and_then(|seen| seen.identity.as_ref());
    state.telemetry.tell(&Record::Handshake(HandshakeRecord {
        time: LogTime::now(),
        listener: listener.as_str(),
        peer: source.peer,
        via: source.via,
        vpc_endpoint: source.vpc_endpoint.as_deref(),
        result: result.as_str(),
        reason: failure.reason,
        sni: failure.sni.as_deref(),
        certificate_fingerprint: seen.map(|seen| hex(&seen.fingerprint)),
        certificate_subject: identity.map(Identity::subject),
        certificate_issuer: identity.map(Identity::issuer),
        certificate_serial: identity.map(Identity::serial),
        detail: failure.detail,
    }));
    Err(failure.socket)
}

/// Lets a caller who was refused hear why: as long as bytes of theirs go unread, closing makes the
/// kernel send a reset, on which many clients drop the alert that came before it.
pub(super) async fn part(mut socket: TcpStream) {
    let heard = async {
        socket.shutdown().await?;
        let mut rest = socket.take(FAREWELL_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Whoever has not gone by then has heard enough.
    let _ = timeout(FAREWELL, heard).await;
}

/// Why a handshake failed: a word, which is a label of metrics, and what an operator may read.
fn why(error: &std::io::Error, seen: Option<&Seen>) -> (&'static str, String) {
    use rustls::Error as E;
    if let Some(Err(why)) = seen.map(|seen| seen.judged) {
        return (why.code(), why.to_string());
    }
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<E>());
    let reason = match inner {
        Some(E::NoCertificatesPresented) => Distrust::Missing.code(),
        // The chain was good, so it is the proof that the caller holds its key.
        Some(E::InvalidCertificate(_)) => "no_proof_of_possession",
        Some(E::AlertReceived(_)) => "refused_by_caller",
        Some(E::PeerIncompatible(_)) => "incompatible",
        Some(E::InvalidMessage(_) | E::PeerMisbehaved(_)) => "malformed_tls",
        Some(_) => "failed",
        None => "closed",
    };
    (reason, error.to_string())
}

fn facts_of(
    session: &ServerConnection,
    door: &Door,
    seen: Option<Seen>,
) -> Result<(TlsFacts, bool, bool), Distrust> {
    let certificate = match session.peer_certificates() {
        None | Some([]) => None,
        Some(chain) => Some(shown(chain, door, seen)?),
    };
    let facts = TlsFacts {
        sni: session.server_name().map(str::to_owned),
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        },
        cipher: session
            .negotiated_cipher_suite()
            .and_then(|suite| openssl_name(suite.suite())),
        certificate,
    };
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    Ok((facts, session.alpn_protocol() == Some(b"h2"), resumed))
}

/// A cipher suite as OpenSSL calls it, whose names the logs of AWS and of servers have (OpenSSL,
/// "CIPHER SUITE NAMES").
fn openssl_name(suite: CipherSuite) -> Option<&'static str> {
    use CipherSuite as S;
    Some(match suite {
        S::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        S::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        S::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        S::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        S::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        S::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        S::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        S::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        S::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => return None,
    })
}

/// The handshake has judged a chain that it saw; a resumed one it took on trust.
fn shown(
    chain: &[rustls::pki_types::CertificateDer<'_>],
    door: &Door,
    seen: Option<Seen>,
) -> Result<ShownCertificate, Distrust> {
    let (identity, judged) = match seen {
        Some(seen) => (seen.identity, seen.judged.ok().flatten()),
        None => (None, None),
    };
    let identity = match identity {
        Some(identity) => identity,
        None => Identity::parse(&chain[0]).map_err(|_| Distrust::Malformed)?,
    };
    let judged = door.trust().zip(judged);
    let judged = judged.map(|(trust, found)| Judged::new(trust.id(), UtcTime::now(), Ok(found)));
    let chain = chain.iter().map(|one| one.clone().into_owned());
    Ok(ShownCertificate::new(identity, chain.collect(), judged))
}
