//! A certificate revocation list (RFC 5280 §5). In: PEM or DER, from a file or from the
//! network. Out: a `Crl` that answers in a few comparisons whether a serial number is on it
//! and whether a key has signed it; or why it cannot be used. Whether it counts for a
//! certificate is the matter of `CrlSet`.
//!
//! Half a million entries take 10 MB, next to the bytes that are signed. They are hashed once
//! for each key that may have signed them, not at each question.

mod fields;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::clock::UtcTime;
use crate::digest::sha256;

use super::certificate::Certificate;
use super::der::{
    GENERALIZED_TIME, INTEGER, NotDer, Reader, SEQUENCE, SERIAL_BYTES, Signed, UTC_TIME,
    constructed,
};
use super::signature;

pub(super) use fields::Scope;
use fields::{read_entries, read_extensions};

/// A serial number, padded to its longest on the left.
pub(super) type Serial = [u8; SERIAL_BYTES];

/// A certificate revocation list.
pub struct Crl {
    issuer: Box<[u8]>,
    this_update: UtcTime,
    next_update: UtcTime,
    number: Option<Serial>,
    scope: Scope,
    /// In order.
    serials: Box<[Serial]>,
    proof: Proof,
    /// Keys by the hash of their SubjectPublicKeyInfo, and whether each has signed this.
    judged: Mutex<Vec<([u8; 32], bool)>>,
}

/// What its signature is about, as ranges of the list's DER.
struct Proof {
    der: Bytes,
    tbs: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
}

/// Why something is no revocation list that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// It cannot be read to its end.
    #[error("it is no certificate revocation list that can be read")]
    Unreadable,
    /// PEM, but of something else.
    #[error("it holds no X509 CRL block")]
    Empty,
    /// Without version 2 there are neither numbers nor scopes.
    #[error("it is of version 1; publish version 2, with a CRL number")]
    Version,
    /// Nobody could say when it has become too old.
    #[error("it has no next update; publish it with one")]
    Endless,
    /// It only says what has changed since another.
    #[error("it is a delta CRL, which is not supported; name the complete one")]
    Delta,
    /// It speaks for other issuers, too.
    #[error("it is an indirect CRL, which is not supported; name those of each issuer")]
    Indirect,
    /// It covers a part of what may happen to a certificate.
    #[error(
        "it counts for some reasons or for attribute certificates only, which is not supported"
    )]
    Partial,
    /// Its distribution point is named relative to its issuer.
    #[error("its distribution point has no full name, which is not supported")]
    RelativeName,
    /// A critical extension, of the list or of an entry, that is not understood.
    #[error("it has a critical extension that is not supported")]
    UnknownExtension,
    /// A serial number that no certificate may have.
    #[error("it lists a serial number that is negative or longer than 20 octets")]
    Serial,
}

impl From<NotDer> for CrlError {
    fn from(_: NotDer) -> Self {
        Self::Unreadable
    }
}

/// More keys than any authority has under one name.
const MAX_JUDGED: usize = 64;

