//! The signed text of a request, for people to read.

use crate::config::HmacDemand;
use crate::refusal::Refusal;
use crate::signature::body::KnownBody;
use crate::signature::outcome::Evidence;
use crate::signature::working::{MAX_SIGNED_TEXT, Working, WorkingKind, cut};

use super::presented::Presented;
use super::text::SignedText;

/// The text, cut where [`MAX_SIGNED_TEXT`] says.
pub(in crate::signature) fn workings(
    presented: &Presented<'_>,
    evidence: &Evidence<'_>,
    demand: &HmacDemand,
) -> Result<Vec<Working>, Refusal> {
    const NO_BODY: Refusal = Refusal::SignatureMalformed("the body is not there");
    let call = evidence.call;
    let pieces = SignedText::of(call, presented, demand)?;
    let body = match evidence.body.as_head_says(call) {
        KnownBody::Whole(bytes) => bytes,
        KnownBody::Unread if demand.signed.covers_body() => return Err(NO_BODY),
        KnownBody::Empty | KnownBody::Unread => b"",
    };
    // A few bytes more, so that a character is cut where the text is, and not before.
    let body = &body[..body.len().min(MAX_SIGNED_TEXT + 4)];
    let bytes: Vec<u8> = pieces.pieces(body).flatten().copied().collect();
    Ok(vec![Working {
        kind: WorkingKind::SignedText,
        text: cut(&String::from_utf8_lossy(&bytes), MAX_SIGNED_TEXT).to_owned(),
    }])
}
