//! A JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037). In: JSON. Out: its parts, or why not.
//! Secrets in it are zeroized when dropped.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::Algorithm;
use super::der::PublicKey;
use super::{KeyError, OTHER_ALGORITHM};

const MAX_JWK_BYTES: usize = 32 * 1024;

/// The members that matter. One that is there twice is an error.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    alg: Option<String>,
    crv: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<Hidden>,
    d: Option<Hidden>,
    p: Option<Hidden>,
    q: Option<Hidden>,
    dp: Option<Hidden>,
    dq: Option<Hidden>,
    qi: Option<Hidden>,
}

/// A member that is nobody's business.
struct Hidden(Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// The private parts of an RSA key.
pub(super) struct RsaParts {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
    pub d: Zeroizing<Vec<u8>>,
    pub p: Zeroizing<Vec<u8>>,
    pub q: Zeroizing<Vec<u8>>,
    pub dp: Zeroizing<Vec<u8>>,
    pub dq: Zeroizing<Vec<u8>>,
    pub qi: Zeroizing<Vec<u8>>,
}

impl Jwk {
    pub(super) fn parse(json: &str) -> Result<Self, KeyError> {
        if json.len() > MAX_JWK_BYTES {
            return Err(KeyError("the JWK is longer than 32 KiB"));
        }
        // The parser's own words might repeat what they stumbled over.
        serde_json::from_str(json).map_err(|_| KeyError("it is no JSON Web Key"))
    }

    /// Whether it holds more than a public key, a secret aside.
    pub(super) fn is_private(&self) -> bool {
        [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi]
            .into_iter()
            .any(Option::is_some)
    }

    /// Refuses a key that says it is for something else (RFC 7517 §4.2, §4.3).
    pub(super) fn check_use(&self, operation: &str) -> Result<(), KeyError> {
        let encrypts = self.purpose.as_deref().is_some_and(|word| word != "sig");
        let lacks = |operations: &Vec<String>| !operations.iter().any(|one| one == operation);
        match encrypts || self.key_ops.as_ref().is_some_and(lacks) {
            true => Err(KeyError("its \"use\" or \"key_ops\" is not for this")),
            false => Ok(()),
        }
    }

    /// The algorithm, as `named` and as the key itself says.
    pub(super) fn algorithm(
        &self,
        named: Option<Algorithm>,
    ) -> Result<Option<Algorithm>, KeyError> {
        let own = match self.alg.as_deref() {
            None => return Ok(named),
            Some("PS512") => Algorithm::RsaPssSha512,
            Some("RS256") => Algorithm::RsaV15Sha256,
            Some("HS256") => Algorithm::HmacSha256,
            Some("ES256") => Algorithm::EcdsaP256Sha256,
            Some("ES384") => Algorithm::EcdsaP384Sha384,
            Some("EdDSA" | "Ed25519") => Algorithm::Ed25519,
            Some(_) => return Err(KeyError("its \"alg\" is none that signs HTTP messages")),
        };
        match named.is_none_or(|named| named == own) {
            true => Ok(Some(own)),
            false => Err(OTHER_ALGORITHM),
        }
    }

    /// The secret of a symmetric key; `None` for another.
    pub(super) fn secret(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        match self.kty.as_str() {
            "oct" => self.hidden(self.k.as_ref()).map(Some),
            _ if self.k.is_some() => Err(KeyError("it has a \"k\", but is not of kty oct")),
            _ => Ok(None),
        }
    }

    /// The public key, or the public half of a private one.
    pub(super) fn public(&self) -> Result<PublicKey, KeyError> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Ok(PublicKey::Rsa {
                n: self.bytes(self.n.as_ref())?,
                e: self.bytes(self.e.as_ref())?,
                pss_only: false,
            }),
            ("EC", Some("P-256")) => self.point(32).map(PublicKey::P256),
            ("EC", Some("P-384")) => self.point(48).map(PublicKey::P384),
            ("EC", _) => Err(KeyError("its curve is neither P-256 nor P-384")),
            ("OKP", Some("Ed25519")) => self.bytes(self.x.as_ref()).map(PublicKey::Ed25519),
            ("OKP", _) => Err(KeyError("its curve is not Ed25519")),
            _ => Err(KeyError("its kty is none of RSA, EC, OKP and oct")),
        }
    }

    /// The private number of an EC or OKP key.
    pub(super) fn private_number(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.hidden(self.d.as_ref())
    }

    pub(super) fn rsa_parts(&self) -> Result<RsaParts, KeyError> {
        Ok(RsaParts {
            n: self.bytes(self.n.as_ref())?,
            e: self.bytes(self.e.as_ref())?,
            d: self.hidden(self.d.as_ref())?,
            p: self.hidden(self.p.as_ref())?,
            q: self.hidden(self.q.as_ref())?,
            dp: self.hidden(self.dp.as_ref())?,
            dq: self.hidden(self.dq.as_ref())?,
            qi: self.hidden(self.qi.as_ref())?,
        })
    }

    /// An uncompressed point; each coordinate has the curve's full length (RFC 7518 §6.2.1.2).
    fn point(&self, length: usize) -> Result<Vec<u8>, KeyError> {
        let (x, y) = (self.bytes(self.x.as_ref())?, self.bytes(self.y.as_ref())?);
        match x.len() == length && y.len() == length {
            true => Ok([&[4], &x[..], &y[..]].concat()),
            false => Err(KeyError("a coordinate does not have its curve's length")),
        }
    }

    fn bytes(&self, member: Option<&String>) -> Result<Vec<u8>, KeyError> {
        decode(member.map(String::as_str))
    }

    fn hidden(&self, member: Option<&Hidden>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        decode(member.map(|hidden| hidden.0.as_str())).map(Zeroizing::new)
    }
}

fn decode(text: Option<&str>) -> Result<Vec<u8>, KeyError> {
    let text = text.ok_or(KeyError("a member that its kty needs is missing"))?;
    let bytes = URL_SAFE_NO_PAD.decode(text);
    bytes.map_err(|_| KeyError("a member is not base64url without padding"))
}
