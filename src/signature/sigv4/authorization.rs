//! The `Authorization` field of SigV4 and SigV4a, taken apart. In: the field's text. Out: a `Presented`,
//! or what cannot be read. Grammar: AWS SigV4 "Authorization header"; the keys in any order,
//! each once.

use std::borrow::Cow;

use super::algorithm;
use super::presented::{Carrier, Presented};
use super::split::{split, split_once};

const FAMILY: &[u8] = b"AWS4-";

/// Whether the field means to be a signature of AWS's family.
pub(super) fn is_of_family(field: &[u8]) -> bool {
    // Scheme names know no case (RFC 9110 §11.1): `aws4-…` is an attempt, not an absence.
    let start = field.get(..FAMILY.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(FAMILY))
}

/// Reads the field.
pub(super) fn parse(text: &str) -> Result<Presented<'_>, &'static str> {
    let (algorithm, parameters) = split_once(text, b' ').unwrap_or((text, ""));
    let algorithm = algorithm::read(algorithm)?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in split(parameters, b',') {
        let (key, value) = split_once(parameter.trim_matches(' '), b'=')
            .ok_or("Authorization has a part without '='")?;
        let place = match key {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err("Authorization has an unknown key"),
        };
        if place.replace(value).is_some() {
            return Err("Authorization has a key twice");
        }
    }
    let credential = credential.ok_or("Authorization has no Credential")?;
    let signed_headers = signed_headers.ok_or("Authorization has no SignedHeaders")?;
    let signature = signature.ok_or("Authorization has no Signature")?;
    Presented::new(
        algorithm,
        Cow::Borrowed(credential),
        Cow::Borrowed(signed_headers),
        signature,
        Carrier::Header,
    )
}
