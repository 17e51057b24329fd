//! The signals that the gateway knows.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::StartError;

/// The signals, heard from when this is made.
pub(super) struct Signals {
    /// SIGHUP: a new configuration.
    pub(super) hangup: Signal,
    /// SIGUSR2: a new program.
    pub(super) upgrade: Signal,
    pub(super) end: End,
}

/// SIGTERM and SIGINT.
pub(super) struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Hears them from here on.
    ///
    /// # Errors
    /// The system does not let it.
    pub(super) fn hear() -> Result<Self, StartError> {
        let hear = |kind| {
            signal(kind).map_err(|source| StartError::System {
                what: "no signals",
                source,
            })
        };
        Ok(Self {
            hangup: hear(SignalKind::hangup())?,
            upgrade: hear(SignalKind::user_defined2())?,
            end: End {
                terminate: hear(SignalKind::terminate())?,
                interrupt: hear(SignalKind::interrupt())?,
            },
        })
    }
}

impl End {
    /// Returns when the gateway shall end.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
