//! What STS is to be asked about a token.

use std::time::Duration;

use super::token::Presigned;

/// What STS is to be asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub(super) key: [u8; 32],
    pub(super) presigned: Presigned,
    pub(super) header: (String, String),
    pub(super) endpoint: Option<String>,
    pub(super) timeout: Duration,
}
