//! Requests signed by our own signer, which botocore's tests keep honest (`callers.rs`), to
//! be sent byte by byte and changed on the way.

use countersign::clock::UtcTime;
use countersign::config::SignatureProfile;
use countersign::credential::{Credential, Secret};
use countersign::names::CredentialId;
use countersign::signature::{SigningRequest, sign};

use super::gateway::{ID, REGION, SECRET, SERVICE};

/// An HTTP/1.1 request for `localhost` in the making.
#[derive(Clone)]
pub struct Signed {
    pub method: &'static str,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Signed {
    pub fn get(target: &str) -> Self {
        Self::by(ID, SECRET, "GET", target, &[], None, b"")
    }

    /// A body whose hash is told in `x-amz-content-sha256`, or `hash` in its place.
    pub fn post(target: &str, body: &[u8], hash: Option<&str>) -> Self {
        Self::by(ID, SECRET, "POST", target, &[], hash, body)
    }

    pub fn by(
        id: &str,
        secret: &str,
        method: &'static str,
        target: &str,
        headers: &[(&str, &str)],
        hash: Option<&str>,
        body: &[u8],
    ) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        let added = sign(&SigningRequest {
            method,
            target,
            authority: "localhost",
            headers: &headers,
            payload_hash: hash.map(str::to_owned),
            body,
            profile: SignatureProfile::Aws,
            region: REGION,
            service: SERVICE,
            credential: &Credential {
                id: CredentialId::new(id),
                secret: Secret::new(secret.to_owned()),
                not_before: None,
                not_after: None,
            },
            now: UtcTime::now(),
        });
        let mut fields = vec![("host".to_owned(), "localhost".to_owned())];
        fields.extend(headers);
        fields.extend(added.expect("a signature"));
        Self {
            method,
            target: target.to_owned(),
            fields,
            body: body.to_owned(),
        }
    }

    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(other, _)| other == name);
        &found.expect("a field").1
    }

    pub fn add(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The head, with `Content-Length` unless it is chunked.
    pub fn head(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        let is_chunked = self
            .fields
            .iter()
            .any(|(name, _)| name == "transfer-encoding");
        if !self.body.is_empty() && !is_chunked {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        (text + "\r\n").into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
