//! What a call presents as its signature, from either carrier. In: the texts of credential,
//! signed headers and signature. Out: a `Presented`, or what cannot be read.

use std::borrow::Cow;
use std::fmt;

use super::encode;
use super::key::Scope;
use super::presigned::Expiry;

/// Longer ids are refused before they are looked up or logged.
const MAX_CREDENTIAL_ID: usize = 128;

/// A signature as presented: parsed, and verified by nobody yet.
#[derive(Clone)]
pub struct Presented<'a> {
    credential: Cow<'a, str>,
    /// Where id, day, region and service end in it.
    ends: [usize; 4],
    signed_headers: Cow<'a, str>,
    signature: [u8; 32],
    carrier: Carrier<'a>,
}

/// What carries a signature.
#[derive(Clone)]
pub(super) enum Carrier<'a> {
    /// The field `Authorization`.
    Header,
    /// The query, for as long as it says.
    Query(Expiry<'a>),
}

impl<'a> Presented<'a> {
    pub(super) fn new(
        credential: Cow<'a, str>,
        signed_headers: Cow<'a, str>,
        signature: &str,
        carrier: Carrier<'a>,
    ) -> Result<Self, &'static str> {
        Ok(Self {
            ends: ends(&credential)?,
            credential,
            signed_headers,
            signature: encode::unhex(signature.as_bytes())
                .ok_or("Signature is not 64 lower-case hexadecimal digits")?,
            carrier,
        })
    }

    /// The credential's id, as presented.
    pub fn credential_id(&self) -> &str {
        &self.credential[..self.ends[0]]
    }

    pub(super) fn scope(&self) -> Scope<'_> {
        let part = |at: usize| &self.credential[self.ends[at - 1] + 1..self.ends[at]];
        Scope {
            day: part(1),
            region: part(2),
            service: part(3),
        }
    }

    /// Lower-case names with `;` between them.
    pub(super) fn signed_headers(&self) -> &str {
        &self.signed_headers
    }

    pub(super) fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    pub(super) fn carrier(&self) -> &Carrier<'a> {
        &self.carrier
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({:?})", self.credential_id())
    }
}

/// The scope is read from the right, so that an id may hold slashes.
fn ends(credential: &str) -> Result<[usize; 4], &'static str> {
    let scope = credential.strip_suffix("/aws4_request");
    let mut ends = [0; 4];
    let mut rest = scope.ok_or("Credential is not id/day/region/service/aws4_request")?;
    for end in ends.iter_mut().rev() {
        *end = rest.len();
        rest = &rest[..rest.rfind('/').unwrap_or(0)];
    }
    let id = &credential[..ends[0]];
    let graphic = id.bytes().all(|byte| byte.is_ascii_graphic());
    match id.is_empty() || id.len() > MAX_CREDENTIAL_ID || !graphic {
        true => Err("Credential has no valid id"),
        false => Ok(ends),
    }
}
