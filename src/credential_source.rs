//! Credentials that are kept in AWS Secrets Manager. In: the configured sources. Out: what each
//! holds, the last good of it when it cannot be had now. A secret's text is a credential store
//! as a file would hold it. Knows nothing of who uses the credentials; nothing runs here that
//! was not asked for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::config::{Config, CredentialSource};
use crate::credential::CredentialStore;
use crate::problem::Problems;

/// What a source held when it was last fetched.
#[derive(Clone)]
pub struct Fetched {
    source: CredentialSource,
    store: Arc<CredentialStore>,
    history: Arc<History>,
}

/// How fetching has gone, for metrics. Outlives snapshots.
#[derive(Default)]
struct History {
    good: AtomicU64,
    failed: AtomicU64,
    /// Seconds since 1970; 0 before the first.
    last_good: AtomicI64,
}

/// How fetching from a source has gone.
pub struct FetchCounts<'a> {
    /// The source's name.
    pub source: &'a str,
    /// Fetches that brought a store.
    pub good: u64,
    /// Fetches that did not; the last good store serves on.
    pub failed: u64,
    /// When the last good one was, in seconds since 1970.
    pub last_good: i64,
}

impl Fetched {
    /// What the source held.
    pub fn store(&self) -> &Arc<CredentialStore> {
        &self.store
    }

    /// The source.
    pub fn source(&self) -> &CredentialSource {
        &self.source
    }

    /// Whether this is what `known` is, and nothing has been fetched since.
    pub fn is_still(&self, known: &Self) -> bool {
        self.source == known.source && Arc::ptr_eq(&self.store, &known.store)
    }

    /// How fetching has gone.
    pub fn counts(&self) -> FetchCounts<'_> {
        FetchCounts {
            source: &self.source.name,
            good: self.history.good.load(Ordering::Relaxed),
            failed: self.history.failed.load(Ordering::Relaxed),
            last_good: self.history.last_good.load(Ordering::Relaxed),
        }
    }
}

/// Fetches every source of `config`; one that cannot be had now is taken over from `before`.
///
/// # Errors
/// A source that cannot be had and never was, or that holds no credential store.
pub async fn fetch(config: &Config, before: &[Fetched]) -> Result<Vec<Fetched>, Problems> {
    let mut problems = Problems::default();
    let mut all = Vec::new();
    for source in &config.credential_sources {
        let known = before.iter().find(|one| is_same(&one.source, source));
        match fetch_one(source, known).await {
            Ok(fetched) => all.push(fetched),
            Err(text) => problems.add(&config.file, source.line, text),
        }
    }
    problems.or_ok(all)
}

/// Whether both mean the same secret: its name alone may be that of another one elsewhere.
fn is_same(one: &CredentialSource, other: &CredentialSource) -> bool {
    (&one.secret, &one.region, &one.endpoint) == (&other.secret, &other.region, &other.endpoint)
}

/// Fetches a source again; the second says whether anything about it is new.
pub async fn refresh(known: &Fetched) -> (Fetched, bool) {
    let fetched = fetch_one(&known.source, Some(known)).await;
    let fetched = fetched.unwrap_or_else(|_| known.clone());
    let is_new = !Arc::ptr_eq(&fetched.store, &known.store);
    (fetched, is_new)
}

async fn fetch_one(source: &CredentialSource, known: Option<&Fetched>) -> Result<Fetched, String> {
    let history = known.map(|known| known.history.clone()).unwrap_or_default();
    let failed = match ask(source).await {
        Ok(store) => {
            history.good.fetch_add(1, Ordering::Relaxed);
            history
                .last_good
                .store(UtcTime::now().unix(), Ordering::Relaxed);
            let same = known.filter(|known| *known.store == store);
            return Ok(Fetched {
                source: source.clone(),
                store: same.map_or_else(|| Arc::new(store), |known| known.store.clone()),
                history,
            });
        }
        Err(text) => text,
    };
    history.failed.fetch_add(1, Ordering::Relaxed);
    let text = format!(
        "credential_source \"{}\": secret \"{}\" cannot be had: {failed}",
        source.name, source.secret
    );
    let Some(known) = known else {
        return Err(text);
    };
    tracing::error!("{text}; what was last fetched serves on.");
    Ok(Fetched {
        source: source.clone(),
        store: known.store.clone(),
        history,
    })
}

async fn ask(source: &CredentialSource) -> Result<CredentialStore, String> {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(source.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(region) = &source.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &source.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    // Credentials of the instance's role may take their time, too.
    let answer = tokio::time::timeout(source.timeout, async {
        let client = Client::new(&loader.load().await);
        client
            .get_secret_value()
            .secret_id(&source.secret)
            .send()
            .await
    });
    let answer = match answer.await {
        Err(_) => return Err(format!("no answer within {} s", source.timeout.as_secs())),
        Ok(Err(error)) => return Err(words_of(&error)),
        Ok(Ok(answer)) => answer,
    };
    let text = answer
        .secret_string
        .map(Zeroizing::new)
        .ok_or("it is binary, but must be a text: a credential store in TOML")?;
    let name = format!("secret {}", source.secret);
    CredentialStore::parse(Path::new(&name), &text).map_err(|problems| problems.to_string())
}

/// The whole chain of causes: the SDK's own word is only "service error".
fn words_of(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        words = format!("{words}: {next}");
        cause = next.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A reload fetches as well, and what it had was overtaken by an older answer.
    #[test]
    fn what_was_fetched_since_is_not_what_was_known() {
        let fetched = || Fetched {
            source: source("us-west-2", 60),
            store: Arc::default(),
            history: Arc::default(),
        };
        let known = fetched();
        assert!(known.clone().is_still(&known));
        assert!(!fetched().is_still(&known));
    }

    fn source(region: &str, refresh: u64) -> CredentialSource {
        CredentialSource {
            name: "partners".to_owned(),
            secret: "gateway/partners".to_owned(),
            region: Some(region.to_owned()),
            endpoint: None,
            refresh: Duration::from_secs(refresh),
            timeout: Duration::from_secs(1),
            line: 1,
        }
    }

    #[test]
    fn what_a_secret_held_does_not_serve_on_for_its_namesake_in_another_region() {
        let one = source("us-west-2", 60);
        assert!(is_same(&one, &source("us-west-2", 300)));
        assert!(!is_same(&one, &source("us-east-1", 60)));
    }
}
