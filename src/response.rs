//! How the gateway's own answers look. In: a `Refusal` or a fixed answer. Out: a header and
//! a body for Pingora, or bytes for a connection that never had a request.
//! Says nothing of the gateway but what the refusal's code says.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora_http::ResponseHeader;

use crate::names::RequestId;
use crate::refusal::{Challenge, Refusal};

/// The field that carries a request's id, to the upstream and back to the caller.
pub const REQUEST_ID: &str = "x-request-id";

const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer that the gateway gives by itself.
pub struct Answer {
    /// Status and fields, `Content-Length` among them where there may be one.
    pub header: Box<ResponseHeader>,
    /// The body.
    pub body: Bytes,
}

/// The answer to a refused request.
pub fn refused(refusal: &Refusal, id: &RequestId) -> Answer {
    let mut fields = vec![(header::CONTENT_TYPE, JSON)];
    match refusal {
        Refusal::SignatureRequired(challenge) => challenge_with(&mut fields, challenge),
        Refusal::MethodNotAllowed { allow } => {
            if let Ok(allow) = HeaderValue::from_str(allow) {
                fields.push((header::ALLOW, allow));
            }
        }
        _ => {}
    }
    let status = StatusCode::from_u16(refusal.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(status, fields, body_of(refusal, id), id)
}

fn challenge_with(fields: &mut Vec<(HeaderName, HeaderValue)>, challenge: &Challenge) {
    let mut add = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            fields.push((name, value));
        }
    };
    add(header::WWW_AUTHENTICATE, &challenge.www_authenticate);
    if let Some(accepted) = &challenge.accept_signature {
        add(ACCEPT_SIGNATURE, accepted);
        fields.push((header::CACHE_CONTROL, NO_STORE));
    }
}

/// An answer with these fields; `Content-Length`, where there may be one, and the request's id are
/// added.
pub fn answer(
    status: StatusCode,
    fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    body: Bytes,
    id: &RequestId,
) -> Answer {
    let mut head =
        ResponseHeader::build(status, Some(6)).expect("every StatusCode is a status to Pingora");
    for (name, value) in fields {
        // Appending fails only when the map is full, which a handful of fields do not do.
        let _ = head.append_header(name, value);
    }
    // RFC 9110 §8.6: a length there would be that of another answer, or is forbidden.
    if !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        let _ = head.insert_header(header::CONTENT_LENGTH, body.len());
    }
    let _ = head.insert_header(REQUEST_ID, id.as_str());
    Answer {
        header: Box::new(head),
        body,
    }
}

/// A whole HTTP/1 answer to bytes that are no request; the connection ends behind it.
pub fn refused_bytes(refusal: &Refusal, id: &RequestId) -> Vec<u8> {
    let body = body_of(refusal, id);
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-request-id: {id}\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        body.len(),
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

/// Messages and codes are ours and ids are hexadecimal: nothing needs escaping.
fn body_of(refusal: &Refusal, id: &RequestId) -> Bytes {
    format!(
        "{{\"message\":\"{}\",\"code\":\"{}\",\"request_id\":\"{id}\"}}\n",
        refusal.message(),
        refusal.code(),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::RequestIds;

    #[test]
    fn a_refusal_is_json_and_tells_its_code_and_the_requests_id() {
        let id = RequestIds::new(7).next();
        let challenge = Challenge {
            www_authenticate: "AWS4-HMAC-SHA256".to_owned(),
            accept_signature: Some("sig1=(\"@method\");created".to_owned()),
        };
        let answer = refused(&Refusal::SignatureRequired(challenge.into()), &id);
        assert!(answer.header.headers.contains_key("accept-signature"));
        assert_eq!(answer.header.status, 401);
        assert!(answer.header.headers.contains_key("www-authenticate"));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["code"], "signature_required");
        assert_eq!(body["request_id"], id.as_str());
        let bytes = refused_bytes(&Refusal::HeadersTooLarge, &id);
        assert!(bytes.starts_with(b"HTTP/1.1 431 "));
    }
}
