//! Keys in PEM (RFC 7468) and what kind they are. In: an operator's text. Out: DER with its
//! kind, or why not. Knows nothing of algorithms beyond their keys' identifiers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::asn1_rs::{Any, FromDer, Integer, OctetString, Sequence, Tag};
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::KeyError;

/// What one block of PEM holds.
pub(super) struct Block<'a> {
    pub label: &'a str,
    pub der: Zeroizing<Vec<u8>>,
}

const MAX_PEM_BYTES: usize = 32 * 1024;

/// Reads the one block that `pem` is.
pub(super) fn read_pem(pem: &str) -> Result<Block<'_>, KeyError> {
    const NOT_PEM: KeyError = KeyError("it is not PEM");
    if pem.len() > MAX_PEM_BYTES {
        return Err(KeyError("the PEM is longer than 32 KiB"));
    }
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or(NOT_PEM)?;
    let (label, rest) = rest.split_once("-----").ok_or(NOT_PEM)?;
    let (body, rest) = rest.split_once("-----END ").ok_or(NOT_PEM)?;
    let end = rest.strip_prefix(label).ok_or(NOT_PEM)?;
    let behind = end.strip_prefix("-----").ok_or(NOT_PEM)?;
    if behind.contains("-----BEGIN ") {
        return Err(KeyError("the PEM holds more than one block"));
    }
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
    digits.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let der = STANDARD.decode(&*digits).map_err(|_| NOT_PEM)?;
    Ok(Block {
        label,
        der: Zeroizing::new(der),
    })
}

/// The public keys that signatures are verified with.
pub(super) enum PublicKey {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
        /// Whether the key says that it is for RSASSA-PSS only (RFC 4055 §1.2).
        pss_only: bool,
    },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const ED25519: &str = "1.3.101.112";

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 8410 §4).
pub(super) fn read_public(der: &[u8]) -> Result<PublicKey, KeyError> {
    let (rest, info) =
        SubjectPublicKeyInfo::from_der(der).map_err(|_| KeyError("it is no public key"))?;
    if !rest.is_empty() {
        return Err(KeyError("it has something behind the public key"));
    }
    let bits = info.subject_public_key.data.as_ref();
    let parameters = info.algorithm.parameters.as_ref();
    match info.algorithm.algorithm.to_id_string().as_str() {
        RSA => read_rsa(bits, false),
        // With parameters the key is bound to a hash and a salt of its own.
        RSA_PSS if parameters.is_some() => Err(KeyError(
            "an RSASSA-PSS key with parameters is not supported; make one without",
        )),
        RSA_PSS => read_rsa(bits, true),
        EC => match curve_of(parameters).as_deref() {
            Some(P256) => Ok(PublicKey::P256(bits.to_vec())),
            Some(P384) => Ok(PublicKey::P384(bits.to_vec())),
            _ => Err(KeyError("its curve is neither P-256 nor P-384")),
        },
        ED25519 => Ok(PublicKey::Ed25519(bits.to_vec())),
        _ => Err(KeyError("it is neither RSA nor EC nor Ed25519")),
    }
}

fn curve_of(parameters: Option<&Any<'_>>) -> Option<String> {
    let oid = parameters?.as_oid().ok()?;
    Some(oid.to_id_string())
}

/// Reads PKCS #1's RSAPublicKey (RFC 8017 appendix A.1.1).
pub(super) fn read_rsa(der: &[u8], pss_only: bool) -> Result<PublicKey, KeyError> {
    let (rest, key) =
        RSAPublicKey::from_der(der).map_err(|_| KeyError("it is no RSA public key"))?;
    match rest.is_empty() {
        true => Ok(PublicKey::Rsa {
            n: key.modulus.to_vec(),
            e: key.exponent.to_vec(),
            pss_only,
        }),
        false => Err(KeyError("it has something behind the public key")),
    }
}

/// The RSAPrivateKey inside a PKCS #8 key that says it is for RSASSA-PSS, which aws-lc does
/// not unwrap; `None` for any other key.
pub(super) fn unwrap_pss(pkcs8: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (_, outer) = Sequence::from_der(pkcs8).ok()?;
    let (rest, _) = Integer::from_der(&outer.content).ok()?;
    let (rest, algorithm) = Sequence::from_der(rest).ok()?;
    let (parameters, oid) = Any::from_der(&algorithm.content).ok()?;
    let is_pss = oid.header.tag() == Tag::Oid
        && oid.as_oid().ok()?.to_id_string() == RSA_PSS
        && parameters.is_empty();
    let (_, key) = OctetString::from_der(rest).ok()?;
    is_pss.then(|| Zeroizing::new(key.as_ref().to_vec()))
}
