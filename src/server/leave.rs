//! How the gateway ends. In: that it shall, or that another process serves in its place. Out: every
//! request answered, as long as that takes no longer than it may.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Process;

use super::StartError;
use super::handover::Successor;
use super::listener::Takes;
use super::listeners::Listeners;
use super::manager;
use super::signals::End;
use super::state::State;

/// Leaves without losing a request. First readiness fails, so that a load balancer looks
/// elsewhere, while callers that come are served and told not to come back on the same
/// connection. Then the listeners close, and what is in flight is waited for.
pub(super) async fn drain(state: &Arc<State>, listeners: &mut Listeners, process: &Process) {
    tracing::info!(connections = live(state), "Draining.");
    manager::stopping(process.drain_timeout);
    let deadline = Instant::now() + process.drain_timeout;
    state.leave();
    let grace = (Instant::now() + process.drain_grace).min(deadline);
    wait_until(grace, || live(state) == 0).await;
    listeners.close(Takes::TheLast).await;
    state.close();
    wait_until(deadline, || live(state) == 0).await;
    tell_how_it_ended(state);
}

/// Leaves while a successor serves: it takes who comes from here on. Callers who are here are told
/// not to come back on the same connection; who says nothing, and what takes long, is waited for
/// much longer than at an end, unless the end is asked for. So is a process before this one that
/// still asks it which signatures were used.
///
/// # Errors
/// The successor has ended.
pub(super) async fn make_way(
    state: &Arc<State>,
    listeners: &mut Listeners,
    process: &Process,
    mut successor: Successor,
    end: &mut End,
) -> Result<(), StartError> {
    tracing::info!(connections = live(state), "The successor serves.");
    let deadline = Instant::now() + process.upgrade_drain_timeout;
    state.leave();
    state.be_patient(true);
    listeners.close(Takes::Nobody).await;
    successor.let_go().await;
    state.close();
    let ended = tokio::select! {
        () = wait_until(deadline, || live(state) == 0 && predecessors(state) == 0) => Ok(()),
        () = end.asked() => Ok(()),
        () = successor.gone() => Err(StartError::SuccessorEnded),
    };
    if live(state) > 0 && Instant::now() < deadline {
        state.be_patient(false);
        let deadline = deadline.min(Instant::now() + process.drain_timeout);
        wait_until(deadline, || live(state) == 0).await;
    }
    tell_how_it_ended(state);
    ended
}

fn predecessors(state: &State) -> usize {
    state.predecessors.load(Ordering::Relaxed)
}

fn live(state: &State) -> usize {
    state.live.load(Ordering::Relaxed)
}

fn tell_how_it_ended(state: &State) {
    match live(state) {
        0 => tracing::info!("Every request was answered."),
        left => tracing::warn!(connections = left, "Connections were cut off."),
    }
}

async fn wait_until(deadline: Instant, done: impl Fn() -> bool) {
    while !done() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
