//! Request signatures. In: a `Call`, the policy's demand and the ring of signing keys.
//! Out: whether the signature is right and what the body still owes, or a `Refusal`.
//! Knows nothing of routes, consumers or Pingora; the time is handed in.

pub mod rfc9421;
mod sigv4;

pub use sigv4::{
    BodyDuty, ChunkedBody, ChunkedDuty, KeyRing, KnownBody, Outcome, Presented, SignError,
    SigningRequest, present, sign, strip_presigned, verify,
};
