//! Takes up a new configuration while the gateway serves. In: the file. Out: another snapshot in the
//! place of the one that serves, and listeners to match; or, when anything is wrong, what is wrong in
//! the log, and everything as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::UtcTime;
use crate::config::Config;
use crate::snapshot::{Fetched, Snapshot};

use super::StartError;
use super::listeners::Listeners;
use super::manager;
use super::state::State;
use super::validity;

/// Puts the configuration as it is now in the place of the one that serves, whole or not at
/// all.
pub(super) async fn reload(file: &Path, state: &Arc<State>, listeners: &mut Listeners) {
    manager::reloading();
    match try_reload(file.to_owned(), state, listeners).await {
        Ok(version) => {
            state.telemetry.metrics().reload(Some(version));
            state.history.reloaded(UtcTime::now(), true);
            tracing::info!(version, "The new configuration serves.");
            manager::ready(version);
        }
        Err(why) => {
            state.telemetry.metrics().reload(None);
            state.history.reloaded(UtcTime::now(), false);
            tracing::error!("The configuration was not reloaded; the old one serves on.\n{why}");
            manager::not_reloaded(state.snapshot().version());
        }
    }
}

async fn try_reload(
    file: PathBuf,
    state: &Arc<State>,
    listeners: &mut Listeners,
) -> Result<u64, String> {
    let previous = state.keep_snapshot();
    // Reads files and resolves names: not a thing to do on a thread that serves.
    let read = tokio::task::spawn_blocking(move || Config::load(&file));
    let read = read.await.map_err(|e| e.to_string())?;
    let config = read.map_err(|problems| problems.to_string())?;
    let fetched = Fetched::fetch(&config, previous.fetched()).await;
    let fetched = fetched.map_err(|problems| problems.to_string())?;
    let build = move || Snapshot::build(config, fetched, Some(&previous));
    let built = tokio::task::spawn_blocking(build);
    let built = built.await.map_err(|e| e.to_string())?;
    let snapshot = Arc::new(built.map_err(|problems| problems.to_string())?);
    let bound = listeners.bind(&snapshot)?;
    state.publish(snapshot.clone());
    listeners.follow(&snapshot, bound);
    validity::tell(state, &snapshot);
    prepare_replay_memory(&snapshot);
    Ok(snapshot.version())
}

/// Waits until the store of used signatures, if there is one, can be asked: before another process
/// that can ask it is sent away.
///
/// # Errors
/// It cannot be reached.
pub(super) async fn wait_for_replay_memory(snapshot: &Snapshot) -> Result<(), StartError> {
    let memory = snapshot.authorizer().replay_memory();
    let ready = memory.is_ready().await;
    ready.then_some(()).ok_or(StartError::ReplayMemory)
}

/// Connects to the store of used signatures before the first request needs it.
pub(super) fn prepare_replay_memory(snapshot: &Snapshot) {
    let memory = snapshot.authorizer().replay_memory().clone();
    tokio::spawn(async move {
        if !memory.is_ready().await {
            tracing::error!("The store of used signatures cannot be reached.");
        }
    });
}
