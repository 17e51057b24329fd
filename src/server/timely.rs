//! Looks at the clock in the background, so that no request has to. In: the state. Out: what it
//! holds of the clock, and a line in the log when that changes.

use std::sync::Arc;
use std::time::Duration;

use super::state::State;

const TICK: Duration = Duration::from_secs(1);

/// Looks from now on.
pub(super) fn start(state: Arc<State>) {
    if !state.is_timely(&state.snapshot()) {
        tell(&state);
    }
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            if state.clock.look() {
                tell(&state);
            }
        }
    });
}

fn tell(state: &State) {
    let required = state.snapshot().process().require_synchronized_clock;
    match (state.clock.is_synchronized(), state.clock.last()) {
        (true, _) => tracing::info!("The kernel calls its clock synchronized."),
        (false, None) => {
            tracing::warn!(required, "The kernel does not say how right its clock is.")
        }
        (false, Some(_)) => {
            tracing::warn!(
                required,
                "The kernel does not call its clock synchronized: is an NTP client running?"
            );
        }
    }
}
