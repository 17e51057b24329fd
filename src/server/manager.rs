//! What a service manager is told (systemd's sd_notify(3)): that the gateway serves, reloads or
//! leaves, and that it is alive (sd_watchdog_enabled(3)). In: how far the process has come. Out:
//! messages to the socket that the environment names; without one, nothing.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use super::workers::Workers;

/// The gateway serves this version of the configuration.
pub(super) fn ready(version: u64) {
    let status = format!("Configuration {version} serves.");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The gateway looks for a new configuration.
pub(super) fn reloading() {
    // systemd 253 and later want to know since when.
    let since = NotifyState::monotonic_usec_now().ok();
    let states: Vec<NotifyState<'_>> = [NotifyState::Reloading].into_iter().chain(since).collect();
    tell(&states);
}

/// The new configuration is none; the one of this version serves on.
pub(super) fn not_reloaded(version: u64) {
    let status =
        format!("The configuration was not reloaded: see the log. Configuration {version} serves.");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// A successor starts.
pub(super) fn upgrading() {
    tell(&[NotifyState::Status("A successor starts.")]);
}

/// There is no successor; this process serves on.
pub(super) fn not_upgraded(version: u64) {
    let status =
        format!("The program was not upgraded: see the log. Configuration {version} serves.");
    tell(&[NotifyState::Status(&status)]);
}

/// The service is that process's from here on.
pub(super) fn handed_over(process: u32) {
    tell(&[NotifyState::MainPid(process)]);
}

/// The gateway drains, for at most `limit`.
pub(super) fn stopping(limit: Duration) {
    let microseconds = u32::try_from((limit + SPARE).as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("Draining."),
        NotifyState::ExtendTimeoutUsec(microseconds),
    ]);
}

/// Says that the gateway is alive, for ever, as often as the manager wants to hear it, as long as
/// every worker answers.
pub(super) async fn watch(workers: Arc<Workers>) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    // sd_watchdog_enabled(3) recommends half of it.
    let mut ticks = tokio::time::interval(limit / 2);
    loop {
        ticks.tick().await;
        workers.answer().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// What ends a process takes beside the requests.
const SPARE: Duration = Duration::from_secs(5);

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "The service manager cannot be told.");
    }
}
