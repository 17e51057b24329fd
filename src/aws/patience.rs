//! Asking again what may go better in a moment. In: a question. Out: its first good answer, or its
//! last failure. Each wait is a line in the log that says why.

use std::fmt::Display;
use std::time::Duration;

/// How long is waited between one try and the next: a machine that has just started may know
/// neither the network nor its role yet.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Asks until there is an answer, a failure that no waiting mends, or no try left.
pub(super) async fn insist<T, E: Display>(
    what: &str,
    is_passing: impl Fn(&E) -> bool,
    ask: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E> {
    for pause in PAUSES {
        match ask().await {
            Err(error) if is_passing(&error) => {
                let secs = pause.as_secs();
                tracing::warn!("{what} is asked again in {secs} s: {error}.");
                tokio::time::sleep(pause).await;
            }
            settled => return settled,
        }
    }
    ask().await
}
