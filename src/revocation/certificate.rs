//! What the revocation of a certificate depends on. In: its DER. Out: a `Certificate` that
//! borrows from it. Trust is judged elsewhere; only what is trusted comes here.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_KEY_USAGE};
use x509_parser::prelude::FromDer as _;

use super::der::{NotDer, Reader, SEQUENCE, SERIAL_BYTES, Signed, constructed, number};
use super::signature::is_signed_by;

/// A certificate, as far as revocation looks at it.
pub struct Certificate<'a> {
    parsed: X509Certificate<'a>,
    der: &'a [u8],
    pub(super) serial: [u8; SERIAL_BYTES],
    /// The DER of every GeneralName under which a CRL for it may be published. An indirect
    /// one, or one for some reasons only, is not among them.
    pub(super) crl_names: Vec<&'a [u8]>,
}

/// The certificate cannot be read to its end, or has no serial number that can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be read")]
pub struct Unreadable;

impl<'a> Certificate<'a> {
    /// Reads a certificate.
    ///
    /// # Errors
    /// It is not DER to its end, or its serial number is negative or longer than 20 octets.
    pub fn read(der: &'a [u8]) -> Result<Self, Unreadable> {
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| Unreadable)?;
        if !rest.is_empty() {
            return Err(Unreadable);
        }
        let serial = number(parsed.raw_serial()).ok_or(Unreadable)?;
        let mut crl_names = Vec::new();
        for extension in parsed.extensions() {
            if extension.oid == OID_X509_EXT_CRL_DISTRIBUTION_POINTS {
                crl_names.extend(read_points(extension.value).map_err(|_| Unreadable)?);
            }
        }
        Ok(Self {
            parsed,
            der,
            serial,
            crl_names,
        })
    }

    /// Whether `issuer` has signed it, by name and by key. Whether it may is not asked.
    pub fn is_issued_by(&self, issuer: &Certificate<'_>) -> bool {
        let fields = Reader::only(self.der, SEQUENCE).map(|value| Reader::new(value.content));
        let signed = fields.and_then(|mut fields| Signed::read(&mut fields));
        self.issuer() == issuer.subject()
            && signed.is_ok_and(|signed| is_signed_by(&signed, issuer.spki()))
    }

    /// Its serial number as it is encoded.
    pub(super) fn raw_serial(&self) -> &[u8] {
        self.parsed.raw_serial()
    }

    /// The DER of its issuer's name.
    pub(super) fn issuer(&self) -> &[u8] {
        self.parsed.issuer().as_raw()
    }

    /// The DER of its own name.
    pub(super) fn subject(&self) -> &[u8] {
        self.parsed.subject().as_raw()
    }

    /// Its SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> &[u8] {
        self.parsed.public_key().raw
    }

    /// Whether it is an authority's.
    pub(super) fn is_authority(&self) -> bool {
        let constraints = self.parsed.basic_constraints().ok().flatten();
        constraints.is_some_and(|constraints| constraints.value.ca)
    }

    /// Whether its key may sign CRLs (RFC 5280 §4.2.1.3); one that does not say may.
    pub(super) fn may_sign_crls(&self) -> bool {
        self.key_usage_allows(|usage| usage.crl_sign())
    }

    /// Whether its key may sign what is neither a certificate nor a CRL.
    pub(super) fn may_sign(&self) -> bool {
        self.key_usage_allows(|usage| usage.digital_signature())
    }

    fn key_usage_allows(
        &self,
        allows: impl Fn(&x509_parser::extensions::KeyUsage) -> bool,
    ) -> bool {
        let mut extensions = self.parsed.extensions().iter();
        let Some(found) = extensions.find(|one| one.oid == OID_X509_EXT_KEY_USAGE) else {
            return true;
        };
        match found.parsed_extension() {
            ParsedExtension::KeyUsage(usage) => allows(usage),
            _ => false,
        }
    }

    /// Whether it says that it is for signing OCSP answers (RFC 6960 §4.2.2.2). Being for
    /// anything does not suffice.
    pub(super) fn is_for_ocsp(&self) -> bool {
        let usage = self.parsed.extended_key_usage().ok().flatten();
        usage.is_some_and(|usage| usage.value.ocsp_signing)
    }

    /// Whether it has a critical extension that nobody here understands.
    pub(super) fn has_unknown_demands(&self) -> bool {
        let unknown = |one: &ParsedExtension<'_>| {
            one.unsupported() || matches!(one, ParsedExtension::ParseError { .. })
        };
        let mut extensions = self.parsed.extensions().iter();
        extensions.any(|one| one.critical && unknown(one.parsed_extension()))
    }

    /// The validity, in seconds since 1970.
    pub(super) fn is_valid_at(&self, now: crate::clock::UtcTime) -> bool {
        let validity = self.parsed.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.unix())
    }

    /// Where its issuer answers OCSP: the first such URL of the authority information access
    /// (RFC 5280 §4.2.2.1).
    pub(super) fn responder(&self) -> Option<&str> {
        let accesses =
            self.parsed
                .extensions()
                .iter()
                .filter_map(|one| match one.parsed_extension() {
                    ParsedExtension::AuthorityInfoAccess(access) => Some(&access.accessdescs),
                    _ => None,
                });
        let mut urls = accesses
            .flatten()
            .filter_map(|one| match &one.access_location {
                GeneralName::URI(url) if one.access_method == OCSP => Some(*url),
                _ => None,
            });
        urls.find(|url| {
            let scheme = url.split_once("://").map(|(scheme, _)| scheme);
            scheme.is_some_and(|word| {
                word.eq_ignore_ascii_case("http") || word.eq_ignore_ascii_case("https")
            })
        })
    }
}

/// id-ad-ocsp.
const OCSP: x509_parser::der_parser::Oid<'static> =
    x509_parser::der_parser::oid!(1.3.6.1.5.5.7.48.1);

/// The names in CRLDistributionPoints (RFC 5280 §4.2.1.13).
fn read_points(value: &[u8]) -> Result<Vec<&[u8]>, NotDer> {
    let mut points = Reader::new(Reader::only(value, SEQUENCE)?.content);
    let mut names = Vec::new();
    while !points.is_empty() {
        let mut point = points.inside(SEQUENCE)?;
        let name = point.maybe_inside(constructed(0))?;
        let whole = point.is_empty();
        if let (Some(mut name), true) = (name, whole) {
            names.extend(full_name(&mut name)?.unwrap_or_default());
        }
    }
    Ok(names)
}

/// The DER of each GeneralName of a DistributionPointName; `None` when it is given relative
/// to another name.
pub(super) fn full_name<'a>(name: &mut Reader<'a>) -> Result<Option<Vec<&'a [u8]>>, NotDer> {
    let Some(mut list) = name.maybe_inside(constructed(0))? else {
        name.take(constructed(1))?;
        name.end()?;
        return Ok(None);
    };
    name.end()?;
    let mut names = Vec::new();
    while !list.is_empty() {
        names.push(list.any()?.raw);
    }
    Ok(Some(names))
}
