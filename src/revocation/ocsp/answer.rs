//! An answer of a responder (RFC 6960 §4.2). In: its bytes, whom it should be about, the time.
//! Out: an `OcspAnswer` that can be believed, or an `OcspError`.

use std::time::Duration;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use crate::clock::UtcTime;
use crate::revocation::certificate::Certificate;
use crate::revocation::crl_set::SLACK;
use crate::revocation::der::{
    ENUMERATED, GENERALIZED_TIME, INTEGER, NotDer, OCTET_STRING, Reader, SEQUENCE, Signed,
    constructed, number, tagged, time,
};

use super::signer::{self, ResponderId};
use super::{CertificateId, MAX_ANSWER_BYTES};

/// What a responder says, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspAnswer {
    /// Whether the certificate is revoked.
    pub status: OcspCertificateStatus,
    /// Since when the responder knows this to be so.
    pub this_update: UtcTime,
    /// When it will know more; `None` when it may at any time.
    pub next_update: Option<UtcTime>,
}

/// What a responder says of a certificate (RFC 6960 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspCertificateStatus {
    /// It is not revoked.
    Good,
    /// It is revoked, for good or for a time.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

/// Why an answer is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspError {
    /// The certificate or its issuer cannot be read.
    #[error("the certificate or its issuer cannot be read")]
    Certificate,
    /// It is longer than 64 KiB, or no DER that can be read to its end.
    #[error("it is no OCSP response that can be read")]
    Unreadable,
    /// The responder did not answer the question; its status is not "successful".
    #[error("the responder does not answer: its status is {0}")]
    Refused(u8),
    /// It says nothing, or more than one thing, of the certificate.
    #[error("it is not about the certificate")]
    OtherCertificate,
    /// It was signed by neither the issuer nor one to whom the issuer has delegated this.
    #[error("it is not signed by the issuer or its delegate")]
    Signer,
    /// It is of a time to come.
    #[error("it is not valid yet")]
    NotYet,
    /// The time for which it counts is over.
    #[error("it has ended; a newer one must be fetched")]
    Ended,
}

impl From<NotDer> for OcspError {
    fn from(_: NotDer) -> Self {
        Self::Unreadable
    }
}

/// How long an answer without an end is believed.
const ENDLESS: Duration = Duration::from_secs(3600);

impl OcspAnswer {
    /// The last second in which it can be believed, as it says itself.
    pub fn until(&self) -> UtcTime {
        self.next_update.unwrap_or(self.this_update.plus(ENDLESS))
    }

    fn check(self, now: UtcTime) -> Result<Self, OcspError> {
        if self.this_update > now.plus(SLACK) {
            return Err(OcspError::NotYet);
        }
        match self.until().plus(SLACK) < now {
            true => Err(OcspError::Ended),
            false => Ok(self),
        }
    }
}

pub(super) fn verify(
    response: &[u8],
    subject: &Certificate<'_>,
    issuer: &Certificate<'_>,
    now: UtcTime,
) -> Result<OcspAnswer, OcspError> {
    let mut fields = Reader::new(basic_response(response)?);
    let signed = Signed::read(&mut fields)?;
    let mut certificates = Vec::new();
    if let Some(mut outer) = fields.maybe_inside(constructed(0))? {
        let mut list = outer.inside(SEQUENCE)?;
        outer.end()?;
        while !list.is_empty() {
            certificates.push(list.take(SEQUENCE)?.raw);
        }
    }
    fields.end()?;
    let (responder, answers) = read_data(signed.tbs.content)?;
    if !signer::has_signed(&signed, &responder, &certificates, issuer, now) {
        return Err(OcspError::Signer);
    }
    find(answers, subject, issuer)?.check(now)
}

/// Reads an OCSPResponse down to the content of its BasicOCSPResponse.
fn basic_response(response: &[u8]) -> Result<&[u8], OcspError> {
    if response.len() > MAX_ANSWER_BYTES {
        return Err(OcspError::Unreadable);
    }
    let mut fields = Reader::new(Reader::only(response, SEQUENCE)?.content);
    match fields.take(ENUMERATED)?.content {
        [0] => {}
        [status] => return Err(OcspError::Refused(*status)),
        _ => return Err(OcspError::Unreadable),
    }
    let mut outer = fields.inside(constructed(0))?;
    fields.end()?;
    let mut bytes = outer.inside(SEQUENCE)?;
    outer.end()?;
    let kind = bytes.oid()?;
    let basic = bytes.take(OCTET_STRING)?.content;
    bytes.end()?;
    match kind == BASIC {
        true => Ok(Reader::only(basic, SEQUENCE)?.content),
        false => Err(OcspError::Unreadable),
    }
}

