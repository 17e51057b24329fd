//! What upstreams know from nginx's variables: `$ssl_client_verify`, `$ssl_client_s_dn`,
//! `$ssl_client_i_dn`, `$ssl_client_serial`, `$ssl_client_fingerprint`, `$ssl_client_v_start`,
//! `$ssl_client_v_end` and `$ssl_client_escaped_cert`, byte for byte.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::digest::hex;

use super::escape::{Base64, encoded_pem, serial};
use super::{Told, Values};

/// The verdict always; the rest of a certificate that is trusted only.
pub(super) fn values(told: Told<'_>) -> Values {
    let (identity, chain) = match told {
        Told::Verified { identity, chain } => (identity, chain),
        Told::Nothing => return vec![(0, "NONE".to_owned())],
        Told::Unverified { .. } => return vec![(0, "FAILED:unverified".to_owned())],
        Told::Distrusted(why) => return vec![(0, format!("FAILED:{why}"))],
    };
    let leaf = chain.first().map_or(&[][..], |leaf| leaf.as_ref());
    vec![
        (0, "SUCCESS".to_owned()),
        (1, identity.subject_rfc2253().to_owned()),
        (2, identity.issuer_rfc2253().to_owned()),
        (3, serial(identity.serial())),
        // SHA-1, because that is what nginx sends: a name for a certificate, and no proof.
        (4, hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref())),
        (5, identity.not_before().asn1_print()),
        (6, identity.not_after().asn1_print()),
        (7, encoded_pem([leaf], Base64::Encoded)),
    ]
}
