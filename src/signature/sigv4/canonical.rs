//! The canonical request and the string to sign (AWS SigV4 "Create a canonical request",
//! "Create a string to sign"). In: a request's parts, from a caller or to be signed. Out:
//! bytes. Whether the signed headers are enough is judged elsewhere.

use http::HeaderMap;
use http::header::HeaderValue;

use crate::config::{SigV4Algorithm, SignatureProfile};

use super::algorithm;
use super::encode;
use super::scope::Scope;
use super::scratch::Scratch;
use super::split::split;
use super::stamp::Stamp;
use super::uri;

/// What goes into a canonical request, but for the payload's hash.
pub(super) struct Canonical<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub authority: &'a str,
    pub headers: &'a HeaderMap,
    /// Lower-case names with `;` between them.
    pub signed_headers: &'a str,
    /// The query parameter that cannot sign itself, when the query carries the signature. In
    /// any other call a parameter of that name is signed like the rest.
    pub left_out: Option<&'a [u8]>,
    pub profile: SignatureProfile,
}

impl Canonical<'_> {
    /// Writes everything up to the payload's hash, the last line.
    pub(super) fn write(&self, scratch: &mut Scratch) -> Result<(), &'static str> {
        let out = &mut scratch.request;
        out.clear();
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        uri::push_path(out, self.path, self.profile)?;
        out.push(b'\n');
        let query = self.query.unwrap_or_default();
        let pieces = (&mut scratch.encoded, &mut scratch.pieces);
        uri::push_query(out, query, self.left_out, pieces)?;
        out.push(b'\n');
        for name in split(self.signed_headers, b';') {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            self.push_field(out, name);
            out.push(b'\n');
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_bytes());
        out.push(b'\n');
        Ok(())
    }

    fn push_field(&self, out: &mut Vec<u8>, name: &str) {
        let between: &[u8] = match name {
            // HTTP/2 has no Host field; and where there is one, it is the authority.
            "host" => return out.extend_from_slice(self.authority.as_bytes()),
            // HTTP/2 may cut Cookie into several fields (RFC 9113 §8.2.3).
            "cookie" => b"; ",
            _ => b",",
        };
        for (place, value) in self.headers.get_all(name).iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(between);
            }
            push_trimmed(out, value);
        }
    }
}

/// Writes the string to sign over whatever `out` held.
pub(super) fn write_string_to_sign(
    out: &mut Vec<u8>,
    algorithm: SigV4Algorithm,
    stamp: &Stamp,
    scope: &Scope<'_>,
    request_hash: &[u8; 32],
) {
    out.clear();
    out.extend_from_slice(algorithm::token(algorithm).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(stamp.text().as_bytes());
    out.push(b'\n');
    scope.push(out);
    out.push(b'\n');
    out.extend_from_slice(&encode::hex(request_hash));
}

/// `Trimall`: without blanks around, and with one space for every run of them inside.
fn push_trimmed(out: &mut Vec<u8>, value: &HeaderValue) {
    let words = value
        .as_bytes()
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    for (place, word) in words.enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}
