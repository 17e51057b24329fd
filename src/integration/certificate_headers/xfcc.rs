//! Envoy's `X-Forwarded-Client-Cert`: one element, of the gateway's own making.
//!
//! Envoy quotes `Cert`, `Chain` and `Subject` always; other values are quoted here when they
//! hold what separates elements or pairs. `By` is not offered: the name of the gateway is
//! nothing that a caller's certificate proves.

use rustls_pki_types::CertificateDer;

use crate::config::XfccField;
use crate::digest::hex;
use crate::identity::Identity;

use super::escape::{Base64, encoded_pem};
use super::{Told, Values};

/// `Key=value` pairs with `;` between them.
pub(super) fn values(fields: &[XfccField], told: Told<'_>) -> Values {
    let Told::Verified { identity, chain } = told else {
        return Values::new();
    };
    let leaf = chain.get(..1).unwrap_or_default();
    let pem = |chain: &[CertificateDer<'_>]| {
        encoded_pem(chain.iter().map(|one| one.as_ref()), Base64::Encoded)
    };
    let mut pairs = Vec::new();
    for field in fields {
        match field {
            XfccField::Cert => pairs.push(quoted("Cert", &pem(leaf))),
            XfccField::Chain => pairs.push(quoted("Chain", &pem(chain))),
            other => pairs.extend(of_identity(*other, identity)),
        }
    }
    match pairs.is_empty() {
        true => Values::new(),
        false => vec![(0, pairs.join(";"))],
    }
}

fn of_identity(field: XfccField, identity: &Identity) -> Vec<String> {
    let each = |key: &str, texts: &[String]| texts.iter().map(|text| pair(key, text)).collect();
    match field {
        XfccField::Hash => vec![pair("Hash", &hex(identity.fingerprint()))],
        XfccField::Subject => vec![quoted("Subject", identity.subject_rfc2253())],
        XfccField::Uri => each("URI", &identity.names().uri),
        XfccField::Dns => each("DNS", &identity.names().dns),
        XfccField::Cert | XfccField::Chain => Vec::new(),
    }
}

fn pair(key: &str, value: &str) -> String {
    match value.contains([',', ';', '=', '"', '\\']) {
        true => quoted(key, value),
        false => format!("{key}={value}"),
    }
}

/// A backslash in a value is escaped as well: it would free the quote behind it.
fn quoted(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{key}=\"{value}\"")
}
