//! What a certificate is for. In: what the parser made of it. Out: purposes, policies, the
//! strength of its key, and its SPIFFE ID. An extension that cannot be read, or is there twice,
//! is an error: what it would have forbidden cannot be told.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::OID_X509_EXT_CERTIFICATE_POLICIES;
use x509_parser::public_key::PublicKey;

use crate::spiffe::SpiffeId;

use super::{IdentityError, KeyStrength};

const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// The extended key usages, as dotted OIDs; `None` when the extension is absent.
pub(super) fn extended_key_usages(
    certificate: &X509Certificate<'_>,
) -> Result<Option<Vec<String>>, IdentityError> {
    let extension = certificate.extended_key_usage();
    let Some(found) = extension.map_err(|_| IdentityError::Unreadable)? else {
        return Ok(None);
    };
    let usages = found.value;
    let named = [
        (usages.any, "2.5.29.37.0"),
        (usages.server_auth, "1.3.6.1.5.5.7.3.1"),
        (usages.client_auth, CLIENT_AUTH),
        (usages.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usages.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usages.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usages.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let named = named.into_iter().filter(|(given, _)| *given);
    let named = named.map(|(_, oid)| oid.to_owned());
    let others = usages.other.iter().map(|oid| oid.to_id_string());
    Ok(Some(named.chain(others).collect()))
}

/// The certificate policies, as dotted OIDs.
pub(super) fn policies(certificate: &X509Certificate<'_>) -> Result<Vec<String>, IdentityError> {
    let extension = certificate.get_extension_unique(&OID_X509_EXT_CERTIFICATE_POLICIES);
    let Some(extension) = extension.map_err(|_| IdentityError::Unreadable)? else {
        return Ok(Vec::new());
    };
    match extension.parsed_extension() {
        ParsedExtension::CertificatePolicies(policies) => {
            let policies = policies.iter();
            Ok(policies.map(|one| one.policy_id.to_id_string()).collect())
        }
        _ => Err(IdentityError::Unreadable),
    }
}

/// How strong the key is.
pub(super) fn key_strength(certificate: &X509Certificate<'_>) -> KeyStrength {
    let key = certificate.public_key();
    match key.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => KeyStrength::Rsa(bits(rsa.modulus)),
            _ => KeyStrength::Rsa(0),
        },
        "1.2.840.10045.2.1" => {
            let parameters = key.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|any| any.as_oid().ok());
            KeyStrength::Ec(curve.map_or(0, |oid| field_bits(&oid.to_id_string())))
        }
        "1.3.101.112" => KeyStrength::Ec(256),
        "1.3.101.113" => KeyStrength::Ec(448),
        _ => KeyStrength::Other,
    }
}

fn bits(modulus: &[u8]) -> u32 {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let digits = &modulus[zeros..];
    let first = digits.first().map_or(0, |byte| byte.leading_zeros());
    u32::try_from(8 * digits.len()).map_or(0, |all| all - first)
}

fn field_bits(curve: &str) -> u32 {
    match curve {
        "1.2.840.10045.3.1.7" | "1.3.132.0.10" => 256,
        "1.3.132.0.33" => 224,
        "1.3.132.0.34" => 384,
        "1.3.132.0.35" => 521,
        _ => 0,
    }
}

/// The SPIFFE ID of a workload's X.509-SVID: exactly one URI (X509-SVID §2), no authority (§4.1),
/// a key that signs and does nothing else that an authority does (§4.3), and, if purposes are
/// named, client authentication among them (§4.4).
pub(super) fn svid(
    certificate: &X509Certificate<'_>,
    uris: &[String],
    purposes: Option<&[String]>,
) -> Result<Option<SpiffeId>, IdentityError> {
    let [uri] = uris else {
        return Ok(None);
    };
    let unreadable = |_| IdentityError::Unreadable;
    let constraints = certificate.basic_constraints().map_err(unreadable)?;
    let usage = certificate.key_usage().map_err(unreadable)?;
    let is_authority = constraints.is_some_and(|found| found.value.ca);
    let signs = usage.is_some_and(|found| {
        let usage = found.value;
        usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign()
    });
    let calls = purposes.is_none_or(|all| all.iter().any(|oid| oid == CLIENT_AUTH));
    match !is_authority && signs && calls {
        true => Ok(SpiffeId::parse(uri).ok()),
        false => Ok(None),
    }
}
