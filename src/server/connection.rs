//! What is known of a connection: whose it is, how it was made, and how far its requests
//! have come. Made once by the listener; every request of the connection looks at it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::UtcTime;
use crate::config::ClientCertificateMode;
use crate::distrust::Distrust;
use crate::identity::{Caller, Identity, Shown, Vouched};
use crate::names::ListenerName;
use crate::refusal::Refusal;
use crate::response;
use crate::snapshot::Snapshot;
use crate::telemetry::{ConnectionRecord, LogTime, Record};
use crate::tls::Door;
use crate::trust::{Judgement, TrustId, Voucher};

use super::source::Source;
use super::state::State;

/// How long a new connection is waited for while the gateway closes.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// How often a connection is looked at while the gateway closes.
const CLOSING_TICK: Duration = Duration::from_millis(10);

/// One connection.
pub(super) struct Connection {
    pub(super) state: Arc<State>,
    pub(super) listener: ListenerName,
    pub(super) source: Source,
    pub(super) tls: Option<TlsFacts>,
    pub(super) http2: bool,
    /// Set when a request has its answer, taken when the next one passes the gate.
    answered: AtomicBool,
    /// Set when the connection has become a tunnel.
    upgraded: AtomicBool,
    /// Set while the answer comes a piece at a time and no piece may wait for the next.
    at_once: AtomicBool,
    /// Requests that were begun.
    requests: AtomicU32,
    /// Requests whose body is still arriving.
    bodies: AtomicU32,
    /// Whether an HTTP/1 connection waits for a request.
    idle: AtomicBool,
}

/// What the handshake came to.
pub(super) struct TlsFacts {
    pub(super) sni: Option<String>,
    pub(super) version: &'static str,
    pub(super) certificate: Option<ShownCertificate>,
}

/// A certificate that the caller showed.
pub(super) struct ShownCertificate {
    pub(super) identity: Identity,
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// How it was judged last. A resumed session was never judged at all.
    judged: Mutex<Option<Judged>>,
    /// What it says where only its key is vouched for; made when that is first so, which is seldom.
    key_alone: OnceLock<Box<Identity>>,
}

/// How a certificate was judged.
#[derive(Clone, Copy)]
pub(super) struct Judged {
    /// Under which trust: a reload, or a new list of revoked certificates, makes another one.
    by: TrustId,
    /// Until when it holds: nothing else changes within one trust but the time.
    until: UtcTime,
    outcome: Result<Judgement, Distrust>,
}

impl Judged {
    pub(super) fn new(by: TrustId, now: UtcTime, outcome: Result<Judgement, Distrust>) -> Self {
        Self {
            by,
            until: outcome.map_or(now, |judgement| judgement.until),
            outcome,
        }
    }
}

impl Connection {
    pub(super) fn new(
        state: Arc<State>,
        listener: ListenerName,
        source: Source,
        tls: Option<TlsFacts>,
        http2: bool,
    ) -> Self {
        Self {
            state,
            listener,
            source,
            tls,
            http2,
            answered: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            at_once: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            bodies: AtomicU32::new(0),
            idle: AtomicBool::new(false),
        }
    }

