//! Buffers that outlive a request, one set per thread, so that a warm verification asks the
//! heap for nothing. They hold what callers sent, never a key.

use std::cell::Cell;

/// A larger buffer is not kept: one long request must not cost its memory for ever.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The buffers.
#[derive(Default)]
pub(super) struct Scratch {
    /// The canonical request, later the string to sign.
    pub request: Vec<u8>,
    /// The encoded pieces of the query, as they came.
    pub encoded: Vec<u8>,
    /// Where in `encoded` each piece stands.
    pub pieces: Vec<Piece>,
}

/// One `name=value` of the query.
pub(super) struct Piece {
    pub start: usize,
    pub equals: usize,
    pub end: usize,
}

thread_local! {
    static KEPT: Cell<Scratch> = const {
        Cell::new(Scratch {
            request: Vec::new(),
            encoded: Vec::new(),
            pieces: Vec::new(),
        })
    };
}

/// Lends the thread's buffers to `use_it`, empty.
pub(super) fn with_scratch<T>(use_it: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = KEPT.take();
    scratch.request.clear();
    let result = use_it(&mut scratch);
    let piece_bytes = scratch.pieces.capacity() * size_of::<Piece>();
    let largest = scratch.request.capacity().max(scratch.encoded.capacity());
    if largest.max(piece_bytes) <= MAX_KEPT_BYTES {
        KEPT.set(scratch);
    }
    result
}
