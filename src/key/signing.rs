//! The key that signs: a caller's, in `countersign sign` and in tests, or the gateway's own.
//! In: PEM, a JWK or a secret. Out: a `SigningKey`, or why not. Never shown.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA512, RsaEncoding,
};

use super::Algorithm;
use super::der::{self, PublicKey};
use super::jwk::{Jwk, RsaParts};
use super::{KeyError, MIN_SECRET_BYTES, OTHER_ALGORITHM, VerifyingKey};

/// A key that makes signatures of one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Secret(Box<hmac::Key>),
}

const NOT_PRIVATE: KeyError = KeyError("it is no private key");

impl SigningKey {
    /// Reads a private key in PEM: `PRIVATE KEY` (PKCS #8), `RSA PRIVATE KEY` or `EC PRIVATE
    /// KEY`. An RSA key needs its `algorithm` named, unless it is for RSASSA-PSS only.
    ///
    /// # Errors
    /// It cannot be read, is too weak, or is for another algorithm.
    pub fn from_pem(algorithm: Option<Algorithm>, pem: &str) -> Result<Self, KeyError> {
        let block = der::read_pem(pem)?;
        match block.label {
            "PRIVATE KEY" => Self::from_pkcs8(algorithm, &block.der),
            "RSA PRIVATE KEY" => {
                let key = RsaKeyPair::from_der(&block.der).map_err(|_| NOT_PRIVATE)?;
                Self::from_rsa(algorithm, key)
            }
            "EC PRIVATE KEY" => {
                let p256 = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let p384 = &ECDSA_P384_SHA384_FIXED_SIGNING;
                let key = EcdsaKeyPair::from_private_key_der(p256, &block.der)
                    .or_else(|_| EcdsaKeyPair::from_private_key_der(p384, &block.der));
                Self::from_ecdsa(algorithm, key.map_err(|_| NOT_PRIVATE)?)
            }
            "ENCRYPTED PRIVATE KEY" => Err(KeyError(
                "it is encrypted; decrypt it with `openssl pkey` into a file of mode 0600",
            )),
            _ => Err(NOT_PRIVATE),
        }
    }