/// id-pkix-ocsp-basic.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

/// Reads ResponseData: who answers, and the list of SingleResponse.
fn read_data(data: &[u8]) -> Result<(ResponderId<'_>, Reader<'_>), OcspError> {
    let mut fields = Reader::new(data);
    if let Some(mut version) = fields.maybe_inside(constructed(0))? {
        if version.take(INTEGER)?.content != [0] {
            return Err(OcspError::Unreadable);
        }
        version.end()?;
    }
    let responder = ResponderId::read(&mut fields)?;
    let produced = fields.take(GENERALIZED_TIME)?;
    time(&produced)?;
    let answers = fields.inside(SEQUENCE)?;
    check_extensions(fields.maybe_inside(constructed(1))?)?;
    fields.end()?;
    Ok((responder, answers))
}

/// None that is known is critical, and one that is critical must not be passed over.
fn check_extensions(outer: Option<Reader<'_>>) -> Result<(), OcspError> {
    let Some(mut outer) = outer else {
        return Ok(());
    };
    let mut extensions = outer.inside(SEQUENCE)?;
    outer.end()?;
    while !extensions.is_empty() {
        if extensions.extension()?.1 {
            return Err(OcspError::Unreadable);
        }
    }
    Ok(())
}

/// The one SingleResponse about `subject`.
fn find(
    mut answers: Reader<'_>,
    subject: &Certificate<'_>,
    issuer: &Certificate<'_>,
) -> Result<OcspAnswer, OcspError> {
    let mut found = None;
    while !answers.is_empty() {
        let mut fields = answers.inside(SEQUENCE)?;
        let is_its = is_about(fields.inside(SEQUENCE)?, subject, issuer)?;
        let answer = read_single(fields)?;
        if is_its && found.replace(answer).is_some() {
            return Err(OcspError::OtherCertificate);
        }
    }
    found.ok_or(OcspError::OtherCertificate)
}

/// Reads what follows the CertID in a SingleResponse.
fn read_single(mut fields: Reader<'_>) -> Result<OcspAnswer, OcspError> {
    let state = fields.any()?;
    let status = match (state.tag, state.content) {
        (tag, []) if tag == tagged(0) => OcspCertificateStatus::Good,
        (tag, _) if tag == constructed(1) => OcspCertificateStatus::Revoked,
        (tag, []) if tag == tagged(2) => OcspCertificateStatus::Unknown,
        _ => return Err(OcspError::Unreadable),
    };
    let this_update = time(&fields.take(GENERALIZED_TIME)?)?;
    let next_update = match fields.maybe_inside(constructed(0))? {
        None => None,
        Some(mut outer) => {
            let end = time(&outer.take(GENERALIZED_TIME)?)?;
            outer.end()?;
            Some(end)
        }
    };
    check_extensions(fields.maybe_inside(constructed(1))?)?;
    fields.end()?;
    Ok(OcspAnswer {
        status,
        this_update,
        next_update,
    })
}

/// Whether a CertID is the one of `subject`, by SHA-1 or, as some responders have it, SHA-256.
fn is_about(
    mut id: Reader<'_>,
    subject: &Certificate<'_>,
    issuer: &Certificate<'_>,
) -> Result<bool, OcspError> {
    let hash = hash_of(id.inside(SEQUENCE)?.oid()?);
    let name = id.take(OCTET_STRING)?.content;
    let key = id.take(OCTET_STRING)?.content;
    let serial = number(id.take(INTEGER)?.content);
    id.end()?;
    let Some(own) = hash.and_then(|hash| CertificateId::of(issuer, hash)) else {
        return Ok(false);
    };
    Ok(own.name == name && own.key == key && serial == Some(subject.serial))
}

fn hash_of(id: &[u8]) -> Option<&'static Algorithm> {
    match id {
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(&SHA1_FOR_LEGACY_USE_ONLY),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] => Some(&SHA256),
        _ => None,
    }
}
