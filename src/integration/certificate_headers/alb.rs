//! What Amazon's Application Load Balancer sends: five fields of a certificate that it has
//! verified, or the whole chain of one that it passes through unverified.

use rustls_pki_types::CertificateDer;

use super::escape::{Base64, encoded_pem, serial};
use super::{Told, Values};

/// In the order serial number, issuer, subject, validity, leaf; or the chain alone.
pub(super) fn values(told: Told<'_>) -> Values {
    let pem = |chain: &[CertificateDer<'_>]| {
        encoded_pem(chain.iter().map(|one| one.as_ref()), Base64::Kept)
    };
    match told {
        Told::Verified { identity, chain } => vec![
            (0, serial(identity.serial())),
            (1, identity.issuer_rfc2253().to_owned()),
            (2, identity.subject_rfc2253().to_owned()),
            (
                3,
                format!(
                    "NotBefore={};NotAfter={}",
                    identity.not_before(),
                    identity.not_after()
                ),
            ),
            (4, pem(chain.get(..1).unwrap_or_default())),
        ],
        Told::Unverified { chain } => vec![(5, pem(chain))],
        Told::Nothing | Told::Distrusted(_) => Values::new(),
    }
}
