//! What webpki does not look at in a certificate: KeyUsage, the strength of its key, and, of an
//! authority of the store, its times and how many may stand below it.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use crate::clock::UtcTime;
use crate::distrust::Distrust;

/// The looked-at parts of one certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inspected {
    pub(super) not_before: UtcTime,
    pub(super) not_after: UtcTime,
    /// BasicConstraints with CA:TRUE.
    pub(super) is_authority: bool,
    /// The most authorities that may stand below it (RFC 5280 §4.2.1.9); `None` for any number.
    pub(super) most_below: Option<u32>,
    /// Whether ExtendedKeyUsage names client authentication.
    pub(super) names_client_auth: bool,
    /// Bits of an RSA key.
    rsa_bits: Option<usize>,
    /// `None` without KeyUsage: then the key is for everything (RFC 5280 §4.2.1.3).
    usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    digital_signature: bool,
    key_cert_sign: bool,
}

impl Inspected {
    /// Looks at a certificate.
    pub(super) fn of(der: &CertificateDer<'_>) -> Result<Self, Distrust> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Distrust::Malformed)?;
        let malformed = |_| Distrust::Malformed;
        let constraints = certificate.basic_constraints().map_err(malformed)?;
        let usage = certificate.key_usage().map_err(malformed)?;
        let purposes = certificate.extended_key_usage().map_err(malformed)?;
        let rsa_bits = match certificate.public_key().parsed().map_err(malformed)? {
            PublicKey::RSA(key) => Some(key.key_size()),
            _ => None,
        };
        let validity = certificate.validity();
        Ok(Self {
            not_before: UtcTime::from_unix(validity.not_before.timestamp()),
            not_after: UtcTime::from_unix(validity.not_after.timestamp()),
            most_below: constraints
                .as_ref()
                .and_then(|found| found.value.path_len_constraint),
            is_authority: constraints.is_some_and(|found| found.value.ca),
            names_client_auth: purposes.is_some_and(|found| found.value.client_auth),
            rsa_bits,
            usage: usage.map(|found| Usage {
                digital_signature: found.value.digital_signature(),
                key_cert_sign: found.value.key_cert_sign(),
            }),
        })
    }

    /// Whether the key may sign what proves that a caller holds it.
    pub(super) fn may_prove(&self) -> bool {
        self.usage.is_none_or(|usage| usage.digital_signature)
    }

    /// Whether the key may sign certificates.
    pub(super) fn may_issue(&self) -> bool {
        self.usage.is_none_or(|usage| usage.key_cert_sign)
    }

    /// Whether `now` is within its validity.
    pub(super) fn check_time(&self, now: UtcTime) -> Result<(), Distrust> {
        match () {
            () if now < self.not_before => Err(Distrust::NotYetValid),
            () if now > self.not_after => Err(Distrust::Expired),
            () => Ok(()),
        }
    }

    /// Elliptic curves that are too small are none that aws-lc-rs takes.
    pub(super) fn check_key(&self, min_rsa_bits: usize) -> Result<(), Distrust> {
        match self.rsa_bits.is_some_and(|bits| bits < min_rsa_bits) {
            true => Err(Distrust::WeakKey),
            false => Ok(()),
        }
    }
}
