//! What a call presents as its signature, from either carrier. In: the texts of credential,
//! signed headers and signature. Out: a `Presented`, or what cannot be read.

use std::borrow::Cow;
use std::fmt;

use crate::config::SigV4Algorithm;

use crate::config::SigV4Demand;
use crate::refusal::Refusal;

use super::algorithm::Signature;
use super::scope::Scope;
use super::split::split;

/// Longer ids are refused before they are looked up or logged.
const MAX_CREDENTIAL_ID: usize = 128;

/// A signature as presented: parsed, and verified by nobody yet.
#[derive(Clone)]
pub struct Presented<'a> {
    credential: Cow<'a, str>,
    /// Where its id ends.
    id_end: usize,
    signed_headers: Cow<'a, str>,
    signature: Signature,
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

/// How long a URL is good.
#[derive(Clone)]
pub(super) struct Expiry<'a> {
    /// `X-Amz-Date`, as sent.
    pub(super) date: Cow<'a, str>,
    /// Seconds from then on; 1 to a week.
    pub(super) secs: u32,
}

impl Expiry<'_> {
    /// The seconds, if the policy takes the form for as long.
    pub(super) fn within(&self, demand: &SigV4Demand) -> Result<u32, Refusal> {
        match demand.max_expires_secs {
            None => Err(Refusal::SignatureMalformed(
                "presigned query form is not taken",
            )),
            Some(max) if self.secs > max => Err(Refusal::SignatureMalformed(
                "X-Amz-Expires is longer than the policy takes",
            )),
            Some(_) => Ok(self.secs),
        }
    }
}

impl<'a> Presented<'a> {
    pub(super) fn new(
        algorithm: SigV4Algorithm,
        credential: Cow<'a, str>,
        signed_headers: Cow<'a, str>,
        signature: &str,
        carrier: Carrier<'a>,
    ) -> Result<Self, &'static str> {
        Ok(Self {
            id_end: id_end(&credential, algorithm)?,
            credential,
            signed_headers,
            signature: Signature::read(algorithm, signature)?,
            carrier,
        })
    }

    /// The credential's id, as presented.
    pub fn credential_id(&self) -> &str {
        &self.credential[..self.id_end]
    }

    /// Whether the credential is presented for this scope.
    pub(super) fn is_for(&self, scope: &Scope<'_>) -> bool {
        scope
            .parts()
            .eq(split(&self.credential[self.id_end + 1..], b'/'))
    }

    /// Lower-case names with `;` between them.
    pub(super) fn signed_headers(&self) -> &str {
        &self.signed_headers
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The scheme, as policies call it.
    pub fn scheme(&self) -> &'static str {
        match self.algorithm() {
            SigV4Algorithm::Hmac => "sigv4",
            SigV4Algorithm::Ecdsa => "sigv4a",
        }
    }

    pub(super) fn algorithm(&self) -> SigV4Algorithm {
        self.signature.algorithm()
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

/// Where the id ends. The scope is read from the right, so that an id may hold slashes.
fn id_end(credential: &str, algorithm: SigV4Algorithm) -> Result<usize, &'static str> {
    if !credential.ends_with("/aws4_request") {
        return Err("Credential does not end in /aws4_request");
    }
    let parts = match algorithm {
        SigV4Algorithm::Hmac => 4,
        SigV4Algorithm::Ecdsa => 3,
    };
    let end = credential.rmatch_indices('/').nth(parts - 1);
    let id = end.map_or("", |(end, _)| &credential[..end]);
    let graphic = id.bytes().all(|byte| byte.is_ascii_graphic());
    match id.is_empty() || id.len() > MAX_CREDENTIAL_ID || !graphic {
        true => Err("Credential has no valid id"),
        false => Ok(id.len()),
    }
}
