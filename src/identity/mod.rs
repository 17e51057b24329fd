//! Who a client certificate says it is. In: DER that the handshake has verified. Out: an
//! `Identity`, parsed once a connection; or why it cannot be one.
//! Knows nothing of trust (the handshake's matter) or of consumers (the policy's).

mod names;
mod purpose;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use x509_parser::asn1_rs::FromDer as _;
use x509_parser::certificate::X509Certificate;

use crate::clock::UtcTime;
use crate::digest::{hex, sha256};
use crate::distrust::Distrust;
use crate::spiffe::SpiffeId;

use names::Spelling;

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: String,
    issuer: String,
    /// Subject and issuer as OpenSSL writes them.
    openssl: [String; 2],
    serial: String,
    names: AlternativeNames,
    spiffe: Option<SpiffeId>,
    key: KeyStrength,
    extended_key_usages: Vec<String>,
    policies: Vec<String>,
    fingerprint: [u8; 32],
    public_key: [u8; 32],
    not_before: UtcTime,
    not_after: UtcTime,
    is_key_alone: bool,
}

/// The subject's alternative names (RFC 5280 §4.2.1.6), each kind apart: a URI is never
/// taken for a DNS name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// DNS names, lower case.
    pub dns: Vec<String>,
    /// URIs as they are.
    pub uri: Vec<String>,
    /// E-mail addresses as they are.
    pub email: Vec<String>,
    /// IP addresses.
    pub ip: Vec<IpAddr>,
}

/// How strong the key of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStrength {
    /// RSA, with the bits of its modulus.
    Rsa(u32),
    /// On an elliptic curve, with the bits of its field: Ed25519 counts 256 and Ed448 counts
    /// 448, a curve that is not known 0.
    Ec(u32),
    /// Of another kind.
    Other,
}

/// What a connection says of the caller, before any request.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The certificate it showed, as it is judged now.
    pub certificate: Shown<'a>,
    /// The server name it asked for in the handshake.
    pub sni: Option<&'a str>,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// The address that it comes from; `None` where no connection is meant.
    pub address: Option<IpAddr>,
}

/// A caller's certificate in the light of today's trust.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// None was shown.
    Nothing,
    /// It is trusted.
    Trusted(Vouched<'a>),
    /// It was taken unverified: it says nothing of the caller.
    Unverified,
    /// It is not trusted, or not any more.
    Untrusted(Distrust),
}

impl Shown<'_> {
    /// How it was judged, in one word for the log; `None` when there is none.
    pub fn verdict(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Trusted(_) => Some("trusted"),
            Self::Unverified => Some("unverified"),
            Self::Untrusted(why) => Some(why.code()),
        }
    }
}

/// What a trusted certificate says, and for what its trust store speaks.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// Who the certificate says the caller is.
    pub identity: &'a Identity,
    /// The name of the trust store that believes it; `None` for one that is written into a
    /// listener.
    pub trust_store: Option<&'a str>,
    /// The SPIFFE trust domains for which the trust store speaks.
    pub spiffe_trust_domains: &'a [String],
}

/// Why a certificate is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It is no certificate that can be read to its end.
    #[error("the certificate cannot be parsed")]
    Unreadable,
    /// A name in it holds a NUL or is not text: two readers may take it for two names.
    #[error("a name in the certificate is ambiguous")]
    AmbiguousName,
}

impl<'a> Vouched<'a> {
    /// The SPIFFE ID of the caller, if the trust store speaks for its trust domain: anyone else
    /// could have issued it.
    pub fn spiffe(&self) -> Option<&'a SpiffeId> {
        let id = self.identity.spiffe()?;
        let mut domains = self.spiffe_trust_domains.iter();
        domains
            .any(|domain| domain == id.trust_domain())
            .then_some(id)
    }
}

impl Caller<'_> {
    /// Whether a request for `host` belongs on the connection: its handshake was made for that
    /// name, or was none. Without a name in the handshake only an address can be meant
    /// (RFC 6066 §3 allows none there).
    pub fn is_for(&self, host: &str) -> bool {
        if !self.secure {
            return true;
        }
        let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).len();
        match self.sni {
            Some(sni) => host[..plain(host)].eq_ignore_ascii_case(&sni[..plain(sni)]),
            None => {
                let address = host.trim_start_matches('[').trim_end_matches(']');
                address.parse::<IpAddr>().is_ok()
            }
        }
    }
}

