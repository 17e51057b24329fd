//! What a configuration names and what is not simply there to be opened: the contents of
//! credential sources, and lists of revoked certificates. Had before a snapshot is built, and kept
//! fresh as long as it serves.

use crate::config::Config;
use crate::credential_source;
use crate::problem::Problems;
use crate::trust::Lists;

/// What was fetched for a configuration.
#[derive(Clone, Default)]
pub struct Fetched {
    /// What credential sources hold.
    pub credentials: Vec<credential_source::Fetched>,
    /// The lists of revoked certificates.
    pub lists: Lists,
}

impl Fetched {
    /// Fetches everything that `config` names; what cannot be had now is taken over from `before`.
    ///
    /// # Errors
    /// Whatever cannot be had and never was, or is not what it should be.
    pub async fn fetch(config: &Config, before: &Self) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let credentials = credential_source::fetch(config, &before.credentials).await;
        let lists = Lists::load(config, &before.lists).await;
        let credentials = credentials.map_err(|found| problems.extend(found));
        let lists = lists.map_err(|found| problems.extend(found));
        match (credentials, lists) {
            (Ok(credentials), Ok(lists)) => Ok(Self { credentials, lists }),
            _ => Err(problems),
        }
    }

    /// The same, for commands: waits for it on this thread.
    ///
    /// # Errors
    /// As [`Fetched::fetch`], and when the system gives no runtime.
    pub fn fetch_and_wait(config: &Config) -> Result<Self, Problems> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| Problems::with_file(&config.file, e.to_string()))?;
        runtime.block_on(Self::fetch(config, &Self::default()))
    }
}
