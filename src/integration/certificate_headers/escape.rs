//! Certificates as text that a field can hold. In: DER. Out: PEM (RFC 7468), percent-encoded
//! (RFC 3986 §2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What becomes of `+`, `/` and `=`, which base64 has and RFC 3986 §2.3 does not keep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base64 {
    /// Left as they are.
    Kept,
    /// Encoded, as everything else that is not unreserved.
    Encoded,
}

/// The certificates in PEM, percent-encoded.
pub(super) fn encoded_pem<'c>(
    certificates: impl IntoIterator<Item = &'c [u8]>,
    base64: Base64,
) -> String {
    let mut text = String::new();
    for der in certificates {
        push_encoded(der, base64, &mut text);
    }
    text
}

/// In one pass over the digits: at every request, this is most of what telling costs.
fn push_encoded(der: &[u8], base64: Base64, out: &mut String) {
    const LINE: usize = 64;
    let digits = STANDARD.encode(der);
    out.reserve(digits.len() * 5 / 4 + 80);
    out.push_str("-----BEGIN%20CERTIFICATE-----%0A");
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        match base64 {
            Base64::Kept => out.push_str(line),
            Base64::Encoded => push_digits(line, out),
        }
        out.push_str("%0A");
        rest = more;
    }
    out.push_str("-----END%20CERTIFICATE-----%0A");
}

fn push_digits(mut digits: &str, out: &mut String) {
    let code = |byte: u8| match byte {
        b'+' => Some("%2B"),
        b'/' => Some("%2F"),
        b'=' => Some("%3D"),
        _ => None,
    };
    let next = |digits: &str| {
        let mut bytes = digits.bytes().enumerate();
        bytes.find_map(|(at, byte)| Some((at, code(byte)?)))
    };
    while let Some((at, code)) = next(digits) {
        out.push_str(&digits[..at]);
        out.push_str(code);
        digits = &digits[at + 1..];
    }
    out.push_str(digits);
}

/// The serial number as OpenSSL prints it: upper-case digits of its bytes, without the one that
/// keeps it positive.
pub(super) fn serial(hexadecimal: &str) -> String {
    let mut digits = hexadecimal;
    while digits.len() > 2 && digits.starts_with("00") {
        digits = &digits[2..];
    }
    digits.to_ascii_uppercase()
}
