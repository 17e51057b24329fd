//! Certificates as text that a field can hold. In: DER. Out: PEM (RFC 7468), percent-encoded
//! (RFC 3986 §2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The certificates in PEM, every byte percent-encoded but the unreserved ones (RFC 3986 §2.3)
/// and those in `safe`.
pub(super) fn encoded_pem<'c>(
    certificates: impl IntoIterator<Item = &'c [u8]>,
    safe: &[u8],
) -> String {
    let mut text = String::new();
    for der in certificates {
        percent_encode(&pem(der), safe, &mut text);
    }
    text
}

fn pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let digits = STANDARD.encode(der);
    let mut text = String::with_capacity(digits.len() * 66 / 64 + 64);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn percent_encode(text: &str, safe: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(text.len() * 9 / 8);
    for byte in text.bytes() {
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if unreserved || safe.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
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
