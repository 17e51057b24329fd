//! A timer for a stream: armed and disarmed at no cost, looked at when the stream is polled.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A point in time after which a stream gives up.
#[derive(Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    /// Made when first needed, moved only when it fires too early: most deadlines pass unused.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Sets the deadline `after` from now, unless one is set.
    pub(super) fn arm(&mut self, after: Duration) {
        self.at.get_or_insert_with(|| Instant::now() + after);
    }

    /// Takes the deadline away.
    pub(super) fn disarm(&mut self) {
        self.at = None;
    }

    /// Waits until the deadline has passed.
    pub(super) async fn passed(&mut self) {
        std::future::poll_fn(|context| match self.has_passed(context) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// Whether the deadline has passed; if not, the task is woken when it does.
    pub(super) fn has_passed(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.at else {
            return false;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            match sleep.as_mut().poll(context) {
                Poll::Pending => return false,
                Poll::Ready(()) if Instant::now() >= at => return true,
                Poll::Ready(()) => sleep.as_mut().reset(at),
            }
        }
    }
}
