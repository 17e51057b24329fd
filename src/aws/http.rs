//! HTTP towards AWS: a client that goes nowhere but where it is sent, and bodies of bounded length.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use zeroize::Zeroizing;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that follows nobody elsewhere and knows no proxies.
pub(super) fn client(timeout: Duration) -> Result<Client, String> {
    let settled = |builder: reqwest::ClientBuilder| {
        let builder = builder.redirect(Policy::none()).no_proxy();
        let builder = builder.connect_timeout(CONNECT_TIMEOUT).timeout(timeout);
        builder.build()
    };
    // A machine without public roots still reaches what speaks plain HTTP, as metadata does.
    settled(Client::builder())
        .or_else(|_| settled(Client::builder().tls_certs_only([])))
        .map_err(|e| format!("there is no HTTP client: {}", words_of(e)))
}

/// The whole body, which is zeroized after use; `None` when it is longer than `most` bytes.
pub(super) async fn body(
    mut answer: Response,
    most: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let mut body = Zeroizing::new(Vec::with_capacity(most));
    while let Some(chunk) = answer.chunk().await.map_err(words_of)? {
        if chunk.len() > most - body.len() {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The innermost cause, without the URL.
pub(super) fn words_of(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
