//! Asks a responder, once. In: a certificate, its issuer, whom to ask. Out: an answer that can
//! be believed, with its bytes, or why there is none.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, StatusCode, Url};

use crate::clock::UtcTime;
use crate::revocation::http;

use super::{MAX_ANSWER_BYTES, OcspAnswer, request, responder_of, verify};

/// An answer and its bytes.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What it says.
    pub answer: OcspAnswer,
    /// The OCSPResponse, as it can be stapled.
    pub response: Vec<u8>,
}

pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the responder that the certificate `subject` names, which `issuer` has signed.
///
/// # Errors
/// It names none, or gives no answer within 5 s that can be believed.
pub async fn fetch(subject: &[u8], issuer: &[u8]) -> Result<Fetched, String> {
    let client = http::guarded_client(TIMEOUT)?;
    let url = target(responder_of(subject).as_deref())?;
    let response = post(&client, url, subject, issuer).await?;
    let answer = verify(&response, subject, issuer, UtcTime::now()).map_err(|e| e.to_string())?;
    Ok(Fetched { answer, response })
}

/// The URL of a responder, if it may be asked.
pub(super) fn target(responder: Option<&str>) -> Result<Url, String> {
    let url = responder.ok_or("the certificate names none")?;
    let url = Url::parse(url).map_err(|_| "its URL cannot be read")?;
    match http::is_allowed(&url) {
        true => Ok(url),
        false => Err(http::FORBIDDEN.to_owned()),
    }
}

/// Asks by POST (RFC 6960 appendix A.1).
pub(super) async fn post(
    client: &Client,
    url: Url,
    subject: &[u8],
    issuer: &[u8],
) -> Result<Vec<u8>, String> {
    let question = request(subject, issuer).map_err(|e| e.to_string())?;
    let answer = client
        .post(url)
        .header(CONTENT_TYPE, "application/ocsp-request")
        .header(ACCEPT, "application/ocsp-response")
        .body(question)
        .send()
        .await
        .map_err(http::words_of)?;
    match answer.status() {
        StatusCode::OK => http::body(answer, MAX_ANSWER_BYTES).await,
        status => Err(format!("it answers {}", status.as_u16())),
    }
}
