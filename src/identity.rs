//! Who a client certificate says it is. In: DER that the handshake has verified. Out: an
//! `Identity`, parsed once a connection; or why it cannot be one.
//! Knows nothing of trust (the handshake's matter) or of consumers (the policy's).

use std::fmt::Write as _;
use std::net::IpAddr;

use x509_parser::asn1_rs::{Any, FromDer as _, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::clock::UtcTime;
use crate::digest::{hex, sha256};
use crate::distrust::Distrust;

/// What a certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: String,
    issuer: String,
    serial: String,
    names: AlternativeNames,
    fingerprint: [u8; 32],
    public_key: [u8; 32],
    not_before: UtcTime,
    not_after: UtcTime,
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

/// What a connection says of the caller, before any request.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The certificate it showed, as it is judged now.
    pub certificate: Shown<'a>,
    /// The server name it asked for in the handshake.
    pub sni: Option<&'a str>,
    /// Whether the connection is TLS.
    pub secure: bool,
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

/// What a trusted certificate says, and for what its trust store speaks.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// Who the certificate says the caller is.
    pub identity: &'a Identity,
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
        Ok(Self {
            subject: rfc4514(certificate.subject())?,
            issuer: rfc4514(certificate.issuer())?,
            serial: hex(certificate.raw_serial()),
            names: alternative_names(&certificate)?,
            fingerprint: sha256(der),
            public_key: sha256(certificate.public_key().raw),
            not_before: UtcTime::from_unix(validity.not_before.timestamp()),
            not_after: UtcTime::from_unix(validity.not_after.timestamp()),
        })
    }

    /// The subject as RFC 4514 writes it: `CN=billing,O=Example`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer as RFC 4514 writes it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number, lower-case hexadecimal.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The subject's alternative names.
    pub fn names(&self) -> &AlternativeNames {
        &self.names
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

fn alternative_names(certificate: &X509Certificate<'_>) -> Result<AlternativeNames, IdentityError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| IdentityError::Unreadable)?;
    let mut names = AlternativeNames::default();
    for name in extension
        .iter()
        .flat_map(|found| &found.value.general_names)
    {
        match name {
            GeneralName::DNSName(text) => names.dns.push(plain(text)?.to_ascii_lowercase()),
            GeneralName::URI(text) => names.uri.push(plain(text)?.to_owned()),
            GeneralName::RFC822Name(text) => names.email.push(plain(text)?.to_owned()),
            GeneralName::IPAddress(bytes) => names.ip.push(address(bytes)?),
            GeneralName::Invalid(..) => return Err(IdentityError::Unreadable),
            _ => {}
        }
    }
    Ok(names)
}

/// RFC 5280 makes these names IA5 strings; a control character in one is an attack.
fn plain(text: &str) -> Result<&str, IdentityError> {
    match text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(IdentityError::AmbiguousName),
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, IdentityError> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(v4.into());
    }
    let v6 = <[u8; 16]>::try_from(bytes).map_err(|_| IdentityError::Unreadable)?;
    Ok(v6.into())
}

/// RFC 4514 §2: the last RDN first, `,` between RDNs, `+` within one.
fn rfc4514(name: &X509Name<'_>) -> Result<String, IdentityError> {
    let mut text = String::new();
    let rdns: Vec<_> = name.iter_rdn().collect();
    for (index, rdn) in rdns.iter().rev().enumerate() {
        for (part, attribute) in rdn.iter().enumerate() {
            match (index, part) {
                (0, 0) => {}
                (_, 0) => text.push(','),
                _ => text.push('+'),
            }
            write_attribute(attribute, &mut text)?;
        }
    }
    Ok(text)
}

