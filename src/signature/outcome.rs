//! What the judging of a signature starts from and comes to, in whatever scheme it was made.

use std::sync::Arc;

use crate::call::Call;
use crate::clock::UtcTime;
use crate::names::CredentialId;

use super::body::{BodyDuty, KnownBody};
use super::sts::question::Question;

/// What is judged, and what is known around it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The request.
    pub call: &'a Call<'a>,
    /// What is known of its body.
    pub body: KnownBody<'a>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The time of the request.
    pub now: UtcTime,
    /// Whether that time can be relied on.
    pub timely: bool,
}

/// What verifying came to, when nothing was refused.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The signature is right.
    Verified(Verified),
    /// It covers a body that is unread, and of which the head tells no hash: read it, up to the
    /// demand's `max_buffered_body_bytes`, and ask again with [`KnownBody::Whole`].
    NeedsBody,
    /// STS must be asked whose it is; then ask again.
    NeedsAnswer(Box<Question>),
}

/// Who has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Whoever holds the credential of this id.
    Credential(CredentialId),
    /// The principal of AWS IAM with this ARN.
    Principal(Arc<str>),
}

/// A signature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub signer: Signer,
    /// What the body still owes.
    pub duty: BodyDuty,
    /// What tells this signature from every other one, made from what was signed: signatures
    /// themselves can be changed and stay right (ECDSA). Only made when replays are refused.
    pub replay_key: Option<[u8; 32]>,
    /// The last second at which it would be found right.
    pub good_until: UtcTime,
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct SignError(pub(super) &'static str);
