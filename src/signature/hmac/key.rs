//! Whose secret made a signature. In: what a call presents, the policy's credentials and a MAC
//! to be made with each secret. Out: the credential, or a `Refusal`. Every candidate costs the
//! same and all are tried: the time tells neither which was right nor which exist.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::clock::UtcTime;
use crate::config::{HmacDemand, HmacHash};
use crate::credential::{CredentialStore, Key, Secret};
use crate::names::CredentialId;
use crate::refusal::Refusal;
use crate::signature::known;

use super::presented::Presented;

/// Stands in for a secret that there is not; what it signs is refused all the same.
const DECOY: &[u8] = b"this is nobody's secret; it opens no route";

/// The first of the credentials with whose secret a presented signature was made.
pub(super) fn find(
    presented: &Presented<'_>,
    demand: &HmacDemand,
    store: &CredentialStore,
    now: UtcTime,
    mac: impl Fn(&hmac::Key) -> hmac::Tag,
) -> Result<CredentialId, Refusal> {
    let mut found = None;
    let mut unknown = None;
    let mut tried = false;
    for candidate in candidates(presented, demand) {
        let secret = candidate.and_then(|id| Ok((id, secret(store, id, now)?)));
        let key = match &secret {
            Ok((_, secret)) => key(demand.hash, secret.expose().as_bytes()),
            Err(_) => key(demand.hash, DECOY),
        };
        let right = is_one_of(&mac(&key), presented.signatures());
        tried |= secret.is_ok();
        match secret {
            Ok((id, _)) if right => found = found.or(Some(id)),
            Ok(_) => {}
            Err(why) => unknown = unknown.or(Some(why)),
        }
    }
    let why = unknown
        .filter(|_| !tried)
        .unwrap_or("the signature is wrong");
    found.cloned().ok_or(Refusal::SignatureMismatch(why))
}

/// The credential that was named, or each of the policy's.
fn candidates<'d>(
    presented: &Presented<'_>,
    demand: &'d HmacDemand,
) -> Vec<Result<&'d CredentialId, &'static str>> {
    let ids = demand.credentials.iter();
    match presented.credential_id() {
        None => ids.map(Ok).collect(),
        Some(named) => {
            let mut ids = ids.filter(|id| id.as_str() == named);
            vec![ids.next().ok_or("the policy does not name the credential")]
        }
    }
}

fn secret<'k>(
    store: &'k CredentialStore,
    id: &CredentialId,
    now: UtcTime,
) -> Result<&'k Secret, &'static str> {
    match &known::find(store, id.as_str(), now)?.key {
        Key::Hmac(secret) => Ok(secret),
        _ => Err("the credential is none for HMAC"),
    }
}

pub(super) fn key(hash: HmacHash, secret: &[u8]) -> hmac::Key {
    let algorithm = match hash {
        HmacHash::Sha256 => hmac::HMAC_SHA256,
        HmacHash::Sha384 => hmac::HMAC_SHA384,
        HmacHash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::Key::new(algorithm, secret)
}

/// Compares with each in constant time, and with all of them.
fn is_one_of(mac: &hmac::Tag, signatures: &[Vec<u8>]) -> bool {
    let right = |signature: &Vec<u8>| verify_slices_are_equal(mac.as_ref(), signature).is_ok();
    signatures
        .iter()
        .fold(false, |any, signature| any | right(signature))
}
