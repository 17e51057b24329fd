//! The gateway's own signature towards an upstream. In: a request as it will be sent, and the
//! hash of its body. Out: the fields to add. What a caller sent in the same words is taken out
//! first, so that the gateway never vouches for it.

mod message;

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::aws::{self, NotSigned};
use crate::clock::UtcTime;
use crate::config::{Outgoing, OutgoingScheme, OutgoingSigV4, SignatureProfile};
use crate::problem::Problems;

use message::MessageSigner;

/// A request that will be sent.
pub struct OutgoingRequest<'a> {
    /// The method's token.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// `Host`.
    pub authority: &'a str,
    /// Whether it goes over TLS.
    pub secure: bool,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// SHA-256 of the body; `None` when it is not known.
    pub body_hash: Option<[u8; 32]>,
    /// The time.
    pub now: UtcTime,
}

/// Signs for one upstream.
pub struct Signer {
    scheme: Scheme,
    unsigned_payload: bool,
    max_buffered_body_bytes: u64,
}

enum Scheme {
    Aws(aws::Signer),
    Message(MessageSigner),
}

impl Signer {
    /// Opens the key that the signature needs; `own` are the fields that the gateway writes for
    /// this upstream beside those that it always does.
    ///
    /// # Errors
    /// A key that cannot be used, or that others than its owner can read.
    pub fn open(file: &Path, settings: &Outgoing, own: &[HeaderName]) -> Result<Self, Problems> {
        Ok(Self {
            scheme: match &settings.scheme {
                OutgoingScheme::SigV4(sigv4) => Scheme::Aws(aws::Signer::new(scope(sigv4))),
                OutgoingScheme::Rfc9421(rfc9421) => {
                    Scheme::Message(MessageSigner::open(file, rfc9421, own)?)
                }
            },
            unsigned_payload: settings.unsigned_payload,
            max_buffered_body_bytes: settings.max_buffered_body_bytes,
        })
    }

    /// The largest body that must be held until its hash is known; `None` when a body may go
    /// unsigned.
    pub fn holds_bodies(&self) -> Option<u64> {
        (!self.unsigned_payload).then_some(self.max_buffered_body_bytes)
    }

    /// Whether a field of the caller's must not travel on under this signature.
    pub fn replaces(&self, name: &str) -> bool {
        match &self.scheme {
            // What AWS would obey: the gateway would be asking for it.
            Scheme::Aws(_) => name.starts_with("x-amz-") || name == "authorization",
            Scheme::Message(_) => {
                matches!(name, "signature" | "signature-input" | "content-digest")
            }
        }
    }

    /// The fields to add.
    ///
    /// # Errors
    /// There are no credentials, or the request is none that can be signed.
    pub async fn sign(
        &self,
        request: &OutgoingRequest<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, NotSigned> {
        if request.body_hash.is_none() && !self.unsigned_payload {
            return Err(NotSigned("the hash of the body is not known"));
        }
        let added = match &self.scheme {
            Scheme::Aws(signer) => sign_for_aws(signer, request).await?,
            Scheme::Message(signer) => signer.sign(request)?,
        };
        let field = |(name, value): (String, String)| {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(&value);
            name.ok().zip(value.ok())
        };
        let fields: Option<Vec<_>> = added.into_iter().map(field).collect();
        fields.ok_or(NotSigned("the signature is no field"))
    }
}

fn scope(settings: &OutgoingSigV4) -> aws::Scope {
    aws::Scope {
        service: settings.service.clone(),
        region: settings.region.clone(),
        paths: match settings.profile {
            SignatureProfile::Aws => aws::Paths::EncodedTwice,
            SignatureProfile::S3 => aws::Paths::AsTheyAre,
        },
    }
}

/// What is signed of the caller's own fields, beside the host and what is added.
const COVERED: [&str; 1] = ["content-type"];

async fn sign_for_aws(
    signer: &aws::Signer,
    request: &OutgoingRequest<'_>,
) -> Result<Vec<(String, String)>, NotSigned> {
    let text = |name: &'static str| Some((name, request.headers.get(name)?.to_str().ok()?));
    let fields: Vec<_> = COVERED.into_iter().filter_map(text).collect();
    let outgoing = aws::Outgoing {
        method: request.method,
        authority: request.authority,
        target: request.target,
        fields: &fields,
        body_hash: request.body_hash,
        now: request.now,
    };
    signer.sign(&outgoing).await
}
