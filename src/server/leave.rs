//! How the gateway ends. In: that it shall. Out: every request answered, as long as that takes no
//! longer than it may.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::config::Process;

use super::listeners::Listeners;
use super::manager;
use super::state::State;

/// Leaves without losing a request. First readiness fails, so that a load balancer looks
/// elsewhere, while callers that come are served and told not to come back on the same
/// connection. Then the listeners close, and what is in flight is waited for.
pub(super) async fn drain(state: &Arc<State>, listeners: &mut Listeners, process: &Process) {
    let live = || state.live.load(Ordering::Relaxed);
    tracing::info!(connections = live(), "Draining.");
    manager::stopping(process.drain_timeout);
    let deadline = tokio::time::Instant::now() + process.drain_timeout;
    state.leave();
    let grace = (tokio::time::Instant::now() + process.drain_grace).min(deadline);
    wait_until(grace, || live() == 0).await;
    listeners.close().await;
    state.close();
    wait_until(deadline, || live() == 0).await;
    match live() {
        0 => tracing::info!("Every request was answered."),
        left => tracing::warn!(connections = left, "Connections were cut off."),
    }
}

async fn wait_until(deadline: tokio::time::Instant, done: impl Fn() -> bool) {
    while !done() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
