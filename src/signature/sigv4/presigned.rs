//! The query form of SigV4 and SigV4a, by which a URL carries its own signature for a while (Amazon S3 API
//! Reference, "Authenticating Requests: Using Query Parameters"). In: a query as received.
//! Out: a `Presented`, what cannot be read, or the query without the form.

use std::borrow::Cow;

use crate::config::MAX_EXPIRES_SECS;
use crate::pattern::decoded;

use super::algorithm;
use super::presented::{Carrier, Expiry, Presented};
use super::split::{split, split_once};
use super::uri::decodes_to;

pub(super) const SIGNATURE: &[u8] = b"X-Amz-Signature";
const SECURITY_TOKEN: &[u8] = b"X-Amz-Security-Token";
const CONTENT_SHA256: &[u8] = b"X-Amz-Content-Sha256";
const REGION_SET: &[u8] = b"X-Amz-Region-Set";

/// The parameters of the form; any of them means that it is meant. They are told apart by case.
const PARAMETERS: [&[u8]; 6] = [
    b"X-Amz-Algorithm",
    b"X-Amz-Credential",
    b"X-Amz-Date",
    b"X-Amz-Expires",
    b"X-Amz-SignedHeaders",
    SIGNATURE,
];

/// Whether `query` has any parameter of the form.
pub(super) fn is_in(query: &str) -> bool {
    split(query, b'&').any(|piece| place(name_of(piece)).is_some())
}

/// Takes the form apart: each parameter once, none missing.
pub(super) fn parse(query: &str) -> Result<Presented<'_>, &'static str> {
    let mut found = [None; PARAMETERS.len()];
    for piece in split(query, b'&') {
        let (name, value) = split_once(piece, b'=').unwrap_or((piece, ""));
        if let Some(place) = place(name)
            && found[place].replace(value).is_some()
        {
            return Err("a parameter of the presigned form is there twice");
        }
    }
    let text = |place: usize| {
        let value: &str = found[place].ok_or("a parameter of the presigned form is missing")?;
        text_of(value).ok_or("a parameter of the presigned form is not text")
    };
    let algorithm = algorithm::read(&text(0)?)?;
    let expiry = Expiry {
        date: text(2)?,
        secs: seconds(&text(3)?).ok_or("X-Amz-Expires is not a number from 1 to 604800")?,
    };
    let carrier = Carrier::Query(expiry);
    Presented::new(algorithm, text(1)?, text(4)?, &text(5)?, carrier)
}

/// The value of `X-Amz-Content-Sha256`, which some signers put here.
///
/// # Errors
/// It is there twice.
pub(super) fn content_sha256(query: &str) -> Result<Option<&str>, &'static str> {
    once(query, CONTENT_SHA256).map_err(|Twice| "X-Amz-Content-Sha256 was sent twice")
}

/// The value of `X-Amz-Region-Set`, decoded.
///
/// # Errors
/// It is absent, there twice, or not text.
pub(super) fn region_set(query: &str) -> Result<Cow<'_, str>, &'static str> {
    let value = once(query, REGION_SET).map_err(|Twice| "X-Amz-Region-Set was sent twice")?;
    let value = value.ok_or("X-Amz-Region-Set is absent")?;
    text_of(value).ok_or("X-Amz-Region-Set is not text")
}

struct Twice;

/// The value of a parameter that may be there once.
fn once<'q>(query: &'q str, name: &[u8]) -> Result<Option<&'q str>, Twice> {
    let mut values = split(query, b'&')
        .filter(|piece| decodes_to(name_of(piece), name))
        .map(|piece| split_once(piece, b'=').map_or("", |(_, value)| value));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Twice),
        (value, None) => Ok(value),
    }
}

/// Whether there is a session token.
pub(super) fn has_token(query: &str) -> bool {
    split(query, b'&').any(|piece| decodes_to(name_of(piece), SECURITY_TOKEN))
}

/// `query` without the parameters of the form, if it has any: who gets to see them can call
/// until they expire.
pub fn strip(query: &str) -> Option<String> {
    if !is_in(query) {
        return None;
    }
    let rest = split(query, b'&').filter(|piece| {
        let name = name_of(piece);
        let beside = [SECURITY_TOKEN, REGION_SET];
        place(name).is_none() && !beside.iter().any(|known| decodes_to(name, known))
    });
    Some(rest.collect::<Vec<_>>().join("&"))
}

fn name_of(piece: &str) -> &str {
    split_once(piece, b'=').map_or(piece, |(name, _)| name)
}

fn place(name: &str) -> Option<usize> {
    // The first byte of each, as it is or escaped, which most names do not have.
    if !name.starts_with(['X', '%']) {
        return None;
    }
    PARAMETERS.iter().position(|known| decodes_to(name, known))
}

fn text_of(value: &str) -> Option<Cow<'_, str>> {
    Some(match decoded(value) {
        Cow::Borrowed(_) => Cow::Borrowed(value),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    })
}

/// Digits only: no sign, no exponent, no blank.
fn seconds(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let secs = digits.then(|| text.parse().ok()).flatten()?;
    (1..=MAX_EXPIRES_SECS).contains(&secs).then_some(secs)
}
