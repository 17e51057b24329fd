//! The two algorithms of the family: SigV4's HMAC and SigV4a's ECDSA (AWS IAM User Guide, "AWS
//! Signature Version 4 for API requests"). In: an algorithm's token, a signature's text. Out:
//! which one it is, and the signature's bytes, which belong to that one for good.

use crate::config::SigV4Algorithm;

use super::encode;

/// The longest DER of an ECDSA signature over P-256: two integers of up to 33 bytes.
const MAX_DER: usize = 72;
/// Its digits, to which a chunk's signature is filled up.
const PADDED: usize = 2 * MAX_DER;
/// Shorter signatures exist, once in 2^40 or so: their signer may sign again.
const MIN_DIGITS: usize = 128;
const PADDING: char = '*';

/// The algorithm that `token` names. The token selects the verifier, and nothing else does.
pub(super) fn read(token: &str) -> Result<SigV4Algorithm, &'static str> {
    let all = [SigV4Algorithm::Hmac, SigV4Algorithm::Ecdsa];
    let named = all.into_iter().find(|one| self::token(*one) == token);
    named.ok_or("algorithm is neither AWS4-HMAC-SHA256 nor AWS4-ECDSA-P256-SHA256")
}

/// The first line of a string to sign.
pub(in crate::signature) fn token(algorithm: SigV4Algorithm) -> &'static str {
    match algorithm {
        SigV4Algorithm::Hmac => "AWS4-HMAC-SHA256",
        SigV4Algorithm::Ecdsa => "AWS4-ECDSA-P256-SHA256",
    }
}

/// A signature, on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    Hmac([u8; 32]),
    Ecdsa(Der),
}

/// An ECDSA signature, taken as DER says it is: only verifying it reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Der {
    bytes: [u8; MAX_DER],
    length: usize,
}

impl Der {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Signature {
    /// A request's signature.
    pub(super) fn read(algorithm: SigV4Algorithm, text: &str) -> Result<Self, &'static str> {
        match algorithm {
            SigV4Algorithm::Hmac => encode::unhex(text.as_bytes())
                .map(Self::Hmac)
                .ok_or("a signature is not 64 lower-case hexadecimal digits"),
            SigV4Algorithm::Ecdsa => der(text)
                .map(Self::Ecdsa)
                .ok_or("a signature is not 128 to 144 lower-case hexadecimal digits"),
        }
    }

    /// A signature within a body, which has one length: ECDSA's are filled up with stars, that
    /// the body's length can be told before it is signed.
    pub(super) fn read_padded(algorithm: SigV4Algorithm, text: &str) -> Result<Self, &'static str> {
        match algorithm {
            SigV4Algorithm::Hmac => Self::read(algorithm, text),
            SigV4Algorithm::Ecdsa if text.len() == PADDED => {
                Self::read(algorithm, text.trim_end_matches(PADDING))
            }
            SigV4Algorithm::Ecdsa => Err("a signature is not filled up to 144 digits with '*'"),
        }
    }

    /// Its digits, without stars.
    pub(super) fn push_hex(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hmac(bytes) => encode::push_hex(out, bytes),
            Self::Ecdsa(der) => encode::push_hex(out, der.as_bytes()),
        }
    }

    /// Whose it is.
    pub(super) fn algorithm(&self) -> SigV4Algorithm {
        match self {
            Self::Hmac(_) => SigV4Algorithm::Hmac,
            Self::Ecdsa(_) => SigV4Algorithm::Ecdsa,
        }
    }
}

fn der(text: &str) -> Option<Der> {
    let mut bytes = [0; MAX_DER];
    let length = encode::unhex_into(&mut bytes, text.as_bytes())?;
    (text.len() >= MIN_DIGITS).then_some(Der { bytes, length })
}
