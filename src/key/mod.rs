//! The key that a signature is verified with, bound to one algorithm (RFC 9421 §3.3, §7.3.6):
//! never is an RSA key taken for an HMAC's secret because a message says so. In: PEM, a JWK or
//! a secret. Out: a `VerifyingKey`, or why not; and for a signature, whether it is right.

mod algorithm;
mod der;
mod jwk;
#[cfg(test)]
pub(crate) mod rfc_keys;
mod signing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use crate::digest::sha256;

use der::PublicKey;
use jwk::Jwk;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use signing::SigningKey;

/// Why a key cannot be used. Says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key cannot be used: {0}")]
pub struct KeyError(&'static str);

impl KeyError {
    /// It is for another algorithm than the one that is named.
    pub const OTHER_ALGORITHM: Self = Self("it is for another algorithm");
}

/// A key that verifies signatures of one algorithm. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    material: Material,
    /// Of what it was made from, so that two keys can be compared.
    fingerprint: [u8; 32],
    signature_bytes: usize,
}

#[derive(Clone)]
enum Material {
    Public(Arc<ParsedPublicKey>),
    Secret(Arc<hmac::Key>),
}

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
const MIN_SECRET_BYTES: usize = 32;

impl VerifyingKey {
    /// Reads a public key in PEM: `PUBLIC KEY` (RFC 7468 §13), or `RSA PUBLIC KEY` as RFC
    /// 9421's own examples have it. An RSA key needs its `algorithm` named; another may.
    ///
    /// # Errors
    /// Says what the text is instead, or why the key is too weak or for another algorithm.
    pub fn from_pem(algorithm: Option<Algorithm>, pem: &str) -> Result<Self, KeyError> {
        let block = der::read_pem(pem)?;
        let key = match block.label {
            "PUBLIC KEY" => der::read_public(&block.der)?,
            "RSA PUBLIC KEY" => der::read_rsa(&block.der, false)?,
            "CERTIFICATE" => {
                return Err(KeyError(
                    "it is a certificate; take the key out with `openssl x509 -pubkey -noout`",
                ));
            }
            label if label.ends_with("PRIVATE KEY") => return Err(PRIVATE),
            _ => return Err(KeyError("it is no public key")),
        };
        Self::from_public(algorithm, &key)
    }

    /// Reads a JSON Web Key (RFC 7517): RSA, EC with P-256 or P-384, OKP with Ed25519 (RFC
    /// 8037), or oct for HMAC. `alg` in it must agree with `algorithm`; RSA needs one of both.
    ///
    /// # Errors
    /// Says what is wrong with it; that it is a private key, above all.
    pub fn from_jwk(algorithm: Option<Algorithm>, jwk: &str) -> Result<Self, KeyError> {
        let jwk = Jwk::parse(jwk)?;
        if jwk.is_private() {
            return Err(PRIVATE);
        }
        jwk.check_use("verify")?;
        let algorithm = jwk.algorithm(algorithm)?;
        match jwk.secret()? {
            Some(secret) => match algorithm {
                None | Some(Algorithm::HmacSha256) => Self::from_secret(&secret),
                Some(_) => Err(OTHER_ALGORITHM),
            },
            None => Self::from_public(algorithm, &jwk.public()?),
        }
    }

    /// Takes a secret shared with the caller, for `hmac-sha256`.
    ///
    /// # Errors
    /// It has less than 32 bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        match secret.len() < MIN_SECRET_BYTES {
            true => Err(KeyError("a secret must have at least 32 bytes")),
            false => Ok(Self {
                algorithm: Algorithm::HmacSha256,
                material: Material::Secret(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
                fingerprint: sha256(secret),
                signature_bytes: 32,
            }),
        }
    }

    fn from_public(algorithm: Option<Algorithm>, key: &PublicKey) -> Result<Self, KeyError> {
        let (natural, parsed) = match key {
            PublicKey::Rsa { n, e, pss_only } => {
                let pss = pss_only.then_some(Algorithm::RsaPssSha512);
                let named = algorithm.or(pss).ok_or(KeyError(
                    "an RSA key needs its algorithm named: rsa-pss-sha512 or rsa-v1_5-sha256",
                ))?;
                if !named.is_rsa() || pss.is_some_and(|pss| pss != named) {
                    return Err(OTHER_ALGORITHM);
                }
                return Self::from_rsa(named, n, e);
            }
            PublicKey::P256(point) => (
                Algorithm::EcdsaP256Sha256,
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
            ),
            PublicKey::P384(point) => (
                Algorithm::EcdsaP384Sha384,
                ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
            ),
            PublicKey::Ed25519(point) if point.len() != 32 => {
                return Err(KeyError("an Ed25519 key has 32 bytes"));
            }
            PublicKey::Ed25519(point) => {
                (Algorithm::Ed25519, ParsedPublicKey::new(&ED25519, point))
            }
        };
        if algorithm.is_some_and(|named| named != natural) {
            return Err(OTHER_ALGORITHM);
        }
        let parsed = parsed.map_err(|_| KeyError("its point is not on its curve"))?;
        Ok(Self {
            algorithm: natural,
            fingerprint: sha256(parsed.as_ref()),
            material: Material::Public(Arc::new(parsed)),
            signature_bytes: match natural {
                Algorithm::EcdsaP384Sha384 => 96,
                _ => 64,
            },
        })
    }

    fn from_rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
            return Err(KeyError("an RSA key must have 2048 to 8192 bits"));
        }
        // RFC 8017 §3.1: odd and at least 3; more than 32 bits only slow verifying down.
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        if !odd(n) || !odd(e) || e == [1] || e.len() > 4 {
            return Err(KeyError("its RSA modulus or exponent is not a valid one"));
        }
        let parameters: &'static RsaParameters = match algorithm {
            Algorithm::RsaV15Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            _ => &RSA_PSS_2048_8192_SHA512,
        };
        let parsed = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
        let parsed = parsed.map_err(|_| KeyError("it is no RSA public key"))?;
        Ok(Self {
            algorithm,
            fingerprint: sha256(parsed.as_ref()),
            material: Material::Public(Arc::new(parsed)),
            signature_bytes: n.len(),
        })
    }

    /// The one algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a signature has the length that this key's signatures have.
    pub fn fits(&self, signature: &[u8]) -> bool {
        signature.len() == self.signature_bytes
    }

    /// Whether `signature` is one of `base` by this key. An HMAC is compared in constant time.
    pub fn verify(&self, base: &[u8], signature: &[u8]) -> bool {
        self.fits(signature)
            && match &self.material {
                Material::Public(key) => key.verify_sig(base, signature).is_ok(),
                Material::Secret(key) => hmac::verify(key, base, signature).is_ok(),
            }
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        (self.algorithm, self.fingerprint) == (other.algorithm, other.fingerprint)
    }
}

impl Eq for VerifyingKey {}

/// Shows the algorithm, and nothing of the key.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.algorithm)
    }
}

const PRIVATE: KeyError = KeyError(
    "it is a private key, and a verifier needs only the public one; the private one stays with the caller",
);
const OTHER_ALGORITHM: KeyError = KeyError::OTHER_ALGORITHM;

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
