//! `clientCert`: a certificate as events tell of it.
//! In: what was read of it. Out: the object, with times as OpenSSL writes them.

use serde::Serialize;

use crate::client_certificate::ClientCertificate;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientCert<'a> {
    client_cert_pem: String,
    #[serde(rename = "subjectDN")]
    subject: &'a str,
    #[serde(rename = "issuerDN")]
    issuer: &'a str,
    serial_number: String,
    validity: Validity,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Validity {
    not_before: String,
    not_after: String,
}

/// What is told of a certificate.
pub(super) fn told<'a>(certificate: &ClientCertificate<'a>) -> ClientCert<'a> {
    ClientCert {
        client_cert_pem: certificate.pem(),
        subject: certificate.subject,
        issuer: certificate.issuer,
        serial_number: certificate.serial_with_colons(),
        validity: Validity {
            not_before: certificate.not_before.asn1_print(),
            not_after: certificate.not_after.asn1_print(),
        },
    }
}
