//! OCSP (RFC 6960), as a client. In: a certificate and its issuer. Out: what to ask, whom, and
//! what the answer is worth; `OcspCache` asks and remembers.
//! A request has no nonce (RFC 5019 §2.1.1): responders answer from what they signed before.

mod answer;
mod ask;
mod cache;
mod entries;
mod responders;
mod signer;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::clock::UtcTime;

use super::certificate::{Certificate, Unreadable};
use super::signature::read_key;

pub use answer::{OcspAnswer, OcspCertificateStatus, OcspError};
pub use ask::{Fetched, fetch};
pub use cache::{OcspCache, OcspCounts};
pub use entries::{OcspKey, OcspStatus};

/// The longest answer that is read.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A request (RFC 6960 §4.1.1) about the certificate `subject` that `issuer` has signed.
///
/// # Errors
/// One of them cannot be read.
pub fn request(subject: &[u8], issuer: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let (subject, issuer) = (Certificate::read(subject)?, Certificate::read(issuer)?);
    let id = CertificateId::of(&issuer, &SHA1_FOR_LEGACY_USE_ONLY).ok_or(Unreadable)?;
    let algorithm = wrap(0x30, &[SHA1, &[0x05, 0x00]]);
    let fields = [
        algorithm,
        wrap(0x04, &[&id.name]),
        wrap(0x04, &[&id.key]),
        wrap(0x02, &[subject.raw_serial()]),
    ];
    // OCSPRequest, TBSRequest, the list, Request and CertID are sequences around each other.
    let request = (0..5).fold(fields.concat(), |inner, _| wrap(0x30, &[&inner]));
    Ok(request)
}

/// Where `subject` says that its issuer answers: an http or https URL.
pub fn responder_of(subject: &[u8]) -> Option<String> {
    let subject = Certificate::read(subject).ok()?;
    subject.responder().map(str::to_owned)
}

/// Judges an answer about the certificate `subject` that `issuer` has signed.
///
/// # Errors
/// Says why it is worth nothing: not about this certificate, not by one who may say so, or
/// not for now.
pub fn verify(
    response: &[u8],
    subject: &[u8],
    issuer: &[u8],
    now: UtcTime,
) -> Result<OcspAnswer, OcspError> {
    let subject = Certificate::read(subject).map_err(|_| OcspError::Certificate)?;
    let issuer = Certificate::read(issuer).map_err(|_| OcspError::Certificate)?;
    answer::verify(response, &subject, &issuer, now)
}

/// id-sha1, as an object identifier in DER.
const SHA1: &[u8] = &[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a];

/// The hashes by which a CertID (RFC 6960 §4.1.1) names an issuer.
struct CertificateId {
    name: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateId {
    fn of(issuer: &Certificate<'_>, hash: &'static Algorithm) -> Option<Self> {
        let (_, key) = read_key(issuer.spki())?;
        let of = |bytes: &[u8]| digest(hash, bytes).as_ref().to_vec();
        Some(Self {
            name: of(issuer.subject()),
            key: of(key),
        })
    }
}

/// A DER value around `parts`, which are short: a request is about a hundred bytes.
fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let mut value = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    value.extend(content);
    value
}