impl Identity {
    /// Reads a certificate.
    ///
    /// # Errors
    /// The bytes are no certificate, or hold a name that readers may take for another.
    pub fn parse(der: &[u8]) -> Result<Self, IdentityError> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| IdentityError::Unreadable)?;
        if !rest.is_empty() {
            return Err(IdentityError::Unreadable);
        }
        let validity = certificate.validity();
        let (subject, issuer) = (certificate.subject(), certificate.issuer());
        let names = names::alternative_names(&certificate)?;
        let extended_key_usages = purpose::extended_key_usages(&certificate)?;
        Ok(Self {
            subject: names::distinguished(subject, Spelling::Rfc4514)?,
            issuer: names::distinguished(issuer, Spelling::Rfc4514)?,
            openssl: [
                names::distinguished(subject, Spelling::Rfc2253)?,
                names::distinguished(issuer, Spelling::Rfc2253)?,
            ],
            serial: hex(certificate.raw_serial()),
            spiffe: purpose::svid(&certificate, &names.uri, extended_key_usages.as_deref())?,
            names,
            key: purpose::key_strength(&certificate),
            extended_key_usages: extended_key_usages.unwrap_or_default(),
            policies: purpose::policies(&certificate)?,
            fingerprint: sha256(der),
            public_key: sha256(certificate.public_key().raw),
            not_before: UtcTime::from_unix(validity.not_before.timestamp()),
            not_after: UtcTime::from_unix(validity.not_after.timestamp()),
            is_key_alone: false,
        })
    }

    /// The same without every name and purpose: what is left when somebody vouches for the key
    /// and nobody for what its holder has written beside it.
    pub fn of_key_alone(&self) -> Self {
        Self {
            subject: String::new(),
            issuer: String::new(),
            openssl: Default::default(),
            serial: String::new(),
            names: AlternativeNames::default(),
            spiffe: None,
            extended_key_usages: Vec::new(),
            policies: Vec::new(),
            is_key_alone: true,
            ..self.clone()
        }
    }

    /// Whether it is [`of_key_alone`](Self::of_key_alone).
    pub fn is_key_alone(&self) -> bool {
        self.is_key_alone
    }

    /// The subject as RFC 4514 writes it: `CN=billing,O=Example`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer as RFC 4514 writes it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject in RFC 2253's spelling, byte for byte as OpenSSL's `XN_FLAG_RFC2253` writes
    /// it: printable ASCII. For upstreams that know it from nginx, Envoy or AWS.
    pub fn subject_rfc2253(&self) -> &str {
        &self.openssl[0]
    }

    /// The issuer in the same spelling.
    pub fn issuer_rfc2253(&self) -> &str {
        &self.openssl[1]
    }

    /// The serial number, lower-case hexadecimal: its bytes in DER, a sign byte among them.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The subject's alternative names.
    pub fn names(&self) -> &AlternativeNames {
        &self.names
    }

    /// Its SPIFFE ID, when it is a valid X.509-SVID of a workload (X509-SVID §2 to §4). Whether
    /// the one who issued it may speak for the trust domain is another question: see
    /// [`Vouched::spiffe`].
    pub fn spiffe(&self) -> Option<&SpiffeId> {
        self.spiffe.as_ref()
    }

    /// How strong its key is.
    pub fn key(&self) -> KeyStrength {
        self.key
    }

    /// The purposes that it names (RFC 5280 §4.2.1.12), as dotted OIDs; empty when it names
    /// none.
    pub fn extended_key_usages(&self) -> &[String] {
        &self.extended_key_usages
    }

    /// The certificate policies that it names (RFC 5280 §4.2.1.4), as dotted OIDs.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> UtcTime {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> UtcTime {
        self.not_after
    }

    /// Whether `now` is within its validity.
    pub fn is_valid_at(&self, now: UtcTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}
