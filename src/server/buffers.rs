//! How much is held in memory at once of callers' bodies and of what functions are told and answer,
//! over all connections and streams: strangers decide how many there are. In: bytes to hold. Out:
//! leave to hold them until they are dropped, or a `Refusal`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::refusal::Refusal;

/// The bytes that are held now.
#[derive(Default)]
pub(super) struct Buffers(AtomicU64);

/// Leave to hold bytes; given back when it is dropped.
pub(super) struct Held {
    buffers: Arc<Buffers>,
    bytes: u64,
    most: u64,
}

impl Buffers {
    /// The bytes that are held now.
    pub(super) fn held(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Leave for nothing yet, of at most `most` bytes over all.
    pub(super) fn hold(self: &Arc<Self>, most: u64) -> Held {
        Held {
            buffers: self.clone(),
            bytes: 0,
            most,
        }
    }
}

impl Held {
    /// Gives back all leave: nothing is held any more.
    pub(super) fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.buffers.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Leave for so many bytes more.
    ///
    /// # Errors
    /// `BuffersFull`.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let bytes = bytes as u64;
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.most);
        let grown = self
            .buffers
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        grown.map_err(|_| Refusal::BuffersFull)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_over_all_stays_within_the_bound_and_is_given_back() {
        let buffers = Arc::new(Buffers::default());
        let (mut one, mut other) = (buffers.hold(10), buffers.hold(10));
        assert_eq!([one.grow(6), other.grow(4)], [Ok(()), Ok(())]);
        assert_eq!(other.grow(1), Err(Refusal::BuffersFull));
        drop(one);
        assert_eq!(other.grow(6), Ok(()));
        other.give_back();
        assert_eq!(buffers.held(), 0);
        assert_eq!(other.grow(10), Ok(()));
        drop(other);
        assert_eq!(buffers.0.load(Ordering::Relaxed), 0);
    }
}
