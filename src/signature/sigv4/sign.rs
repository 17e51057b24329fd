//! Signs as a caller would: for `countersign sign`, and for tests of the verifier.
//! In: a request and a credential. Out: the fields to add, or the URL's path and query.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use http::{HeaderMap, HeaderName};

use crate::clock::UtcTime;
use crate::config::{SigV4Algorithm, SignatureProfile};
use crate::credential::Secret;
use crate::digest::{hex, sha256};

use crate::signature::fields::header_map;
use crate::signature::outcome::SignError;

use super::algorithm;
use super::canonical::{Canonical, write_string_to_sign};
use super::encode;
use super::key::derive;
use super::pair;
use super::payload::UNSIGNED;
use super::scope::Scope;
use super::scratch::with_scratch;
use super::stamp::Stamp;

/// A request to sign.
pub struct SigningRequest<'a> {
    /// SigV4's or SigV4a's.
    pub algorithm: SigV4Algorithm,
    /// The method's token.
    pub method: &'a str,
    /// Path and query as they will be sent.
    pub target: &'a str,
    /// Host and, unless it is the scheme's own, port.
    pub authority: &'a str,
    /// Further fields to sign.
    pub headers: &'a [(String, String)],
    /// The value of `x-amz-content-sha256` to send. Without one, the body's hash is signed
    /// but not sent; a URL of the S3 profile leaves its body unsigned.
    pub payload_hash: Option<String>,
    /// The body.
    pub body: &'a [u8],
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
    /// The region of the scope, or SigV4a's region set.
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

/// Signs in a header: the fields to add, `authorization` last (AWS IAM User Guide, "Create a
/// signed AWS API request").
///
/// # Errors
/// A header that is none, a path or query with a bad escape.
pub fn sign(request: &SigningRequest<'_>) -> Result<Vec<(String, String)>, SignError> {
    let stamp = stamp_of(request)?;
    let mut added = vec![("x-amz-date".to_owned(), stamp.text().to_owned())];
    if let Some(hash) = &request.payload_hash {
        added.push(("x-amz-content-sha256".to_owned(), hash.clone()));
    }
    if request.algorithm == SigV4Algorithm::Ecdsa {
        added.push(("x-amz-region-set".to_owned(), request.region.to_owned()));
    }
    let headers = header_map(request.headers.iter().chain(&added))?;
    let signed_headers = signed_headers(&headers);
    let (path, query) = split(request.target);
    let canonical = canonical(request, (path, query), &headers, &signed_headers);
    let line = match &request.payload_hash {
        Some(hash) => hash.clone(),
        None => hash_of(request.body),
    };
    let signature = signature(request, &canonical, &stamp, &line)?;
    let authorization = format!(
        "{} Credential={}, SignedHeaders={signed_headers}, Signature={signature}",
        algorithm::token(request.algorithm),
        credential(request, &stamp),
    );
    added.push(("authorization".to_owned(), authorization));
    Ok(added)
}

/// Signs in the query, for `expires_secs` from now on: the target to send (Amazon S3 API
/// Reference, "Authenticating Requests: Using Query Parameters").
///
/// # Errors
/// A header that is none, a path or query with a bad escape.
pub fn presign(request: &SigningRequest<'_>, expires_secs: u32) -> Result<String, SignError> {
    let stamp = stamp_of(request)?;
    let headers = header_map(request.headers)?;
    let signed_headers = signed_headers(&headers);
    let (path, query) = split(request.target);
    let mut query = query.unwrap_or_default().to_owned();
    let mut add = |name: &str, value: &str| {
        let mut encoded = Vec::new();
        encode::push_encoded(&mut encoded, value.as_bytes());
        let between = if query.is_empty() { "" } else { "&" };
        query += &format!("{between}{name}={}", String::from_utf8_lossy(&encoded));
    };
    add("X-Amz-Algorithm", algorithm::token(request.algorithm));
    add("X-Amz-Credential", &credential(request, &stamp));
    add("X-Amz-Date", stamp.text());
    add("X-Amz-Expires", &expires_secs.to_string());
    if request.algorithm == SigV4Algorithm::Ecdsa {
        add("X-Amz-Region-Set", request.region);
    }
    if let Some(hash) = &request.payload_hash {
        add("X-Amz-Content-Sha256", hash);
    }
    add("X-Amz-SignedHeaders", &signed_headers);
    let line = match (&request.payload_hash, request.profile) {
        (Some(hash), _) => hash.clone(),
        (None, SignatureProfile::S3) => UNSIGNED.to_owned(),
        (None, SignatureProfile::Aws) => hash_of(request.body),
    };
    let canonical = canonical(request, (path, Some(&query)), &headers, &signed_headers);
    let signature = signature(request, &canonical, &stamp, &line)?;
    Ok(format!("{path}?{query}&X-Amz-Signature={signature}"))
}

fn stamp_of(request: &SigningRequest<'_>) -> Result<Stamp, SignError> {
    Stamp::at(request.now).ok_or(SignError("the time has no four-digit year"))
}

fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

fn canonical<'a>(
    request: &SigningRequest<'a>,
    (path, query): (&'a str, Option<&'a str>),
    headers: &'a HeaderMap,
    signed_headers: &'a str,
) -> Canonical<'a> {
    Canonical {
        method: request.method,
        path,
        query,
        authority: request.authority,
        headers,
        signed_headers,
        left_out: None,
        profile: request.profile,
    }
}

fn scope<'a>(request: &SigningRequest<'a>, stamp: &'a Stamp) -> Scope<'a> {
    Scope {
        day: stamp.day(),
        region: match request.algorithm {
            SigV4Algorithm::Hmac => Some(request.region),
            SigV4Algorithm::Ecdsa => None,
        },
        service: request.service,
    }
}

fn credential(request: &SigningRequest<'_>, stamp: &Stamp) -> String {
    let mut text = format!("{}/", request.id).into_bytes();
    scope(request, stamp).push(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The digits of the signature.
fn signature(
    request: &SigningRequest<'_>,
    canonical: &Canonical<'_>,
    stamp: &Stamp,
    payload_line: &str,
) -> Result<String, SignError> {
    let scope = scope(request, stamp);
    with_scratch(|scratch| {
        canonical.write(scratch).map_err(SignError)?;
        let text = &mut scratch.request;
        text.extend_from_slice(payload_line.as_bytes());
        let hash = sha256(text);
        write_string_to_sign(text, request.algorithm, stamp, &scope, &hash);
        Ok(hex(&match request.algorithm {
            SigV4Algorithm::Hmac => {
                let key = derive(request.secret, &scope);
                hmac::sign(&key, text).as_ref().to_vec()
            }
            SigV4Algorithm::Ecdsa => {
                const FAILED: SignError = SignError("the key pair cannot be made");
                let pair = pair::key_pair(request.secret, request.id).ok_or(FAILED)?;
                let signed = pair.sign(&SystemRandom::new(), text);
                signed.map_err(|_| FAILED)?.as_ref().to_vec()
            }
        }))
    })
}

fn hash_of(body: &[u8]) -> String {
    hex(&sha256(body))
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
