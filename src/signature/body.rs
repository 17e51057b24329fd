//! The body, as far as a signature is concerned: what is known of it, and what it still owes.

use crate::call::{Body, Call};
use crate::digest::{EMPTY_HASH, sha256};

use super::rfc9421::digest::ContentDigest;
use super::sigv4::chunked::ChunkedDuty;

/// What is known of the body when the signature is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBody<'a> {
    /// The head says that there is none.
    Empty,
    /// It was not read yet.
    Unread,
    /// It was read whole.
    Whole(&'a [u8]),
}

/// What the body still owes after the signature was found right. Until it has given that, the
/// upstream must not see its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum BodyDuty {
    /// Nothing.
    None,
    /// Its SHA-256 must be this one.
    Sha256([u8; 32]),
    /// Each of these digests must be its own.
    Digest(ContentDigest),
    /// It comes in AWS's chunks, which are to be checked and taken off.
    Chunked(Box<ChunkedDuty>),
}

impl KnownBody<'_> {
    /// Trusts a caller's `Empty` only where the head agrees.
    pub(super) fn as_head_says(self, call: &Call<'_>) -> Self {
        match self {
            Self::Empty if call.body() != Body::Empty => Self::Unread,
            known => known,
        }
    }

    /// Its SHA-256; `None` while it is unread.
    pub(super) fn hash(self) -> Option<[u8; 32]> {
        match self {
            Self::Empty => Some(EMPTY_HASH),
            Self::Unread => None,
            Self::Whole(bytes) => Some(sha256(bytes)),
        }
    }
}
