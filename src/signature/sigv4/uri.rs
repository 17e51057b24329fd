//! The canonical path and query (AWS SigV4 "Create a canonical request", S3's exceptions
//! included). In: path and query as received. Out: bytes behind those of the request so far,
//! or what cannot be read. Nothing here is ever forwarded: the upstream gets what was sent.

use crate::config::SignatureProfile;

use super::encode::{push_encoded, push_recoded, unescape};
use super::scratch::Piece;
use super::split::{split, split_once};

/// Appends the canonical path.
pub(super) fn push_path(
    out: &mut Vec<u8>,
    path: &str,
    profile: SignatureProfile,
) -> Result<(), &'static str> {
    match profile {
        SignatureProfile::Aws => {
            push_normal_path(out, path);
            Ok(())
        }
        // An escaped slash comes back escaped: it never becomes a separator.
        SignatureProfile::S3 => {
            push_recoded(out, path.as_bytes(), b"/").ok_or("path has a bad escape")
        }
    }
}

/// Drops empty and dot segments, then encodes what is left a second time. The last segment
/// decides the final slash by its text: `/a/..` and `/a/.` end without one, as every signer
/// of AWS has it.
fn push_normal_path(out: &mut Vec<u8>, path: &str) {
    let start = out.len();
    for segment in split(path, b'/') {
        match segment {
            "" | "." => {}
            ".." => {
                let above = out[start..].iter().rposition(|byte| *byte == b'/');
                out.truncate(start + above.unwrap_or(0));
            }
            segment => {
                out.push(b'/');
                push_encoded(out, segment.as_bytes());
            }
        }
    }
    if out.len() == start || path.ends_with('/') {
        out.push(b'/');
    }
}

/// Appends the canonical query: decoded, encoded again, sorted by name, then by value.
///
/// A `+` stays a plus (`%2B`): reading it as a space is a habit of forms, not of URIs.
/// Empty pieces (`a&&b`) are refused, because signers disagree: botocore signs each as `=`,
/// others drop them.
pub(super) fn push_query(
    out: &mut Vec<u8>,
    query: &str,
    left_out: Option<&[u8]>,
    (encoded, pieces): (&mut Vec<u8>, &mut Vec<Piece>),
) -> Result<(), &'static str> {
    if query.is_empty() {
        return Ok(());
    }
    encoded.clear();
    pieces.clear();
    for piece in split(query, b'&') {
        let name = split_once(piece, b'=').map_or(piece, |(name, _)| name);
        if left_out.is_none_or(|left_out| !decodes_to(name, left_out)) {
            pieces.push(push_piece(encoded, piece)?);
        }
    }
    let texts = |piece: &Piece| {
        let name = &encoded[piece.start..piece.equals];
        (name, &encoded[piece.equals + 1..piece.end])
    };
    pieces.sort_unstable_by(|a, b| texts(a).cmp(&texts(b)));
    for (place, piece) in pieces.iter().enumerate() {
        if place > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(&encoded[piece.start..piece.end]);
    }
    Ok(())
}

fn push_piece(encoded: &mut Vec<u8>, piece: &str) -> Result<Piece, &'static str> {
    if piece.is_empty() {
        return Err("query has an empty piece");
    }
    let (name, value) = split_once(piece, b'=').unwrap_or((piece, ""));
    let start = encoded.len();
    push_recoded(encoded, name.as_bytes(), b"").ok_or("query has a bad escape")?;
    let equals = encoded.len();
    encoded.push(b'=');
    push_recoded(encoded, value.as_bytes(), b"").ok_or("query has a bad escape")?;
    let end = encoded.len();
    Ok(Piece { start, equals, end })
}

/// Whether `text`, percent-decoded, is `want`.
pub(super) fn decodes_to(text: &str, want: &[u8]) -> bool {
    let mut rest = text.as_bytes();
    for wanted in want {
        let byte = match rest {
            [b'%', digits @ ..] => match unescape(digits) {
                Some((byte, behind)) => {
                    rest = behind;
                    byte
                }
                None => return false,
            },
            [byte, behind @ ..] => {
                rest = behind;
                *byte
            }
            [] => return false,
        };
        if byte != *wanted {
            return false;
        }
    }
    rest.is_empty()
}
