//! SigV4 towards an upstream, by AWS's own `aws-sigv4`, with the credentials of the environment:
//! instance role, container, profile or variables, by AWS's own `aws-config`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use tokio::sync::{Mutex, OnceCell};

use crate::config::{OutgoingSigV4, SignatureProfile};

use super::{NotSigned, OutgoingRequest};

/// Signs for a service of AWS.
pub(super) struct AwsSigner {
    settings: OutgoingSigV4,
    chain: OnceCell<DefaultCredentialsChain>,
    /// The credentials that were had last.
    held: ArcSwapOption<Credentials>,
    /// One asks at a time.
    asking: Mutex<()>,
}

/// Credentials are had anew this long before they end.
const SPARE: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(5);
/// What is signed of the caller's own fields, beside the host and what is added.
const COVERED: [&str; 1] = ["content-type"];

impl AwsSigner {
    pub(super) fn new(settings: &OutgoingSigV4) -> Self {
        Self {
            settings: settings.clone(),
            chain: OnceCell::new(),
            held: ArcSwapOption::empty(),
            asking: Mutex::new(()),
        }
    }

    pub(super) async fn sign(
        &self,
        request: &OutgoingRequest<'_>,
    ) -> Result<Vec<(String, String)>, NotSigned> {
        const FAILED: NotSigned = NotSigned("aws-sigv4 does not sign the request");
        let credentials = self.credentials().await?;
        let identity = (*credentials).clone().into();
        let time = Duration::from_secs(request.now.unix().unsigned_abs());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.settings.region)
            .name(&self.settings.service)
            .time(SystemTime::UNIX_EPOCH + time)
            .settings(self.signing_settings())
            .build()
            .map_err(|_| FAILED)?
            .into();
        let text = |name: &'static str| Some((name, request.headers.get(name)?.to_str().ok()?));
        let covered = COVERED.into_iter().filter_map(text);
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

    fn signing_settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        // S3 needs it, and any other service takes it.
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let (encoding, paths) = match self.settings.profile {
            SignatureProfile::Aws => (
                PercentEncodingMode::Double,
                UriPathNormalizationMode::Enabled,
            ),
            SignatureProfile::S3 => (
                PercentEncodingMode::Single,
                UriPathNormalizationMode::Disabled,
            ),
        };
        settings.percent_encoding_mode = encoding;
        settings.uri_path_normalization_mode = paths;
        settings
    }

    /// Credentials that are good: those that are held, unless they end soon.
    async fn credentials(&self) -> Result<Arc<Credentials>, NotSigned> {
        let held = self.held.load_full();
        if let Some(held) = held.filter(|held| lasts(held, SPARE)) {
            return Ok(held);
        }
        let _alone = self.asking.lock().await;
        let held = self.held.load_full();
        if let Some(held) = held.as_ref().filter(|held| lasts(held, SPARE)) {
            return Ok(held.clone());
        }
        match tokio::time::timeout(PATIENCE, self.ask()).await {
            Ok(Some(found)) => {
                let found = Arc::new(found);
                self.held.store(Some(found.clone()));
                Ok(found)
            }
            // Those that are held may do for a little longer.
            _ => held
                .filter(|held| lasts(held, Duration::ZERO))
                .ok_or(NotSigned("there are no AWS credentials to sign with")),
        }
    }

    async fn ask(&self) -> Option<Credentials> {
        let chain = self.chain.get_or_init(|| async {
            let region = Region::new(self.settings.region.clone());
            let config = ProviderConfig::default().with_region(Some(region));
            DefaultCredentialsChain::builder()
                .configure(config)
                .build()
                .await
        });
        let found = chain.await.provide_credentials().await;
        if let Err(error) = &found {
            tracing::error!("AWS credentials for outgoing signatures cannot be had: {error}");
        }
        found.ok()
    }
}

fn lasts(credentials: &Credentials, spare: Duration) -> bool {
    let end = credentials.expiry();
    end.is_none_or(|end| SystemTime::now() + spare < end)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
