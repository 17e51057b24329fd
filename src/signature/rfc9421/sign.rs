//! Signs as a caller would (RFC 9421 §3.1): for `countersign sign`, for tests, and for the
//! gateway's own signature. In: a request, what to cover, a key. Out: the fields to add.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sfv::KeyRef;

use crate::clock::UtcTime;
use crate::key::SigningKey;

use crate::signature::fields::header_map;
use crate::signature::outcome::SignError;

use super::base::{self, Message};
use super::demand::{identifier, is_printable};
use super::digest::{DigestAlgorithm, content_digest};
use super::member::parse_member;
use super::structured::write_string;

/// A request to sign.
pub struct SigningRequest<'a> {
    /// The method's token.
    pub method: &'a str,
    /// Path and query as they will be sent.
    pub target: &'a str,
    /// Host and, unless it is the scheme's own, port.
    pub authority: &'a str,
    /// Whether it will go over TLS.
    pub secure: bool,
    /// The fields that will be sent with it.
    pub headers: &'a [(String, String)],
    /// The body, when a Content-Digest is to be added for it; cover `content-digest` then.
    pub content: Option<(&'a [u8], DigestAlgorithm)>,
    /// What is covered, as identifiers without quotes round the name: `@method`,
    /// `@query-param;name="id"`.
    pub components: &'a [String],
    /// The signature's label.
    pub label: &'a str,
    /// The time that is signed.
    pub created: UtcTime,
    /// When it ends to be good.
    pub expires: Option<UtcTime>,
    /// A text that is used once.
    pub nonce: Option<&'a str>,
    /// What the signature is for.
    pub tag: Option<&'a str>,
    /// The key's id at the verifier.
    pub keyid: &'a str,
    /// Whether the algorithm is named.
    pub with_alg: bool,
    /// The key.
    pub key: &'a SigningKey,
}

/// Signs: the fields to add, `signature` last.
///
/// # Errors
/// A field that is none, a component that the request does not have, a text that no
/// structured field can hold.
pub fn sign(request: &SigningRequest<'_>) -> Result<Vec<(String, String)>, SignError> {
    KeyRef::from_str(request.label).map_err(|_| SignError("the label is not a key"))?;
    let mut added = Vec::new();
    if let Some((body, algorithm)) = request.content {
        let value = content_digest(body, algorithm);
        added.push(("content-digest".to_owned(), value));
    }
    let headers = header_map(request.headers.iter().chain(&added))?;
    let parameters = parameters(request)?;
    let member = parse_member(&parameters).map_err(SignError)?;
    let message = Message {
        method: request.method,
        target: request.target,
        authority: request.authority,
        secure: request.secure,
        headers: &headers,
    };
    let mut text = String::new();
    base::write(&mut text, &message, &member).map_err(SignError)?;
    let signature = request.key.sign(text.as_bytes());
    let signature = STANDARD.encode(signature.ok_or(SignError("the key does not sign"))?);
    let label = request.label;
    added.push((
        "signature-input".to_owned(),
        format!("{label}={}", member.text),
    ));
    added.push(("signature".to_owned(), format!("{label}=:{signature}:")));
    Ok(added)
}

/// The inner list with its parameters, the value of `@signature-params` (§2.3).
fn parameters(request: &SigningRequest<'_>) -> Result<String, SignError> {
    let identifiers = request.components.iter().map(|one| identifier(one));
    let identifiers: Option<Vec<String>> = identifiers.collect();
    let identifiers = identifiers.ok_or(SignError("a component has no name"))?;
    let mut text = format!(
        "({});created={}",
        identifiers.join(" "),
        request.created.unix()
    );
    if let Some(expires) = request.expires {
        text.push_str(&format!(";expires={}", expires.unix()));
    }
    let alg = request.with_alg.then(|| request.key.algorithm().as_str());
    for (name, value) in [
        ("nonce", request.nonce),
        ("alg", alg),
        ("keyid", Some(request.keyid)),
        ("tag", request.tag),
    ] {
        let Some(value) = value else { continue };
        if !is_printable(value) {
            return Err(SignError("a parameter is not made of ASCII"));
        }
        text.push_str(&format!(";{name}="));
        write_string(&mut text, value);
    }
    Ok(text)
}
