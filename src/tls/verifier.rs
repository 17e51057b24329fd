//! The judge of callers' certificates, as rustls wants one. It judges by the trust of the
//! connection's door and leaves what it saw to whoever waits for the handshake: rustls itself
//! tells of a refusal only the alert.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::clock::UtcTime;
use crate::config::ClientCertificateMode;
use crate::digest::sha256;
use crate::distrust::Distrust;
use crate::identity::{Identity, IdentityError};
use crate::trust::{Judgement, Trust, algorithms};

/// What a handshake saw of the caller's certificate.
pub struct Seen {
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Who it says the caller is; `None` when it cannot be read.
    pub identity: Option<Identity>,
    /// How it was judged; `None` when it was taken unverified.
    pub judged: Result<Option<Judgement>, Distrust>,
}

tokio::task_local! {
    /// rustls calls the verifier from within the handshake's own task, and passes nothing on.
    static WITNESS: RefCell<Option<Seen>>;
}

/// Runs a handshake; tells what it saw of the caller's certificate. Nothing was seen when none
/// was shown, or when a session was taken up again.
pub async fn witnessed<F: Future>(handshake: F) -> (F::Output, Option<Seen>) {
    let watched = async {
        let output = handshake.await;
        (output, WITNESS.with(RefCell::take))
    };
    WITNESS.scope(RefCell::new(None), watched).await
}

/// Judges the certificates of one door.
#[derive(Debug)]
pub(super) struct Verifier {
    mode: ClientCertificateMode,
    /// `None` when certificates are taken unverified.
    trust: Option<Arc<Trust>>,
    hints: Vec<DistinguishedName>,
}

/// As many certificates as an unverified chain may have; what rustls reads is bounded in bytes.
const MAX_UNVERIFIED: usize = 10;
/// The most bytes of a chain: a TLS record holds no more. Session tickets hold the chain, and
/// clients break off at a ticket that is too long for them.
const MAX_CHAIN_BYTES: usize = 15 * 1024;

impl Verifier {
    pub(super) fn new(mode: ClientCertificateMode, trust: Option<Arc<Trust>>) -> Self {
        Self {
            mode,
            hints: trust
                .as_ref()
                .map(|trust| trust.hints())
                .unwrap_or_default(),
            trust,
        }
    }

    fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        identity: Result<&Identity, Distrust>,
        now: UtcTime,
    ) -> Result<Option<Judgement>, Distrust> {
        let identity = identity?;
        if chain.iter().map(|one| one.len()).sum::<usize>() > MAX_CHAIN_BYTES {
            return Err(Distrust::ChainTooLong);
        }
        match &self.trust {
            Some(trust) => trust.judge_handshake(chain, identity, now).map(Some),
            None if chain.len() > MAX_UNVERIFIED => Err(Distrust::ChainTooLong),
            None => Ok(None),
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mode == ClientCertificateMode::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let chain: Vec<_> = std::iter::once(leaf)
            .chain(intermediates)
            .cloned()
            .collect();
        let identity = Identity::parse(leaf).map_err(|why| match why {
            IdentityError::Unreadable => Distrust::Malformed,
            IdentityError::AmbiguousName => Distrust::AmbiguousName,
        });
        let known = identity.as_ref().map_err(|why| *why);
        let judged = self.judge(&chain, known, UtcTime::from_unix(seconds));
        let seen = Seen {
            fingerprint: sha256(leaf),
            identity: identity.ok(),
            judged,
        };
        // Nobody waits where a certificate is judged outside of a handshake.
        let _ = WITNESS.try_with(|witness| witness.replace(Some(seen)));
        match judged {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(why) => Err(Error::InvalidCertificate(alert(why))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

/// What the caller is told, by way of rustls's choice of an alert (RFC 8446 §6.2).
fn alert(why: Distrust) -> CertificateError {
    use CertificateError as E;
    match why {
        Distrust::Expired => E::Expired,
        Distrust::NotYetValid => E::NotValidYet,
        Distrust::UnknownIssuer => E::UnknownIssuer,
        Distrust::BadSignature => E::BadSignature,
        Distrust::BadPurpose => E::InvalidPurpose,
        Distrust::Revoked => E::Revoked,
        Distrust::RevocationUnknown => E::UnknownRevocationStatus,
        Distrust::Malformed => E::BadEncoding,
        _ => E::ApplicationVerificationFailure,
    }
}
