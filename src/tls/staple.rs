//! The OCSP response that is shown with a certificate (RFC 6066 §8), so that a caller need not
//! ask for it. In: a file, or what the certificate's responder says. Out: the key to shake hands
//! with, response included, for as long as that counts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use arc_swap::ArcSwapOption;
use rustls::sign::CertifiedKey;

use crate::clock::UtcTime;
use crate::config::{CertificateFiles, StapleFrom};
use crate::revocation::Certificate;
use crate::revocation::ocsp::{
    self, MAX_ANSWER_BYTES, OcspAnswer, OcspCertificateStatus, responder_of,
};

/// The OCSP response of one certificate.
pub struct Staple {
    chain: PathBuf,
    /// Without a response.
    bare: Arc<CertifiedKey>,
    is_fetched: bool,
    shown: ArcSwapOption<Shown>,
    /// When to fetch next, in seconds since 1970.
    next: AtomicI64,
    /// In a row.
    failures: AtomicU32,
}

/// A response that is shown until then.
struct Shown {
    key: Arc<CertifiedKey>,
    until: UtcTime,
}

/// How long a fetch may be under way before another is begun.
const FETCH_SECS: i64 = 60;
const SHORTEST_SECS: i64 = 60;
const LONGEST_SECS: i64 = 12 * 3600;
const FIRST_RETRY_SECS: i64 = 10;
const LAST_RETRY_SECS: i64 = 600;

impl Staple {
    /// Opens what `files` say of a response for the certificate of `bare`; `None` when they say
    /// nothing. What one of `before` has fetched for the same certificate is shown on.
    ///
    /// # Errors
    /// Says what is wrong, and the cure.
    pub(super) fn open(
        files: &CertificateFiles,
        bare: &Arc<CertifiedKey>,
        before: &[Arc<Self>],
        now: UtcTime,
    ) -> Result<Option<Self>, String> {
        let is_fetched = match &files.staple {
            StapleFrom::Nowhere => return Ok(None),
            StapleFrom::File(_) => false,
            StapleFrom::Responder => true,
        };
        let staple = Self {
            chain: files.chain.clone(),
            bare: bare.clone(),
            is_fetched,
            shown: ArcSwapOption::empty(),
            next: AtomicI64::new(i64::MIN),
            failures: AtomicU32::new(0),
        };
        staple.check_chain()?;
        match &files.staple {
            StapleFrom::File(file) => staple.read(file, now)?,
            _ => staple.take_over(before)?,
        }
        Ok(Some(staple))
    }

    /// Whether it is fetched, again and again.
    pub(super) fn is_fetched(&self) -> bool {
        self.is_fetched
    }

