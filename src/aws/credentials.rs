//! The gateway's own AWS credentials: those of the instance role, the container, the profile or
//! the environment, by AWS's own `aws-config`. Had once for everyone, and anew before they end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use tokio::sync::{Mutex, OnceCell};

use super::NotSigned;

/// Where credentials come from, and those that were had last.
pub(super) struct Wallet {
    /// Of the STS that a profile or a web identity may need.
    region: String,
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

impl Wallet {
    /// A wallet that has asked for nothing yet.
    pub(super) fn new(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            chain: OnceCell::new(),
            held: ArcSwapOption::empty(),
            asked: Mutex::new(None),
        }
    }

    /// Credentials that are good: those that are held, unless they end soon and others can be
    /// had. While those that are held still last, nobody waits for others but the one who asks.
    pub(super) async fn credentials(&self) -> Result<Arc<Credentials>, NotSigned> {
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
            let region = Region::new(self.region.clone());
            let config = ProviderConfig::default().with_http_client(direct());
            let chain = DefaultCredentialsChain::builder().configure(config);
            SharedCredentialsProvider::new(chain.region(region).build().await)
        });
        let found = chain.await.provide_credentials().await;
        if let Err(error) = &found {
            tracing::error!("AWS credentials for outgoing signatures cannot be had: {error}");
        }
        found.ok()
    }
}

/// A client that knows no proxies. AWS's own takes those of the environment, and would have one
/// read the secret of the instance's role, which is told by plain HTTP.
fn direct() -> SharedHttpClient {
    http_client_fn(|settings, components| {
        let mut connector = Connector::builder();
        connector.set_sleep_impl(components.sleep_impl());
        let connector = connector
            .connector_settings(settings.clone())
            .proxy_config(ProxyConfig::disabled())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        SharedHttpConnector::new(connector.build())
    })
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

    fn wallet(waits: bool) -> (Arc<Wallet>, Arc<AtomicUsize>) {
        let wallet = Wallet::new("us-west-2");
        let asked = Arc::new(AtomicUsize::new(0));
        let nothing = Nothing {
            waits,
            asked: asked.clone(),
        };
        let set = wallet.chain.set(SharedCredentialsProvider::new(nothing));
        set.unwrap();
        (Arc::new(wallet), asked)
    }

    /// Each would have asked anew, and waited for all before it.
    #[tokio::test]
    async fn many_who_wait_for_credentials_in_vain_ask_once() {
        let (wallet, asked) = wallet(false);
        let ask = |_| {
            let wallet = wallet.clone();
            tokio::spawn(async move { wallet.credentials().await.is_err() })
        };
        let all: Vec<_> = (0..50).map(ask).collect();
        for one in all {
            assert!(one.await.unwrap());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn nobody_waits_for_new_credentials_while_the_old_ones_last() {
        let (wallet, asked) = wallet(true);
        let soon = SystemTime::now() + SPARE / 2;
        let old = Credentials::new("AKID", "secret", None, Some(soon), "test");
        wallet.held.store(Some(Arc::new(old)));
        let first = wallet.clone();
        let first = tokio::spawn(async move { first.credentials().await.is_ok() });
        while asked.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::time::timeout(PATIENCE / 5, wallet.credentials()).await;
        assert_eq!(second.unwrap().unwrap().access_key_id(), "AKID");
        first.abort();
    }
}
