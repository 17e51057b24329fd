//! The `Authorization` field of SigV4, taken apart. In: a `Call`. Out: a `Presented`, nothing
//! when the call carries no SigV4 signature at all, or a `Refusal` when it carries one badly
//! or twice. Grammar: AWS SigV4 "Authorization header"; the keys in any order, each once.

use std::fmt;

use http::header::AUTHORIZATION;

use crate::call::Call;
use crate::refusal::Refusal;

use super::encode;
use super::key::Scope;
use super::uri;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const FAMILY: &[u8] = b"AWS4-";
const MAX_CREDENTIAL_ID: usize = 128;

/// The parameters of the presigned form (AWS SigV4 "Query string parameters").
const PRESIGNED: [&[u8]; 6] = [
    b"X-Amz-Algorithm",
    b"X-Amz-Credential",
    b"X-Amz-Date",
    b"X-Amz-Expires",
    b"X-Amz-SignedHeaders",
    b"X-Amz-Signature",
];

/// A signature as the call presents it: well-formed, not verified.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    credential_id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: [u8; 32],
}

/// Finds the signature that `call` presents.
///
/// # Errors
/// `SignatureMalformed` when it cannot be read, when there is more than one place to read it
/// from, and for the presigned form, which is not taken.
pub fn present<'a>(call: &Call<'a>) -> Result<Option<Presented<'a>>, Refusal> {
    let mut fields = call.headers().get_all(AUTHORIZATION).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(Refusal::SignatureMalformed("Authorization was sent twice"));
    }
    if is_presigned(call.query().unwrap_or_default()) {
        return Err(Refusal::SignatureMalformed(match field {
            Some(_) => "both Authorization and the presigned query form",
            None => "presigned query form is not taken",
        }));
    }
    match field {
        Some(field) if is_of_family(field.as_bytes()) => {
            let text = field.to_str().ok().ok_or("Authorization is not text");
            text.and_then(parse)
                .map(Some)
                .map_err(Refusal::SignatureMalformed)
        }
        _ => Ok(None),
    }
}

impl<'a> Presented<'a> {
    /// The id of the credential that is said to have signed.
    pub fn credential_id(&self) -> &str {
        self.credential_id
    }

    pub(super) fn scope(&self) -> Scope<'a> {
        Scope {
            day: self.day,
            region: self.region,
            service: self.service,
        }
    }

    pub(super) fn signed_headers(&self) -> &'a str {
        self.signed_headers
    }

    pub(super) fn signature(&self) -> &[u8; 32] {
        &self.signature
    }
}

/// Shows the id only: signatures do not belong in logs.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({:?})", self.credential_id)
    }
}

fn is_of_family(field: &[u8]) -> bool {
    // Scheme names know no case (RFC 9110 §11.1): `aws4-…` is an attempt, not an absence.
    let start = field.get(..FAMILY.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(FAMILY))
}

fn is_presigned(query: &str) -> bool {
    query.split('&').any(|piece| {
        let name = piece.split('=').next().unwrap_or_default();
        PRESIGNED.iter().any(|known| uri::decodes_to(name, known))
    })
}

fn parse(text: &str) -> Result<Presented<'_>, &'static str> {
    let (algorithm, parameters) = text.split_once(' ').unwrap_or((text, ""));
    if algorithm != ALGORITHM {
        return Err("algorithm is not AWS4-HMAC-SHA256");
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for parameter in parameters.split(',') {
        let (key, value) = parameter
            .trim_matches(' ')
            .split_once('=')
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
    let (credential_id, [day, region, service]) = parse_credential(credential)?;
    Ok(Presented {
        credential_id,
        day,
        region,
        service,
        signed_headers,
        signature: encode::unhex(signature.as_bytes())
            .ok_or("Signature is not 64 lower-case hexadecimal digits")?,
    })
}

/// Reads `id/day/region/service/aws4_request` from its end: the id alone may hold slashes.
fn parse_credential(text: &str) -> Result<(&str, [&str; 3]), &'static str> {
    let mut parts = text.rsplitn(5, '/');
    let (Some("aws4_request"), Some(service), Some(region), Some(day), Some(id)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err("Credential is not id/day/region/service/aws4_request");
    };
    if id.is_empty() || id.len() > MAX_CREDENTIAL_ID || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("Credential has no valid id");
    }
    Ok((id, [day, region, service]))
}
