use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

/// The headers to add to a POST of `body` with this content type.
pub fn sign_post(
    url: &str,
    body: &[u8],
    content_type: &str,
    key_id: &str,
    secret: &str,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let identity = Credentials::new(key_id, secret, None, None, "gateway").into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region("us-west-2")
        .name("execute-api")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let headers = [("content-type", content_type)];
    let body = SignableBody::Bytes(body);
    let request = SignableRequest::new("POST", url, headers.into_iter(), body)?;
    let (added, _) = sign(request, &parameters)?.into_parts();
    let added = added.headers();
    Ok(added
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
