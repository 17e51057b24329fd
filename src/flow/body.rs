//! Watches a body go by: its size, its hash, and that its end is held back until both are
//! known to be right. In: chunks, and whether one is the last. Out: the chunks that may go
//! on, or a `Refusal` in time to keep the upstream from seeing a complete request.
//! Knows nothing of where chunks come from or go.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};

use crate::refusal::Refusal;
use crate::signature::rfc9421::DigestWatch;
use crate::signature::{BodyDuty, ChunkedBody};

/// The watch over one body.
pub struct BodyWatch {
    max_bytes: u64,
    seen: u64,
    proof: Proof,
    /// The last chunk so far: without it no upstream can take the body for complete.
    held: Bytes,
}

/// What a body must give before its end goes on.
enum Proof {
    None,
    Sha256 { want: [u8; 32], hash: Context },
    Digest(DigestWatch),
    Chunked(Box<ChunkedBody>),
}

impl BodyWatch {
    /// A watch for a body that owes `duty` and may have `max_bytes`.
    pub fn new(duty: &BodyDuty, max_bytes: u64) -> Self {
        Self {
            max_bytes,
            seen: 0,
            proof: match duty {
                BodyDuty::None => Proof::None,
                BodyDuty::Sha256(want) => Proof::Sha256 {
                    want: *want,
                    hash: Context::new(&SHA256),
                },
                BodyDuty::Digest(want) => Proof::Digest(DigestWatch::new(want)),
                BodyDuty::Chunked(duty) => {
                    Proof::Chunked(Box::new(ChunkedBody::new((**duty).clone())))
                }
            },
            held: Bytes::new(),
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
        let chunk = match &mut self.proof {
            // Its own length was announced, held to the limit, and is not exceeded.
            Proof::Chunked(body) => {
                let mut out = BytesMut::new();
                body.push(&chunk, &mut out)?;
                out.freeze()
            }
            _ if self.seen > self.max_bytes => return Err(Refusal::BodyTooLarge),
            Proof::None => return Ok(chunk),
            Proof::Sha256 { hash, .. } => {
                hash.update(&chunk);
                chunk
            }
            Proof::Digest(watch) => {
                watch.update(&chunk);
                chunk
            }
        };
        if !end {
            // An empty chunk must not release what is held.
            return Ok(match chunk.is_empty() {
                true => chunk,
                false => std::mem::replace(&mut self.held, chunk),
            });
        }
        let held = std::mem::take(&mut self.held);
        std::mem::replace(&mut self.proof, Proof::None)
            .end()
            .map(|()| join(held, chunk))
    }
}

impl Proof {
    fn end(self) -> Result<(), Refusal> {
        match self {
            Self::None => Ok(()),
            Self::Sha256 { want, hash } => {
                let hash = hash.finish();
                verify_slices_are_equal(hash.as_ref(), &want).map_err(|_| Refusal::BodyHashMismatch)
            }
            Self::Digest(watch) => watch.finish(),
            Self::Chunked(body) if body.is_done() => Ok(()),
            Self::Chunked(_) => Err(Refusal::Malformed("the body ends before its last chunk")),
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