    fn from_pkcs8(algorithm: Option<Algorithm>, der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            return bound(
                algorithm,
                Algorithm::Ed25519,
                Material::Ed25519(Box::new(key)),
            );
        }
        for curve in [
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &ECDSA_P384_SHA384_FIXED_SIGNING,
        ] {
            if let Ok(key) = EcdsaKeyPair::from_pkcs8(curve, der) {
                return Self::from_ecdsa(algorithm, key);
            }
        }
        if let Some(inner) = der::unwrap_pss(der) {
            let key = RsaKeyPair::from_der(&inner).map_err(|_| NOT_PRIVATE)?;
            let pss = algorithm.unwrap_or(Algorithm::RsaPssSha512);
            return bound(
                Some(pss),
                Algorithm::RsaPssSha512,
                Material::Rsa(Box::new(key)),
            );
        }
        let key = RsaKeyPair::from_pkcs8(der).map_err(|_| NOT_PRIVATE)?;
        Self::from_rsa(algorithm, key)
    }

    /// Reads a private JSON Web Key (RFC 7517), or a symmetric one.
    ///
    /// # Errors
    /// It cannot be read, is too weak, or is for another algorithm.
    pub fn from_jwk(algorithm: Option<Algorithm>, jwk: &str) -> Result<Self, KeyError> {
        let jwk = Jwk::parse(jwk)?;
        jwk.check_use("sign")?;
        let algorithm = jwk.algorithm(algorithm)?;
        if let Some(secret) = jwk.secret()? {
            return match algorithm {
                None | Some(Algorithm::HmacSha256) => Self::from_secret(&secret),
                Some(_) => Err(OTHER_ALGORITHM),
            };
        }
        let inconsistent = KeyError("its private and its public half do not belong together");
        match jwk.public()? {
            PublicKey::Rsa { .. } => {
                let key = rsa_from_parts(&jwk.rsa_parts()?).ok_or(inconsistent)?;
                Self::from_rsa(algorithm, key)
            }
            PublicKey::P256(point) => {
                let (curve, d) = (&ECDSA_P256_SHA256_FIXED_SIGNING, jwk.private_number()?);
                let key = EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point);
                Self::from_ecdsa(algorithm, key.map_err(|_| inconsistent)?)
            }
            PublicKey::P384(point) => {
                let (curve, d) = (&ECDSA_P384_SHA384_FIXED_SIGNING, jwk.private_number()?);
                let key = EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point);
                Self::from_ecdsa(algorithm, key.map_err(|_| inconsistent)?)
            }
            PublicKey::Ed25519(point) => {
                let d = jwk.private_number()?;
                let key = Ed25519KeyPair::from_seed_and_public_key(&d, &point);
                let key = Box::new(key.map_err(|_| inconsistent)?);
                bound(algorithm, Algorithm::Ed25519, Material::Ed25519(key))
            }
        }
    }

    /// Takes a secret shared with the verifier, for `hmac-sha256`.
    ///
    /// # Errors
    /// It has less than 32 bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        match secret.len() < MIN_SECRET_BYTES {
            true => Err(KeyError("a secret must have at least 32 bytes")),
            false => Ok(Self {
                algorithm: Algorithm::HmacSha256,
                material: Material::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            }),
        }
    }

    fn from_ecdsa(algorithm: Option<Algorithm>, key: EcdsaKeyPair) -> Result<Self, KeyError> {
        let natural = match *key.algorithm() == ECDSA_P256_SHA256_FIXED_SIGNING {
            true => Algorithm::EcdsaP256Sha256,
            false => Algorithm::EcdsaP384Sha384,
        };
        bound(algorithm, natural, Material::Ecdsa(Box::new(key)))
    }

    fn from_rsa(algorithm: Option<Algorithm>, key: RsaKeyPair) -> Result<Self, KeyError> {
        let named = algorithm.ok_or(KeyError(
            "an RSA key needs its algorithm named: rsa-pss-sha512 or rsa-v1_5-sha256",
        ))?;
        match named.is_rsa() {
            true => bound(algorithm, named, Material::Rsa(Box::new(key))),
            false => Err(OTHER_ALGORITHM),
        }
    }

    /// The one algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies what this one signs.
    ///
    /// # Errors
    /// There is none for a secret, which does not come out again; and none that is too weak.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        let public = match &self.material {
            Material::Rsa(key) => der::read_rsa(key.public_key().as_ref(), false)?,
            Material::Ed25519(key) => PublicKey::Ed25519(key.public_key().as_ref().to_vec()),
            Material::Ecdsa(key) if self.algorithm == Algorithm::EcdsaP256Sha256 => {
                PublicKey::P256(key.public_key().as_ref().to_vec())
            }
            Material::Ecdsa(key) => PublicKey::P384(key.public_key().as_ref().to_vec()),
            Material::Secret(_) => return Err(KeyError("a secret has no public half")),
        };
        VerifyingKey::from_public(Some(self.algorithm), &public)
    }

    /// Signs `base`; `None` when the library fails.
    pub(crate) fn sign(&self, base: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.material {
            Material::Rsa(key) => {
                let encoding: &'static dyn RsaEncoding = match self.algorithm {
                    Algorithm::RsaV15Sha256 => &RSA_PKCS1_SHA256,
                    _ => &RSA_PSS_SHA512,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                let signed = key.sign(encoding, &random, base, &mut signature);
                signed.ok().map(|()| signature)
            }
            Material::Ecdsa(key) => {
                let signature = key.sign(&random, base).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Material::Ed25519(key) => Some(key.try_sign(base).ok()?.as_ref().to_vec()),
            Material::Secret(key) => Some(hmac::sign(key, base).as_ref().to_vec()),
        }
    }
}

/// Shows the algorithm, and nothing of the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm)
    }
}

fn bound(
    named: Option<Algorithm>,
    natural: Algorithm,
    material: Material,
) -> Result<SigningKey, KeyError> {
    match named.is_none_or(|named| named == natural) {
        true => Ok(SigningKey {
            algorithm: natural,
            material,
        }),
        false => Err(OTHER_ALGORITHM),
    }
}

fn rsa_from_parts(parts: &RsaParts) -> Option<RsaKeyPair> {
    RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents {
            n: &parts.n[..],
            e: &parts.e[..],
        },
        d: &parts.d[..],
        p: &parts.p[..],
        q: &parts.q[..],
        dP: &parts.dp[..],
        dQ: &parts.dq[..],
        qInv: &parts.qi[..],
    })
    .ok()
}