fn write_attribute(
    attribute: &AttributeTypeAndValue<'_>,
    out: &mut String,
) -> Result<(), IdentityError> {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == oid);
    match (short, string_value(attribute.attr_value())?) {
        (Some((_, name)), Some(value)) => {
            out.push_str(name);
            out.push('=');
            escape(&value, out);
        }
        // RFC 4514 §2.4: a type without a name, or a value that is no string, as `#` and DER.
        (short, _) => {
            out.push_str(short.map_or(oid.as_str(), |(_, name)| name));
            out.push_str("=#");
            let value = attribute.attr_value();
            out.push_str(&hex(&der_of(value)));
        }
    }
    Ok(())
}

fn string_value(value: &Any<'_>) -> Result<Option<String>, IdentityError> {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            let text = std::str::from_utf8(value.data);
            text.map_err(|_| IdentityError::AmbiguousName)?.to_owned()
        }
        Tag::BmpString => {
            let units: Vec<u16> = value
                .data
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
                .collect();
            String::from_utf16(&units).map_err(|_| IdentityError::AmbiguousName)?
        }
        _ => return Ok(None),
    };
    match text.contains('\0') {
        true => Err(IdentityError::AmbiguousName),
        false => Ok(Some(text)),
    }
}

fn der_of(value: &Any<'_>) -> Vec<u8> {
    use x509_parser::asn1_rs::ToDer as _;
    value.to_der_vec().unwrap_or_else(|_| value.data.to_vec())
}

/// RFC 4514 §2.4.
fn escape(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let edge = c == ' ' && (at == 0 || at == last);
        if edge || (at == 0 && c == '#') || "\"+,;<>\\".contains(c) {
            out.push('\\');
            out.push(c);
        } else if c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(out, "\\{byte:02x}");
            }
        } else {
            out.push(c);
        }
    }
}

/// RFC 4514 §3 and the ones that certificates have besides.
const SHORT_NAMES: [(&str, &str); 12] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    fn certificate(params: CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec()
    }

    fn ia5(text: &str) -> rcgen::string::Ia5String {
        text.try_into().expect("ASCII")
    }

    #[test]
    fn every_kind_of_name_is_kept_apart() {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![
            SanType::DnsName(ia5("A.Example")),
            SanType::URI(ia5("spiffe://example.org/billing")),
            SanType::Rfc822Name(ia5("a@example.org")),
            SanType::IpAddress("192.0.2.1".parse().expect("an address")),
        ];
        let identity = Identity::parse(&certificate(params)).expect("an identity");
        assert_eq!(identity.names().dns, ["a.example"]);
        assert_eq!(identity.names().uri, ["spiffe://example.org/billing"]);
        assert_eq!(identity.names().email, ["a@example.org"]);
        assert_eq!(
            identity.names().ip,
            ["192.0.2.1".parse::<IpAddr>().expect("an address")]
        );
        assert!(identity.is_valid_at(UtcTime::now()));
    }

    #[test]
    fn the_subject_is_written_as_rfc_4514_says() {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "CH");
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example, Inc. ");
        params
            .distinguished_name
            .push(DnType::CommonName, "#1=\"a+b\"");
        let identity = Identity::parse(&certificate(params)).expect("an identity");
        assert_eq!(
            identity.subject(),
            "CN=\\#1=\\\"a\\+b\\\",O=Example\\, Inc.\\ ,C=CH"
        );
    }

    #[test]
    fn a_name_with_a_nul_in_it_is_no_identity() {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::DnsName(ia5("good.example\0.evil.example"))];
        assert_eq!(
            Identity::parse(&certificate(params)),
            Err(IdentityError::AmbiguousName)
        );
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "good\0evil");
        assert_eq!(
            Identity::parse(&certificate(params)),
            Err(IdentityError::AmbiguousName)
        );
    }

    #[test]
    fn what_is_no_certificate_is_no_identity() {
        let mut der = certificate(CertificateParams::default());
        der.push(0);
        assert_eq!(Identity::parse(&der), Err(IdentityError::Unreadable));
        assert_eq!(
            Identity::parse(b"\x30\x03abc"),
            Err(IdentityError::Unreadable)
        );
        assert_eq!(Identity::parse(b""), Err(IdentityError::Unreadable));
    }
}
