//! Watches a body go by: its size, its hash, and that its end is held back until both are
//! known to be right. In: chunks, and whether one is the last. Out: the chunks that may go
//! on, or a `Refusal` in time to keep the upstream from seeing a complete request.
//! Knows nothing of where chunks come from or go.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};

use crate::refusal::Refusal;
use crate::signature::BodyDuty;

/// The watch over one body.
pub struct BodyWatch {
    max_bytes: u64,
    seen: u64,
    signed: Option<Signed>,
}

/// A body whose hash was signed.
struct Signed {
    want: [u8; 32],
    hash: Context,
    /// The last chunk so far: without it no upstream can take the body for complete.
    held: Bytes,
}

impl BodyWatch {
    /// A watch for a body that owes `duty` and may have `max_bytes`.
    pub fn new(duty: &BodyDuty, max_bytes: u64) -> Self {
        Self {
            max_bytes,
            seen: 0,
            signed: match duty {
                BodyDuty::None => None,
                BodyDuty::Sha256(want) => Some(Signed {
                    want: *want,
                    hash: Context::new(&SHA256),
                    held: Bytes::new(),
                }),
            },
        }
    }

    /// Bytes seen so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes the next chunk, the last one when `end`; hands back what may go on.
    ///
    /// # Errors
    /// The body is too large, or is not the one that was signed.
    pub fn pass(&mut self, chunk: Bytes, end: bool) -> Result<Bytes, Refusal> {
        self.seen += chunk.len() as u64;
        if self.seen > self.max_bytes {
            return Err(Refusal::BodyTooLarge);
        }
        let Some(signed) = &mut self.signed else {
            return Ok(chunk);
        };
        signed.hash.update(&chunk);
        if !end {
            // An empty chunk must not release what is held.
            return Ok(match chunk.is_empty() {
                true => chunk,
                false => std::mem::replace(&mut signed.held, chunk),
            });
        }
        let held = std::mem::take(&mut signed.held);
        let hash = signed.hash.clone().finish();
        match verify_slices_are_equal(hash.as_ref(), &signed.want) {
            Ok(()) => Ok(join(held, chunk)),
            Err(_) => Err(Refusal::BodyHashMismatch),
        }
    }
}

fn join(first: Bytes, second: Bytes) -> Bytes {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => first,
        (true, _) => second,
        _ => {
            let mut both = BytesMut::with_capacity(first.len() + second.len());
            both.extend_from_slice(&first);
            both.extend_from_slice(&second);
            both.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;
    use proptest::prelude::*;

    fn run(watch: &mut BodyWatch, chunks: &[&[u8]]) -> (Vec<u8>, Result<(), Refusal>) {
        let mut out = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            match watch.pass(Bytes::copy_from_slice(chunk), at + 1 == chunks.len()) {
                Ok(passed) => out.extend_from_slice(&passed),
                Err(refusal) => return (out, Err(refusal)),
            }
        }
        (out, Ok(()))
    }

    #[test]
    fn a_body_over_its_limit_is_refused_before_the_byte_too_many_goes_on() {
        let mut watch = BodyWatch::new(&BodyDuty::None, 5);
        let (out, end) = run(&mut watch, &[b"abc", b"def", b""]);
        assert_eq!(
            (out.as_slice(), end),
            (&b"abc"[..], Err(Refusal::BodyTooLarge))
        );
    }

    proptest! {
        #[test]
        fn a_wrong_body_is_never_passed_on_whole(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 1..6),
            right in any::<bool>(),
        ) {
            let whole: Vec<u8> = chunks.concat();
            let mut want = sha256(&whole);
            want[0] ^= u8::from(!right);
            let mut watch = BodyWatch::new(&BodyDuty::Sha256(want), 1000);
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let (out, end) = run(&mut watch, &parts);
            if right {
                prop_assert_eq!(end, Ok(()));
                prop_assert_eq!(out, whole);
            } else {
                prop_assert_eq!(end, Err(Refusal::BodyHashMismatch));
                prop_assert!(out.len() < whole.len() || whole.is_empty());
            }
        }
    }
}
