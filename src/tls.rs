//! A listener's TLS, opened: what it shows, by SNI, and whose word it takes for callers.
//! In: a listener's configuration and the opened trust stores. Out: a `TlsGeneration` that lives
//! until the next reload, or every `Problem` with its files.
//! A *door* is one answer to the question for a client certificate. Callers come to it by the name
//! that they ask for; its tickets open no other door.

mod certificates;
mod doors;
mod pair;
mod staple;
mod verifier;

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;

use crate::config::{ClientCertificateMode, Listener, ListenerTls};
use crate::identity::{Caller, Shown};
use crate::problem::Problems;
use crate::refusal::Refusal;
use crate::trust::{Trust, Trusts};

use certificates::Certificates;
use doors::Doors;

pub use doors::Door;
pub use pair::{Pair, ServedCertificate};
pub use staple::Staple;
pub use verifier::{Seen, witnessed};

/// The TLS of one listener between two reloads.
pub struct TlsGeneration {
    certificates: Arc<Certificates>,
    doors: Doors,
}

impl TlsGeneration {
    /// Opens the certificates and keys of a TLS listener. Tickets of `previous` stay good exactly
    /// when the trust of their door has not changed: a resumed session is never verified again by
    /// rustls, so a ticket must not outlive the trust under which it was given.
    ///
    /// # Errors
    /// Every file that is missing, empty, unreadable or does not fit.
    pub fn open(
        file: &Path,
        listener: &Listener,
        tls: &ListenerTls,
        trusts: &Trusts,
        previous: Option<&TlsGeneration>,
    ) -> Result<Self, Problems> {
        let before = previous.map(|before| before.certificates.as_ref());
        let certificates = Arc::new(Certificates::open(file, &tls.certificates, before)?);
        Self::assemble(certificates, listener, tls, trusts, previous)
            .map_err(|text| Problems::with_file(file, text))
    }

    /// The same certificates under other trusts.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn trusting(
        &self,
        listener: &Listener,
        tls: &ListenerTls,
        trusts: &Trusts,
    ) -> Result<Self, String> {
        Self::assemble(self.certificates.clone(), listener, tls, trusts, Some(self))
    }

    fn assemble(
        certificates: Arc<Certificates>,
        listener: &Listener,
        tls: &ListenerTls,
        trusts: &Trusts,
        previous: Option<&TlsGeneration>,
    ) -> Result<Self, String> {
        let maker = doors::Maker {
            certificates: &certificates,
            trusts,
            http2: listener.http2,
            min_version: tls.min_version,
            previous: previous.map(|before| &before.doors),
        };
        Ok(Self {
            doors: Doors::open(tls, &maker)?,
            certificates,
        })
    }

    /// The door for callers that ask for `name`; without one, or for a name of no host, the
    /// listener's own.
    pub fn door(&self, name: Option<&str>) -> &Arc<Door> {
        self.doors.find(name)
    }

    /// The certificates it shows.
    pub fn certificates(&self) -> &[ServedCertificate] {
        self.certificates.all()
    }

    /// The OCSP responses that are to be fetched for them.
    pub fn staples(&self) -> impl Iterator<Item = &Arc<Staple>> {
        self.certificates.staples()
    }

    /// Whether a request for `host` may come on this connection: through the door of its host,
    /// with what that door asks of everyone. Holds for connections that were resumed, or are
    /// older than the door, as for new ones.
    ///
    /// # Errors
    /// The connection was made for a host with another door, or in plaintext when the listener
    /// had no door, or shows less than the door asks.
    pub fn admit(&self, caller: &Caller<'_>, host: &str) -> Result<(), Refusal> {
        let door = self.door(caller.sni);
        if !caller.secure || !Arc::ptr_eq(door, self.door(Some(host))) {
            return Err(Refusal::Misdirected);
        }
        match caller.certificate {
            _ if door.mode() != ClientCertificateMode::Required => Ok(()),
            Shown::Trusted(_) => Ok(()),
            Shown::Nothing | Shown::Unverified => Err(Refusal::CertificateRequired),
            Shown::Untrusted(why) => Err(Refusal::CertificateUntrusted(why)),
        }
    }
}

impl Door {
    /// Whom it trusts; `None` when it asks no caller for a certificate, or believes none.
    pub fn trust(&self) -> Option<&Arc<Trust>> {
        self.trust.as_ref()
    }

    /// Whether it asks for a certificate.
    pub fn mode(&self) -> ClientCertificateMode {
        self.mode
    }

    /// What rustls needs to shake hands.
    pub fn server(&self) -> &Arc<ServerConfig> {
        &self.server
    }
}

/// Makes aws-lc-rs the process's crypto library. Both it and ring are linked (Pingora brings
/// ring), so rustls cannot choose by itself.
pub fn install_crypto() {
    if CryptoProvider::get_default().is_none() {
        // An error says that another thread was faster, with the same provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}
