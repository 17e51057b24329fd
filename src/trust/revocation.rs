//! Whether a path that was found is still good. In: its certificates, the time. Out: until when
//! that can be believed, or why not. Everything that a store is told to ask must be content.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::Context;
use rustls::pki_types::CertificateDer;

use crate::clock::UtcTime;
use crate::config;
use crate::distrust::Distrust;
use crate::revocation::ocsp::{OcspCache, OcspCertificateStatus, OcspKey, OcspStatus};
use crate::revocation::{Certificate, CrlSet, CrlStatus};

use super::authorities::Authorities;
use super::lists::{List, Lists};

/// What a store asks about certificates.
pub(super) struct Revocation {
    settings: config::Revocation,
    lists: CrlSet,
    hashes: Vec<[u8; 32]>,
    cache: Arc<OcspCache>,
}

/// When a chain is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nobody waits for a responder: what it does not know yet, requests will ask again.
    Handshake,
    /// Everything must be known.
    Request,
}

/// How long what a responder said is taken from a connection's own memory: it may say something
/// else meanwhile.
const LONGEST: Duration = Duration::from_secs(60);
/// How long it is believed that a responder gives no answer.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

impl Revocation {
    /// Takes its lists out of `all`, which holds them; checks at once which of `authorities` have
    /// signed them, so that no handshake has to.
    pub(super) fn open(
        settings: &config::Revocation,
        all: &Lists,
        authorities: &Authorities,
        cache: &Arc<OcspCache>,
    ) -> Self {
        let lists = settings.crls.iter().filter_map(|source| all.find(source));
        let lists: Vec<&List> = lists.collect();
        let crls = lists.iter().flat_map(|list| list.crls().iter().cloned());
        let crls = CrlSet::new(crls.collect());
        let authorities = authorities.iter();
        let authorities = authorities.filter_map(|one| Certificate::read(&one.der).ok());
        for list in crls.not_by(&authorities.collect::<Vec<_>>()) {
            tracing::warn!(
                issuer = list.issuer_name(),
                "No authority of the trust store has signed a revocation list; it counts only for authorities that callers bring along."
            );
        }
        Self {
            settings: settings.clone(),
            lists: crls,
            hashes: lists.iter().map(|list| *list.hash()).collect(),
            cache: cache.clone(),
        }
    }

    pub(super) fn settings(&self) -> &config::Revocation {
        &self.settings
    }

    pub(super) fn cache(&self) -> &Arc<OcspCache> {
        &self.cache
    }

    pub(super) fn add_to(&self, hash: &mut Context) {
        let config::Revocation {
            allow_unknown,
            stale_grace,
            whole_chain,
            ocsp,
            ..
        } = &self.settings;
        let demands = (allow_unknown, stale_grace, whole_chain, ocsp);
        hash.update(format!("{demands:?}").as_bytes());
        for list in &self.hashes {
            hash.update(list);
        }
    }

    /// Checks a path, the caller's certificate first and the authority last.
    pub(super) fn check(
        &self,
        path: &[CertificateDer<'_>],
        moment: Moment,
        now: UtcTime,
    ) -> Result<Option<UtcTime>, Distrust> {
        let depth = match self.settings.whole_chain {
            true => path.len(),
            false => path.len().min(2),
        };
        let mut until = None;
        let mut end_at =
            |end: UtcTime| until = Some(until.map_or(end, |known: UtcTime| known.min(end)));
        for pair in path[..depth].windows(2) {
            if let Some(end) = self.check_lists(&pair[0], &pair[1], now)? {
                end_at(end);
            }
        }
        if let [caller, issuer, ..] = path
            && let Some(ocsp) = &self.settings.ocsp
        {
            end_at(self.check_responder(ocsp, caller, issuer, moment, now)?);
        }
        Ok(until)
    }

    fn check_lists(
        &self,
        subject: &[u8],
        issuer: &[u8],
        now: UtcTime,
    ) -> Result<Option<UtcTime>, Distrust> {
        if self.settings.crls.is_empty() {
            return Ok(None);
        }
        let malformed = |_| Distrust::Malformed;
        let subject = Certificate::read(subject).map_err(malformed)?;
        let issuer = Certificate::read(issuer).map_err(malformed)?;
        let grace = Some(self.settings.stale_grace);
        match self.lists.check(&subject, &issuer, now, grace) {
            CrlStatus::Good { until } => Ok(Some(until)),
            CrlStatus::Revoked => Err(Distrust::Revoked),
            CrlStatus::Stale => Err(Distrust::RevocationStale),
            CrlStatus::Unknown if self.settings.allow_unknown => Ok(None),
            CrlStatus::Unknown | CrlStatus::Unusable(_) => Err(Distrust::RevocationUnknown),
        }
    }

    fn check_responder(
        &self,
        ocsp: &config::Ocsp,
        caller: &[u8],
        issuer: &[u8],
        moment: Moment,
        now: UtcTime,
    ) -> Result<UtcTime, Distrust> {
        let key = OcspKey::of(caller, issuer);
        let responder = ocsp.responder.as_deref();
        self.cache.want(&key, caller, issuer, responder, now);
        let again = match self.cache.status(&key, now) {
            OcspStatus::Known { status, until } => match status {
                OcspCertificateStatus::Good => return Ok(until.min(now.plus(LONGEST))),
                OcspCertificateStatus::Revoked => return Err(Distrust::Revoked),
                OcspCertificateStatus::Unknown => until,
            },
            OcspStatus::Failed => now.plus(AFTER_FAILURE),
            OcspStatus::Pending | OcspStatus::Unasked => now,
        };
        match (moment, ocsp.allow_unknown) {
            (_, true) => Ok(again),
            // Judged anew by the first request.
            (Moment::Handshake, false) => Ok(UtcTime::from_unix(0)),
            (Moment::Request, false) => Err(Distrust::RevocationUnknown),
        }
    }
}

impl std::fmt::Debug for Revocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocation")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
