//! Requests of the gateway's own to services of AWS, signed with SigV4 by AWS's own `aws-sigv4`.
//! In: a request as it will be sent, and the hash of its body. Out: the fields to add.
//! And what a machine in AWS asks for itself: its metadata, what is kept for it, and its group.

mod account;
mod credentials;
mod http;
mod kept;
mod lifecycle;
mod metadata;
mod patience;
mod refused;
mod service;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;

use crate::clock::UtcTime;
use crate::digest::hex;

use credentials::Wallet;

pub use account::Account;
pub use kept::{MAX_VALUE, Value, object, parameter, secret};
pub use lifecycle::go_on;
pub use metadata::{Metadata, Unavailable};
pub use refused::Refused;
pub use service::{Api, Service, Unanswered};

/// For what a signature is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The service.
    pub service: String,
    /// Its region.
    pub region: String,
    /// How the path is canonicalised.
    pub paths: Paths,
}

/// How the path of a request is canonicalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Normalised, and encoded once more: every service but S3.
    EncodedTwice,
    /// As it is: S3.
    AsTheyAre,
}

/// A request that will be sent.
pub struct Outgoing<'a> {
    /// The method's token.
    pub method: &'a str,
    /// `Host`.
    pub authority: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Fields to sign beside `Host`; those that are added are signed too.
    pub fields: &'a [(&'static str, &'a str)],
    /// SHA-256 of the body; `None` leaves it unsigned, which few services take.
    pub body_hash: Option<[u8; 32]>,
    /// The time.
    pub now: UtcTime,
}

/// Why a request cannot be signed, in words for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotSigned(pub &'static str);

/// Signs for a service of AWS.
pub struct Signer {
    scope: Scope,
    wallet: Arc<Wallet>,
}

impl Signer {
    /// A signer that has asked for no credentials yet.
    pub fn new(scope: Scope) -> Self {
        Self {
            wallet: Arc::new(Wallet::new(&scope.region)),
            scope,
        }
    }

    /// The fields to add.
    ///
    /// # Errors
    /// There are no credentials, or the request is none that can be signed.
    pub async fn sign(&self, request: &Outgoing<'_>) -> Result<Vec<(String, String)>, NotSigned> {
        const FAILED: NotSigned = NotSigned("aws-sigv4 does not sign the request");
        let credentials = self.wallet.credentials().await?;
        let identity = (*credentials).clone().into();
        let time = Duration::from_secs(request.now.unix().unsigned_abs());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.scope.region)
            .name(&self.scope.service)
            .time(SystemTime::UNIX_EPOCH + time)
            .settings(settings(self.scope.paths))
            .build()
            .map_err(|_| FAILED)?
            .into();
        let covered = request.fields.iter().copied();
        let covered = covered.chain([("host", request.authority)]);
        let body = match request.body_hash {
            Some(hash) => SignableBody::Precomputed(hex(&hash)),
            None => SignableBody::UnsignedPayload,
        };
        let url = format!("https://{}{}", request.authority, request.target);
        let signable = SignableRequest::new(request.method, url, covered, body);
        let signed = sign(signable.map_err(|_| FAILED)?, &parameters).map_err(|_| FAILED)?;
        let (instructions, _) = signed.into_parts();
        let added = instructions.headers();
        Ok(added
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

fn settings(paths: Paths) -> SigningSettings {
    let mut settings = SigningSettings::default();
    // S3 needs it, and any other service takes it.
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let (encoding, normalization) = match paths {
        Paths::EncodedTwice => (
            PercentEncodingMode::Double,
            UriPathNormalizationMode::Enabled,
        ),
        Paths::AsTheyAre => (
            PercentEncodingMode::Single,
            UriPathNormalizationMode::Disabled,
        ),
    };
    settings.percent_encoding_mode = encoding;
    settings.uri_path_normalization_mode = normalization;
    settings
}
