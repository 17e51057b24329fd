//! SigV4 towards an upstream, by AWS's own `aws-sigv4`, with the credentials of the environment:
//! instance role, container, profile or variables, by AWS's own `aws-config`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use tokio::sync::{Mutex, OnceCell};

use crate::config::{OutgoingSigV4, SignatureProfile};
use crate::digest::hex;

use super::{NotSigned, OutgoingRequest};

/// Signs for a service of AWS.
pub(super) struct AwsSigner {
    settings: OutgoingSigV4,
    chain: OnceCell<SharedCredentialsProvider>,
    /// The credentials that were had last.
    held: ArcSwapOption<Credentials>,
    /// When they were last asked for. One asks at a time.
    asked: Mutex<Option<Instant>>,
}

/// Credentials are had anew this long before they end.
const SPARE: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(5);
/// What came of a question holds for everyone for so long.
const PAUSE: Duration = Duration::from_secs(1);
const NONE_HELD: NotSigned = NotSigned("there are no AWS credentials to sign with");
/// What is signed of the caller's own fields, beside the host and what is added.
const COVERED: [&str; 1] = ["content-type"];

impl AwsSigner {
    pub(super) fn new(settings: &OutgoingSigV4) -> Self {
        Self {
            settings: settings.clone(),
            chain: OnceCell::new(),
            held: ArcSwapOption::empty(),
            asked: Mutex::new(None),
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

    /// Credentials that are good: those that are held, unless they end soon and others can be
    /// had. While those that are held still last, nobody waits for others but the one who asks.
    async fn credentials(&self) -> Result<Arc<Credentials>, NotSigned> {
        if let Some(held) = self.held_for(SPARE) {
            return Ok(held);
        }
        let mut asked = match (self.asked.try_lock(), self.held_for(Duration::ZERO)) {
            (Ok(free), _) => free,
            (Err(_), Some(held)) => return Ok(held),
            (Err(_), None) => self.asked.lock().await,
        };
        // Another may have asked meanwhile, and been told what this one would be.
        let is_recent = asked.is_some_and(|at| at.elapsed() < PAUSE);
        if is_recent || self.held_for(SPARE).is_some() {
            return self.held_for(Duration::ZERO).ok_or(NONE_HELD);
        }
        let found = tokio::time::timeout(PATIENCE, self.ask()).await;
        if let Ok(Some(found)) = found {
            self.held.store(Some(Arc::new(found)));
        }
        *asked = Some(Instant::now());
        self.held_for(Duration::ZERO).ok_or(NONE_HELD)
    }

    /// The credentials that are held, if they last so much longer.
    fn held_for(&self, spare: Duration) -> Option<Arc<Credentials>> {
        self.held.load_full().filter(|held| lasts(held, spare))
    }

    async fn ask(&self) -> Option<Credentials> {
        let chain = self.chain.get_or_init(|| async {
            let region = Region::new(self.settings.region.clone());
            let config = ProviderConfig::default().with_region(Some(region));
            let chain = DefaultCredentialsChain::builder().configure(config);
            SharedCredentialsProvider::new(chain.build().await)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};

    use super::*;

    /// Counts who asks, and lets them wait for ever or tells them that there is nothing.
    #[derive(Debug)]
    struct Nothing {
        waits: bool,
        asked: Arc<AtomicUsize>,
    }

    impl ProvideCredentials for Nothing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let waits = self.waits;
            future::ProvideCredentials::new(async move {
                if waits {
                    std::future::pending::<()>().await;
                }
                tokio::task::yield_now().await;
                Err(CredentialsError::not_loaded("there is nothing"))
            })
        }
    }

    fn signer(waits: bool) -> (Arc<AwsSigner>, Arc<AtomicUsize>) {
        let signer = AwsSigner::new(&OutgoingSigV4 {
            service: "s3".to_owned(),
            region: "us-west-2".to_owned(),
            profile: SignatureProfile::S3,
        });
        let asked = Arc::new(AtomicUsize::new(0));
        let nothing = Nothing {
            waits,
            asked: asked.clone(),
        };
        let set = signer.chain.set(SharedCredentialsProvider::new(nothing));
        set.unwrap();
        (Arc::new(signer), asked)
    }

    /// Each would have asked anew, and waited for all before it.
    #[tokio::test]
    async fn many_who_wait_for_credentials_in_vain_ask_once() {
        let (signer, asked) = signer(false);
        let ask = |_| {
            let signer = signer.clone();
            tokio::spawn(async move { signer.credentials().await.is_err() })
        };
        let all: Vec<_> = (0..50).map(ask).collect();
        for one in all {
            assert!(one.await.unwrap());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn nobody_waits_for_new_credentials_while_the_old_ones_last() {
        let (signer, asked) = signer(true);
        let soon = SystemTime::now() + SPARE / 2;
        let old = Credentials::new("AKID", "secret", None, Some(soon), "test");
        signer.held.store(Some(Arc::new(old)));
        let first = signer.clone();
        let first = tokio::spawn(async move { first.credentials().await.is_ok() });
        while asked.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::time::timeout(PATIENCE / 5, signer.credentials()).await;
        assert_eq!(second.unwrap().unwrap().access_key_id(), "AKID");
        first.abort();
    }
}