impl Crl {
    /// Reads the list that `bytes` are as DER, or every one that they hold as PEM.
    ///
    /// # Errors
    /// The first that cannot be used. RFC 5280 lets a reader refuse all of these.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, CrlError> {
        // A DER list is a sequence. Text that starts with the same byte, a zero, is no PEM
        // that anybody writes.
        if bytes.first() == Some(&SEQUENCE) {
            return Ok(vec![Self::read(Bytes::copy_from_slice(bytes))?]);
        }
        let mut all = Vec::new();
        for block in CertificateRevocationListDer::pem_slice_iter(bytes) {
            let block = block.map_err(|_| CrlError::Unreadable)?;
            all.push(Self::read(Bytes::copy_from_slice(&block))?);
        }
        match all.is_empty() {
            true => Err(CrlError::Empty),
            false => Ok(all),
        }
    }

    fn read(der: Bytes) -> Result<Self, CrlError> {
        let mut fields = Reader::new(Reader::only(&der, SEQUENCE)?.content);
        let signed = Signed::read(&mut fields)?;
        fields.end()?;
        let mut list = Reader::new(signed.tbs.content);
        match list.maybe(INTEGER)?.map(|version| version.content) {
            Some([1]) => {}
            _ => return Err(CrlError::Version),
        }
        if list.take(SEQUENCE)?.raw != signed.algorithm.raw {
            return Err(CrlError::Unreadable);
        }
        let issuer = list.take(SEQUENCE)?.raw.into();
        let this_update = list.time()?;
        let next_update = match list.peek() {
            Some(UTC_TIME | GENERALIZED_TIME) => list.time()?,
            _ => return Err(CrlError::Endless),
        };
        let serials = match list.maybe_inside(SEQUENCE)? {
            Some(entries) => read_entries(entries)?,
            None => Box::default(),
        };
        let (number, scope) = match list.maybe_inside(constructed(0))? {
            Some(extensions) => read_extensions(extensions)?,
            None => (None, Scope::default()),
        };
        list.end()?;
        Ok(Self {
            issuer,
            this_update,
            next_update,
            number,
            scope,
            serials,
            proof: Proof::of(&signed, &der),
            judged: Mutex::default(),
        })
    }

    /// Whether the key in `spki`, a SubjectPublicKeyInfo, has signed it. Hashes all of the list
    /// for a key that it has not been asked about before.
    pub fn verify_by(&self, spki: &[u8]) -> bool {
        let key = sha256(spki);
        // Held on purpose: whoever asks about the same key at the same time waits, rather
        // than hash all of it again.
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, is_good)) = judged.iter().find(|(known, _)| *known == key) {
            return *is_good;
        }
        let is_good = self.proof.is_by(spki);
        if judged.len() < MAX_JUDGED {
            judged.push((key, is_good));
        }
        is_good
    }

    /// Whether a key is known that has signed it.
    pub(super) fn is_proven(&self) -> bool {
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        judged.iter().any(|(_, is_good)| *is_good)
    }

    /// Whether it speaks for the same certificates as `other`.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.scope == other.scope
    }

    /// Whether `authority` has published it: by name, by key, and as one that may.
    pub fn is_by(&self, authority: &Certificate<'_>) -> bool {
        self.bears_name_of(authority)
            && authority.may_sign_crls()
            && self.verify_by(authority.spki())
    }

    /// Whether it bears the name of `authority`, whoever has signed it.
    pub fn bears_name_of(&self, authority: &Certificate<'_>) -> bool {
        *self.issuer == *authority.subject()
    }

    /// Its issuer's name, to be shown: `CN=authority`.
    pub fn issuer_name(&self) -> String {
        match X509Name::from_der(&self.issuer) {
            Ok((_, name)) => name.to_string(),
            Err(_) => "a name that cannot be read".to_owned(),
        }
    }

    /// How many serial numbers are on it.
    pub fn entries(&self) -> usize {
        self.serials.len()
    }

    /// Since when it counts.
    pub fn this_update(&self) -> UtcTime {
        self.this_update
    }

    /// When there will be a newer one.
    pub fn next_update(&self) -> UtcTime {
        self.next_update
    }

    /// The DER of its issuer's name.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    pub(super) fn lists(&self, serial: &Serial) -> bool {
        self.serials.binary_search(serial).is_ok()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Larger for the newer of two lists.
    pub(super) fn age(&self) -> (Option<Serial>, UtcTime) {
        (self.number, self.this_update)
    }
}

/// Tells what it is, not what is on it.
impl std::fmt::Debug for Crl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crl")
            .field("this_update", &self.this_update)
            .field("next_update", &self.next_update)
            .field("entries", &self.serials.len())
            .finish_non_exhaustive()
    }
}

impl Proof {
    fn of(signed: &Signed<'_>, der: &Bytes) -> Self {
        let range = |part: &[u8]| {
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        Self {
            tbs: range(signed.tbs.raw),
            algorithm: range(signed.algorithm.content),
            signature: range(signed.signature),
            der: der.clone(),
        }
    }

    fn is_by(&self, spki: &[u8]) -> bool {
        let part = |range: &Range<usize>| &self.der[range.clone()];
        signature::verify(
            spki,
            part(&self.algorithm),
            part(&self.tbs),
            part(&self.signature),
        )
    }
}