    /// Whether an HTTP/1 connection waits for a request, none of which has arrived.
    pub(super) fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Relaxed);
    }

    /// Waits until the gateway closes and this connection has nothing to do any more. One
    /// that has brought no request yet has `FIRST_REQUEST` for it: its caller may have seen
    /// the handshake end only now. While a successor serves there is no hurry: the caller may be
    /// about to send the next request, and that one is told not to come back. Not for HTTP/2, which ends by GOAWAY.
    pub(super) async fn is_done(&self, mut closing: watch::Receiver<bool>) {
        if closing.wait_for(|closing| *closing).await.is_err() {
            return std::future::pending().await;
        }
        let first = Instant::now() + FIRST_REQUEST;
        let is_busy = || {
            let waits = self.idle.load(Ordering::Relaxed) && !self.state.is_patient();
            !waits || !self.has_begun() && Instant::now() < first
        };
        while is_busy() {
            tokio::time::sleep(CLOSING_TICK).await;
        }
    }

    /// What the connection shows, judged by the trust of `snapshot`.
    pub(super) fn caller<'a>(&'a self, snapshot: &'a Snapshot, now: UtcTime) -> Caller<'a> {
        let certificate = self.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        Caller {
            certificate: match certificate {
                None => Shown::Nothing,
                Some(certificate) => {
                    let listener = snapshot.listener(&self.listener);
                    let tls = listener.and_then(|one| one.tls.as_ref());
                    let sni = self.tls.as_ref().and_then(|tls| tls.sni.as_deref());
                    certificate.judge(tls.map(|tls| tls.door(sni).as_ref()), now)
                }
            },
            sni: self.tls.as_ref().and_then(|tls| tls.sni.as_deref()),
            secure: self.tls.is_some(),
            address: Some(self.source.peer.ip().to_canonical()),
        }
    }

    /// Waits for what a responder says of the certificate, where the door wants to know first.
    pub(super) async fn settle(&self, snapshot: &Snapshot, now: UtcTime) {
        let tls = self.tls.as_ref();
        let certificate = tls.and_then(|tls| tls.certificate.as_ref());
        let listener = snapshot.listener(&self.listener);
        let doors = listener.and_then(|one| one.tls.as_ref());
        let sni = tls.and_then(|tls| tls.sni.as_deref());
        let trust = doors.and_then(|doors| doors.door(sni).trust());
        if let (Some(certificate), Some(trust)) = (certificate, trust) {
            trust.settle(&certificate.chain, now).await;
            let judged = certificate.judged.lock();
            let mut judged = judged.unwrap_or_else(PoisonError::into_inner);
            if let Some(judged) = &mut *judged {
                judged.until = UtcTime::from_unix(0);
            }
        }
    }

    /// A request has begun.
    pub(super) fn begin(&self, has_body: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if has_body {
            self.bodies.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request has ended.
    pub(super) fn end(&self, had_body: bool) {
        if had_body {
            self.bodies.fetch_sub(1, Ordering::Relaxed);
        }
        self.at_once.store(false, Ordering::Relaxed);
        self.answered.store(true, Ordering::Release);
    }

    /// What is written of the answer goes out without waiting for more of it.
    pub(super) fn send_at_once(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }

    pub(super) fn sends_at_once(&self) -> bool {
        self.at_once.load(Ordering::Relaxed)
    }

    /// The connection becomes a tunnel.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Release);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Acquire)
    }

    /// Whether the request that passed the gate last has its answer; asks once.
    pub(super) fn take_answered(&self) -> bool {
        self.answered.swap(false, Ordering::AcqRel)
    }

    /// Requests that were begun.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn has_begun(&self) -> bool {
        self.requests() > 0
    }

    pub(super) fn awaits_body(&self) -> bool {
        self.bodies.load(Ordering::Relaxed) > 0
    }

    /// Refuses bytes that never became a request: tells it, and gives the answer.
    pub(super) fn refuse_bytes(&self, refusal: &Refusal) -> Vec<u8> {
        let id = self.state.ids.next();
        self.state
            .telemetry
            .tell(&Record::Refused(ConnectionRecord {
                time: LogTime::now(),
                request_id: id.as_str(),
                listener: self.listener.as_str(),
                peer: self.source.peer,
                via: self.source.via,
                vpc_endpoint: self.source.vpc_endpoint.as_deref(),
                status: refusal.status(),
                refusal: refusal.code(),
                detail: refusal.detail().to_owned(),
            }));
        response::refused_bytes(refusal, &id)
    }
}

impl ShownCertificate {
    pub(super) fn new(
        identity: Identity,
        chain: Vec<CertificateDer<'static>>,
        judged: Option<Judged>,
    ) -> Self {
        Self {
            identity,
            chain,
            judged: Mutex::new(judged),
            key_alone: OnceLock::new(),
        }
    }

    /// Judged by today's door, which may not be the one that it came through.
    fn judge<'a>(&'a self, door: Option<&'a Door>, now: UtcTime) -> Shown<'a> {
        let trust = match door.map(|door| (door.mode(), door.trust())) {
            Some((ClientCertificateMode::Unverified, _)) => return Shown::Unverified,
            Some((_, Some(trust))) => trust,
            _ => return Shown::Untrusted(Distrust::NotAsked),
        };
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = match *judged {
            Some(verdict) if verdict.by == trust.id() && now <= verdict.until => verdict,
            _ => Judged::new(
                trust.id(),
                now,
                trust.judge(&self.chain, &self.identity, now),
            ),
        };
        *judged = Some(verdict);
        match verdict.outcome {
            Ok(judgement) => Shown::Trusted(Vouched {
                identity: self.vouched_for(judgement.by),
                trust_store: trust.rule_name(),
                spiffe_trust_domains: trust.spiffe_trust_domains(),
            }),
            Err(why) => Shown::Untrusted(why),
        }
    }

    /// What was needed of its chain to believe it when it was judged last. That may have been for
    /// another stream, after a reload: the certificate itself is always there.
    pub(super) fn needed_chain(&self) -> Vec<CertificateDer<'static>> {
        let judged = *self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let judgement = judged.and_then(|judged| judged.outcome.ok());
        let needed = |place| place == 0 || judgement.is_some_and(|one| one.needed(place));
        let chain = self.chain.iter().enumerate();
        let chain = chain.filter(|(place, _)| needed(*place));
        chain.map(|(_, one)| one.clone()).collect()
    }

    fn vouched_for(&self, by: Voucher) -> &Identity {
        match by {
            Voucher::Pin | Voucher::Authority(_) => &self.identity,
            Voucher::PinOfKey => {
                let make = || Box::new(self.identity.of_key_alone());
                self.key_alone.get_or_init(make)
            }
        }
    }
}
