//! The names in a certificate. In: what the parser made of it. Out: alternative names by kind,
//! and distinguished names as text in two spellings, or the error that two readers may take a
//! name for two.

use std::fmt::Write as _;
use std::net::IpAddr;

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName, X509Name};

use super::{AlternativeNames, IdentityError};

/// How a distinguished name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// RFC 4514: text as it is, and `#` before the DER of what has no name of its own there.
    Rfc4514,
    /// RFC 2253 as OpenSSL writes it, and nginx, Envoy and AWS after it: bytes beyond ASCII
    /// escaped, more names known, and the parts of an RDN last first.
    Rfc2253,
}

pub(super) fn alternative_names(
    certificate: &X509Certificate<'_>,
) -> Result<AlternativeNames, IdentityError> {
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

/// The last RDN first, `,` between RDNs, `+` within one (RFC 4514 §2).
pub(super) fn distinguished(
    name: &X509Name<'_>,
    spelling: Spelling,
) -> Result<String, IdentityError> {
    let mut text = String::new();
    let rdns: Vec<_> = name.iter_rdn().collect();
    for (index, rdn) in rdns.iter().rev().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_rdn(rdn, spelling, &mut text)?;
    }
    Ok(text)
}

fn write_rdn(
    rdn: &RelativeDistinguishedName<'_>,
    spelling: Spelling,
    out: &mut String,
) -> Result<(), IdentityError> {
    let mut parts: Vec<_> = rdn.iter().collect();
    if spelling == Spelling::Rfc2253 {
        parts.reverse();
    }
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            out.push('+');
        }
        write_attribute(part, spelling, out)?;
    }
    Ok(())
}

fn write_attribute(
    attribute: &AttributeTypeAndValue<'_>,
    spelling: Spelling,
    out: &mut String,
) -> Result<(), IdentityError> {
    let oid = attribute.attr_type().to_id_string();
    let short = short_name(&oid, spelling);
    match (short, string_value(attribute.attr_value(), spelling)?) {
        (Some(name), Some(value)) => {
            out.push_str(name);
            out.push('=');
            escape(&value, spelling, out);
        }
        // RFC 4514 §2.4: a type without a name, or a value that is no string, as `#` and DER.
        (short, _) => {
            out.push_str(short.unwrap_or(oid.as_str()));
            out.push_str("=#");
            for byte in der_of(attribute.attr_value()) {
                let _ = write!(out, "{byte:02X}");
            }
        }
    }
    Ok(())
}

fn short_name(oid: &str, spelling: Spelling) -> Option<&'static str> {
    let find = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(known, _)| *known == oid);
        found.map(|(_, name)| *name)
    };
    match spelling {
        Spelling::Rfc4514 => find(&SHORT_NAMES),
        Spelling::Rfc2253 => find(&OPENSSL_NAMES).or_else(|| find(&SHORT_NAMES)),
    }
}

/// The value as text; `None` when it is of a kind that the spelling shows as DER.
fn string_value(value: &Any<'_>, spelling: Spelling) -> Result<Option<String>, IdentityError> {
    let latin1 = || value.data.iter().copied().map(char::from).collect();
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            let text = std::str::from_utf8(value.data);
            text.map_err(|_| IdentityError::AmbiguousName)?.to_owned()
        }
        Tag::BmpString => {
            let (pairs, left) = value.data.as_chunks::<2>();
            if !left.is_empty() {
                return Err(IdentityError::AmbiguousName);
            }
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16(&units).map_err(|_| IdentityError::AmbiguousName)?
        }
        Tag::TeletexString | Tag::VisibleString if spelling == Spelling::Rfc2253 => latin1(),
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
fn escape(value: &str, spelling: Spelling, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let edge = c == ' ' && (at == 0 || at == last);
        if edge || (at == 0 && c == '#') || "\"+,;<>\\".contains(c) {
            out.push('\\');
            out.push(c);
        } else if c.is_control() || (!c.is_ascii() && spelling == Spelling::Rfc2253) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(out, "\\{byte:02X}");
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

/// What OpenSSL calls types that have no name in RFC 4514, or another one there.
const OPENSSL_NAMES: [(&str, &str); 20] = [
    ("2.5.4.4", "SN"),
    ("2.5.4.9", "street"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.16", "postalAddress"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.18", "postOfficeBox"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.45", "x500UniqueIdentifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_two_bytes_a_letter_does_not_end_within_one() {
        let read = |data: &'static [u8]| {
            let value = Any::from_tag_and_data(Tag::BmpString, data);
            string_value(&value, Spelling::Rfc4514)
        };
        assert_eq!(read(&[0, b'a', 0, b'b']), Ok(Some("ab".to_owned())));
        assert_eq!(read(&[0, b'a', 1]), Err(IdentityError::AmbiguousName));
    }
}
