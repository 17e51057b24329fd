//! Whether a key made a signature. In: a SubjectPublicKeyInfo, what was signed, how. Out: yes
//! or no. The algorithms are those of the handshake: SHA-1, MD5 and short keys are not among them.

use rustls::crypto::aws_lc_rs::default_provider;

use super::der::{Reader, SEQUENCE, Signed};

/// Whether `signed` bears a signature of the key in `spki`.
pub(super) fn is_signed_by(signed: &Signed<'_>, spki: &[u8]) -> bool {
    verify(
        spki,
        signed.algorithm.content,
        signed.tbs.raw,
        signed.signature,
    )
}

/// The same of the parts; `algorithm` is what is in the AlgorithmIdentifier.
pub(super) fn verify(spki: &[u8], algorithm: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Some((kind, key)) = read_key(spki) else {
        return false;
    };
    let known = default_provider().signature_verification_algorithms.all;
    known
        .iter()
        .filter(|known| known.public_key_alg_id().as_ref() == kind)
        .filter(|known| known.signature_alg_id().as_ref() == algorithm)
        .any(|known| known.verify_signature(key, message, signature).is_ok())
}

/// The algorithm and the bits of a SubjectPublicKeyInfo.
pub(super) fn read_key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Reader::new(Reader::only(spki, SEQUENCE).ok()?.content);
    let kind = fields.take(SEQUENCE).ok()?.content;
    let key = fields.bits().ok()?;
    fields.end().ok()?;
    Some((kind, key))
}
