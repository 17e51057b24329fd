//! The text that is signed, in the pieces in which it lies in the request. In: a call and the
//! template. Out: the pieces, fed to a MAC or a hash without a copy; or what is missing.

use aws_lc_rs::digest;
use aws_lc_rs::hmac;

use crate::call::Call;
use crate::config::{HmacDemand, SignedPart};
use crate::names::CredentialId;
use crate::refusal::Refusal;

use super::presented::Presented;

/// The text but for the body, which may be unread yet.
pub(super) struct SignedText<'a>(Vec<Piece<'a>>);

enum Piece<'a> {
    Bytes(&'a [u8]),
    Body,
}

impl<'a> SignedText<'a> {
    /// The text of a call.
    pub(super) fn of(
        call: &Call<'a>,
        presented: &'a Presented<'_>,
        demand: &'a HmacDemand,
    ) -> Result<Self, Refusal> {
        let parts = demand.signed.parts();
        let pieces = parts.iter().enumerate().map(|(at, part)| {
            let text = match part {
                SignedPart::Body => return Ok(Piece::Body),
                SignedPart::Literal(text) => text,
                SignedPart::Timestamp => presented.timestamp(),
                SignedPart::Method => call.method().as_str(),
                SignedPart::Target => call.target(),
                SignedPart::Path => call.path(),
                SignedPart::Query => call.query().unwrap_or_default(),
                SignedPart::Host => call.authority(),
                SignedPart::Header(name) => {
                    let text = call.header(name);
                    let text =
                        text.ok_or("a field that is signed is missing, or was sent twice")?;
                    check_end(text, parts.get(at + 1))?;
                    text
                }
            };
            Ok(Piece::Bytes(text.as_bytes()))
        });
        let pieces: Result<_, &'static str> = pieces.collect();
        pieces.map(Self).map_err(Refusal::SignatureMalformed)
    }

    /// The text in order, with `body` in its place.
    pub(super) fn pieces<'s>(&'s self, body: &'s [u8]) -> impl Iterator<Item = &'s [u8]> {
        self.0.iter().map(move |piece| match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::Body => body,
        })
    }

    /// Its MAC.
    pub(super) fn mac(&self, key: &hmac::Key, body: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(key);
        self.pieces(body).for_each(|piece| mac.update(piece));
        mac.sign()
    }

    /// What tells it from every other text, of this scheme and every other: each part of the
    /// hash has its length before it.
    pub(super) fn replay_key(&self, credential: &CredentialId, body: &[u8]) -> [u8; 32] {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [b"hmac", credential.as_str().as_bytes()] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let length: usize = self.pieces(body).map(<[u8]>::len).sum();
        hash.update(&(length as u64).to_be_bytes());
        self.pieces(body).for_each(|piece| hash.update(piece));
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        key
    }
}

/// A value that holds what separates it from the next part could be cut in two ways.
fn check_end(text: &str, next: Option<&SignedPart>) -> Result<(), &'static str> {
    match next {
        Some(SignedPart::Literal(next)) if text.contains(&next[..first_char(next)]) => {
            Err("a field that is signed holds what ends it in the signed text")
        }
        _ => Ok(()),
    }
}

fn first_char(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}
