//! Replaces the program while the gateway serves. In: a signal. Out: a successor that serves; or,
//! when it does not start, why in the log and the status, and everything as it was.

use std::sync::Arc;

use crate::clock::UtcTime;

use super::admin::AdminListener;
use super::handover::{Program, Successor, hand_over};
use super::listeners::Listeners;
use super::manager;
use super::state::State;

/// Has a process of the program as its file is now take this one's place.
pub(super) async fn upgrade(
    program: &Program,
    state: &Arc<State>,
    listeners: &Listeners,
    admin: Option<&AdminListener>,
) -> Option<Successor> {
    tracing::info!("A successor starts.");
    manager::upgrading();
    match try_upgrade(program, state, listeners, admin).await {
        Ok(successor) => Some(successor),
        Err(why) => {
            tracing::error!("The program was not upgraded; the old one serves on.\n{why}");
            let version = state.snapshot().version();
            state.history.not_upgraded(UtcTime::now(), why);
            state.telemetry.metrics().upgrade(false);
            manager::not_upgraded(version);
            None
        }
    }
}

async fn try_upgrade(
    program: &Program,
    state: &Arc<State>,
    listeners: &Listeners,
    admin: Option<&AdminListener>,
) -> Result<Successor, String> {
    // Whoever starts it again, of the new image, is the one to ask.
    if std::process::id() == 1 {
        let why = "the gateway is the first process of its container, which ends with it";
        return Err(why.to_owned());
    }
    let no_more = |e: std::io::Error| format!("the sockets cannot be passed on: {e}");
    let mut sockets = listeners.to_pass_on().map_err(no_more)?;
    if let Some(admin) = admin {
        sockets.push(admin.to_pass_on().map_err(no_more)?);
    }
    let snapshot = state.keep_snapshot();
    let memory = snapshot.authorizer().replay_memory();
    hand_over(program, &sockets, memory).await
}
