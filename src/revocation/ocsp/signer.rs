//! Who may answer for an issuer (RFC 6960 §4.2.2.2): itself, or one whose certificate it has
//! signed for just this purpose. Whether a delegate was revoked is not asked: its certificate
//! is short-lived or says that nobody need ask (RFC 6960 §4.2.2.2.1).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::clock::UtcTime;
use crate::revocation::certificate::Certificate;
use crate::revocation::der::{NotDer, OCTET_STRING, Reader, SEQUENCE, Signed, constructed};
use crate::revocation::signature::{is_signed_by, read_key};

/// Who says that it answers.
pub(super) enum ResponderId<'a> {
    /// The DER of its name.
    Name(&'a [u8]),
    /// The SHA-1 of its key.
    Key(&'a [u8]),
}

impl<'a> ResponderId<'a> {
    pub(super) fn read(fields: &mut Reader<'a>) -> Result<Self, NotDer> {
        if let Some(mut name) = fields.maybe_inside(constructed(1))? {
            let raw = name.take(SEQUENCE)?.raw;
            return name.end().map(|()| Self::Name(raw));
        }
        let mut key = fields.inside(constructed(2))?;
        let hash = key.take(OCTET_STRING)?.content;
        key.end().map(|()| Self::Key(hash))
    }

    fn is(&self, certificate: &Certificate<'_>) -> bool {
        match self {
            Self::Name(name) => certificate.subject() == *name,
            Self::Key(hash) => read_key(certificate.spki())
                .is_some_and(|(_, key)| digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref() == *hash),
        }
    }
}

/// Signatures cost time, and an answer comes from the network: so many delegates are tried.
const MAX_DELEGATES: usize = 3;

/// Whether the responder may answer for `issuer` and has signed.
pub(super) fn has_signed(
    signed: &Signed<'_>,
    responder: &ResponderId<'_>,
    certificates: &[&[u8]],
    issuer: &Certificate<'_>,
    now: UtcTime,
) -> bool {
    if responder.is(issuer) && is_signed_by(signed, issuer.spki()) {
        return true;
    }
    certificates
        .iter()
        .take(MAX_DELEGATES)
        .filter_map(|der| Certificate::read(der).ok())
        .filter(|delegate| responder.is(delegate))
        .filter(|delegate| is_delegate(delegate, issuer, now))
        .any(|delegate| is_signed_by(signed, delegate.spki()))
}

fn is_delegate(delegate: &Certificate<'_>, issuer: &Certificate<'_>, now: UtcTime) -> bool {
    delegate.is_for_ocsp()
        && delegate.may_sign()
        && !delegate.has_unknown_demands()
        && delegate.is_valid_at(now)
        && delegate.is_issued_by(issuer)
}
