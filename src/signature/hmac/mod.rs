//! HMAC signatures (RFC 2104) in the way that a policy describes, as senders of webhooks make
//! them. In: a `Call`, the demand, the keys and the time. Out: `Outcome` or `Refusal`. The text
//! that is signed is never put together: the MAC is fed its pieces where they lie.
//! Knows nothing of consumers: which of them owns the credential is asked elsewhere.

mod encode;
mod key;
mod presented;
mod sign;
mod stamp;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod text;
mod workings;

use std::time::Duration;

use crate::config::HmacDemand;
use crate::credential::CredentialStore;
use crate::refusal::Refusal;
use crate::signature::body::{BodyDuty, KnownBody};
use crate::signature::outcome::{Evidence, Outcome, Signer, Verified};

use text::SignedText;

pub use presented::{Presented, present};
pub use sign::{HmacSigningRequest, sign};
pub(super) use workings::workings;

/// Judges the signature that a call presents.
///
/// # Errors
/// `SignatureMalformed`, `SignatureExpired`, `SignatureNotYetValid`, `SignatureMismatch`, and
/// `PayloadModeRefused` for a body that is not signed and did not come over TLS.
pub fn verify(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &HmacDemand,
    store: &CredentialStore,
    wants_replay_key: bool,
) -> Result<Outcome, Refusal> {
    let Evidence { call, now, .. } = *evidence;
    let covers_body = demand.signed.covers_body();
    if !covers_body && !evidence.secure {
        return Err(Refusal::PayloadModeRefused);
    }
    let good_until = match &demand.timestamp {
        Some(timestamp) => stamp::check(presented.timestamp(), timestamp, now)?,
        None => now.plus(Duration::from_secs(demand.replay_window_secs.into())),
    };
    let text = SignedText::of(call, presented, demand)?;
    // Only now: no body is held for a signature that can be refused without it.
    let body = match evidence.body.as_head_says(call) {
        KnownBody::Whole(bytes) => bytes,
        KnownBody::Unread if covers_body => return Ok(Outcome::NeedsBody),
        KnownBody::Empty | KnownBody::Unread => b"",
    };
    let credential = key::find(presented, demand, store, now, |key| text.mac(key, body))?;
    Ok(Outcome::Verified(Verified {
        replay_key: wants_replay_key.then(|| text.replay_key(&credential, body)),
        signer: Signer::Credential(credential),
        duty: BodyDuty::None,
        good_until,
    }))
}
