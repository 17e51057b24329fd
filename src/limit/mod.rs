//! What a permitted call may consume: how large its body may be.
//! In: a `Permit`. Out: a `Pass`, or `Refusal::BodyTooLarge`.
//! Knows nothing of HTTP beyond the length that a call announces.

use crate::authorize::Permit;
use crate::call::{Body, Call};
use crate::refusal::Refusal;
use crate::signature::BodyDuty;

/// The proof that a call is permitted and within its limits.
#[derive(Debug)]
pub struct Pass<'r> {
    permit: Permit<'r>,
    max_body_bytes: u64,
}

impl<'r> Pass<'r> {
    /// What was permitted.
    pub fn permit(&self) -> &Permit<'r> {
        &self.permit
    }

    /// The bytes of body after which the call is refused, however it announced itself.
    pub fn max_body_bytes(&self) -> u64 {
        self.max_body_bytes
    }
}

/// Holds a call to its limits: its route's, or the listener's `ceiling` where the route is
/// silent.
///
/// # Errors
/// The call announces a larger body.
pub fn spend<'r>(permit: Permit<'r>, call: &Call<'_>, ceiling: u64) -> Result<Pass<'r>, Refusal> {
    let max_body_bytes = permit.hit().route().max_body_bytes.unwrap_or(ceiling);
    let announced = match (permit.duty(), call.body()) {
        // What counts is the body itself, not the chunks around it.
        (BodyDuty::Chunked(duty), _) => duty.decoded_length(),
        (_, Body::Length(length)) => length,
        (_, Body::Empty | Body::Unknown) => 0,
    };
    match announced > max_body_bytes {
        true => Err(Refusal::BodyTooLarge),
        false => Ok(Pass {
            permit,
            max_body_bytes,
        }),
    }
}
