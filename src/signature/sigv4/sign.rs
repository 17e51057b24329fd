//! Signs as a caller would: for `countersign sign`, and for tests of the verifier.
//! In: a request and a credential. Out: the fields to add.

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::UtcTime;
use crate::config::SignatureProfile;
use crate::credential::Secret;
use crate::digest::sha256;

use super::canonical::{Canonical, write_string_to_sign};
use super::encode;
use super::key::{Scope, derive};
use super::scratch::with_scratch;
use super::stamp::Stamp;

/// A request to sign.
pub struct SigningRequest<'a> {
    /// The method's token.
    pub method: &'a str,
    /// Path and query as they will be sent.
    pub target: &'a str,
    /// Host and, unless it is the scheme's own, port.
    pub authority: &'a str,
    /// Further fields to sign.
    pub headers: &'a [(String, String)],
    /// The value of `x-amz-content-sha256` to send; without one, the body's hash is signed
    /// but not sent.
    pub payload_hash: Option<String>,
    /// The body.
    pub body: &'a [u8],
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
    /// The region of the scope.
    pub region: &'a str,
    /// The service of the scope.
    pub service: &'a str,
    /// The credential's public id.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a Secret,
    /// The time that is signed.
    pub now: UtcTime,
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct SignError(pub(in crate::signature) &'static str);

/// Signs: the fields to add, `authorization` last.
///
/// # Errors
/// A header that is none, a path or query with a bad escape.
pub fn sign(request: &SigningRequest<'_>) -> Result<Vec<(String, String)>, SignError> {
    let stamp = Stamp::at(request.now).ok_or(SignError("the time has no four-digit year"))?;
    let mut added = vec![("x-amz-date".to_owned(), stamp.text().to_owned())];
    if let Some(hash) = &request.payload_hash {
        added.push(("x-amz-content-sha256".to_owned(), hash.clone()));
    }
    let headers = header_map(request, &added)?;
    let signed_headers = signed_headers(&headers);
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target, None),
    };
    let canonical = Canonical {
        method: request.method,
        path,
        query,
        authority: request.authority,
        headers: &headers,
        signed_headers: &signed_headers,
        left_out: None,
        profile: request.profile,
    };
    let scope = Scope {
        day: stamp.day(),
        region: request.region,
        service: request.service,
    };
    let signature = with_scratch(|scratch| {
        canonical.write(scratch).map_err(SignError)?;
        match &request.payload_hash {
            Some(hash) => scratch.request.extend_from_slice(hash.as_bytes()),
            None => {
                let digits = encode::hex(&sha256(request.body));
                scratch.request.extend_from_slice(&digits);
            }
        }
        let hash = sha256(&scratch.request);
        write_string_to_sign(&mut scratch.request, &stamp, &scope, &hash);
        let key = derive(request.secret, &scope);
        let signature = hmac::sign(&key, &scratch.request);
        let digits = signature.as_ref().iter();
        Ok(digits.map(|byte| format!("{byte:02x}")).collect::<String>())
    })?;
    let (id, day) = (request.id, scope.day);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{day}/{}/{}/aws4_request, \
         SignedHeaders={signed_headers}, Signature={signature}",
        scope.region, scope.service
    );
    added.push(("authorization".to_owned(), authorization));
    Ok(added)
}

fn header_map(
    request: &SigningRequest<'_>,
    added: &[(String, String)],
) -> Result<HeaderMap, SignError> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers.iter().chain(added) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| SignError("a header's name is no token"))?;
        let value = HeaderValue::from_str(value);
        headers.append(
            name,
            value.map_err(|_| SignError("a header's value is not text"))?,
        );
    }
    Ok(headers)
}

fn signed_headers(headers: &HeaderMap) -> String {
    let mut names: Vec<&str> = headers
        .keys()
        .map(HeaderName::as_str)
        .chain(["host"])
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(";")
}