    /// The key with the response, while that counts.
    pub(super) fn key(&self, now: UtcTime) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.load();
        let shown = shown.as_ref().filter(|shown| now <= shown.until)?;
        Some(shown.key.clone())
    }

    /// Whether it is time to [`fetch`](Self::fetch). Says so to one who asks, not to all.
    pub fn is_due(&self, now: UtcTime) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let lease = now.unix() + FETCH_SECS;
        let relaxed = Ordering::Relaxed;
        next <= now.unix()
            && self
                .next
                .compare_exchange(next, lease, relaxed, relaxed)
                .is_ok()
    }

    /// Fetches a response from the responder that the certificate names, and shows it when it
    /// is good. Without one, what was fetched before is shown on for as long as it counts.
    pub async fn fetch(&self) {
        let [subject, issuer] = self.pair();
        let fetched = ocsp::fetch(subject, issuer).await;
        let now = UtcTime::now();
        let chain = self.chain.display();
        match fetched {
            Ok(fetched) if fetched.answer.status == OcspCertificateStatus::Good => {
                self.show(&fetched.answer, fetched.response);
                self.failures.store(0, Ordering::Relaxed);
                let half = (fetched.answer.until().unix() - now.unix()) / 2;
                self.wait(now, half.clamp(SHORTEST_SECS, LONGEST_SECS));
                tracing::info!(%chain, until = %fetched.answer.until(), "An OCSP response is stapled.");
            }
            Ok(fetched) => {
                self.shown.store(None);
                self.failed(now);
                let status = fetched.answer.status;
                tracing::error!(%chain, ?status, "The responder does not vouch for the certificate; nothing is stapled.");
            }
            Err(why) => {
                self.failed(now);
                tracing::warn!(%chain, "No OCSP response could be fetched to staple: {why}");
            }
        }
    }

    fn failed(&self, now: UtcTime) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        self.wait(
            now,
            (FIRST_RETRY_SECS << failures.min(6)).min(LAST_RETRY_SECS),
        );
    }

    fn wait(&self, now: UtcTime, seconds: i64) {
        self.next.store(now.unix() + seconds, Ordering::Relaxed);
    }

    fn show(&self, answer: &OcspAnswer, response: Vec<u8>) {
        let mut key = CertifiedKey::clone(&self.bare);
        key.ocsp = Some(response);
        let shown = Shown {
            key: Arc::new(key),
            until: answer.until(),
        };
        self.shown.store(Some(Arc::new(shown)));
    }

    /// The certificate and its issuer's; `check_chain` has seen that both are there.
    fn pair(&self) -> [&[u8]; 2] {
        [&self.bare.cert[0], &self.bare.cert[1]]
    }

    /// Without the issuer's certificate nobody could tell whether a response is worth anything.
    fn check_chain(&self) -> Result<(), String> {
        let read = |at: usize| Certificate::read(self.bare.cert.get(at)?).ok();
        match (read(0), read(1)) {
            (Some(subject), Some(issuer)) if subject.is_issued_by(&issuer) => Ok(()),
            _ => Err(format!(
                "{}: no OCSP response can be checked, because its second certificate is not the issuer of the first; append the issuer's certificate",
                self.chain.display()
            )),
        }
    }

    fn read(&self, file: &Path, now: UtcTime) -> Result<(), String> {
        let (name, chain) = (file.display(), self.chain.display());
        let response = read_bounded(file).map_err(|e| format!("{name}: cannot be read: {e}"))?;
        let [subject, issuer] = self.pair();
        let answer = ocsp::verify(&response, subject, issuer, now).map_err(|e| {
            format!(
                "{name}: is no OCSP response for {chain}: {e}; have one written by openssl ocsp -respout, or write stapling = true"
            )
        })?;
        match answer.status {
            OcspCertificateStatus::Good => {
                self.show(&answer, response);
                Ok(())
            }
            OcspCertificateStatus::Revoked => Err(format!(
                "{name}: says that {chain} is revoked; show another certificate"
            )),
            OcspCertificateStatus::Unknown => Err(format!(
                "{name}: says that its responder does not know {chain}; ask the one that the certificate names"
            )),
        }
    }

    fn take_over(&self, before: &[Arc<Self>]) -> Result<(), String> {
        let [subject, issuer] = self.pair();
        if responder_of(subject).is_none() {
            return Err(format!(
                "{}: names no OCSP responder to fetch from; leave \"stapling\" out, or name a file with a response: ocsp = \"server.ocsp.der\"",
                self.chain.display()
            ));
        }
        let mut before = before.iter().filter(|one| one.is_fetched);
        let Some(known) = before.find(|one| one.pair() == [subject, issuer]) else {
            return Ok(());
        };
        let Some(shown) = known.shown.load_full() else {
            return Ok(());
        };
        let mut key = CertifiedKey::clone(&self.bare);
        key.ocsp.clone_from(&shown.key.ocsp);
        self.shown.store(Some(Arc::new(Shown {
            key: Arc::new(key),
            until: shown.until,
        })));
        self.next
            .store(known.next.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }
}

/// One byte more than may be there tells a file that is too long.
fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let most = MAX_ANSWER_BYTES as u64 + 1;
    std::fs::File::open(file)?
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Debug for Staple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.shown.load().as_ref().map(|shown| shown.until);
        f.debug_struct("Staple")
            .field("chain", &self.chain)
            .field("until", &until)
            .finish_non_exhaustive()
    }
}
