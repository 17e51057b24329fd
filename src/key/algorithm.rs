//! The signature algorithms of RFC 9421 §3.3, by their names in IANA's registry "HTTP Signature
//! Algorithms". In: a name. Out: an `Algorithm`, or nothing. There is no default and no `none`.

use std::fmt;
use std::str::FromStr;

/// A signature algorithm of RFC 9421 §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `rsa-pss-sha512` (§3.3.1): RSASSA-PSS, SHA-512, a salt of 64 bytes.
    RsaPssSha512,
    /// `rsa-v1_5-sha256` (§3.3.2): RSASSA-PKCS1-v1_5, SHA-256.
    RsaV15Sha256,
    /// `hmac-sha256` (§3.3.3).
    HmacSha256,
    /// `ecdsa-p256-sha256` (§3.3.4): r and s of 32 bytes each, not DER.
    EcdsaP256Sha256,
    /// `ecdsa-p384-sha384` (§3.3.5): r and s of 48 bytes each, not DER.
    EcdsaP384Sha384,
    /// `ed25519` (§3.3.6).
    Ed25519,
}

/// A name that is not in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature algorithm is unknown")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All of them, in the registry's order.
    pub const ALL: [Algorithm; 6] = [
        Self::RsaPssSha512,
        Self::RsaV15Sha256,
        Self::HmacSha256,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::Ed25519,
    ];

    /// Its name in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaPssSha512 => "rsa-pss-sha512",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
            Self::HmacSha256 => "hmac-sha256",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Whether it is made with an RSA key.
    pub(crate) fn is_rsa(self) -> bool {
        matches!(self, Self::RsaPssSha512 | Self::RsaV15Sha256)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let mut all = Self::ALL.into_iter();
        all.find(|one| one.as_str() == name).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
