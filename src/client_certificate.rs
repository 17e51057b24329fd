//! A caller's certificate as API Gateway tells functions and logs of it. In: DER and what was read
//! of it. Out: PEM, names and a number as OpenSSL writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::UtcTime;

/// A certificate, as AWS would tell of it.
#[derive(Clone, Copy, Debug)]
pub struct ClientCertificate<'a> {
    /// The certificate itself, in DER.
    pub der: &'a [u8],
    /// Its subject (RFC 2253).
    pub subject: &'a str,
    /// Its issuer (RFC 2253).
    pub issuer: &'a str,
    /// Its serial number: the bytes of its DER in lower-case hexadecimal.
    pub serial: &'a str,
    /// The first second of its validity.
    pub not_before: UtcTime,
    /// The last second of its validity.
    pub not_after: UtcTime,
}

impl ClientCertificate<'_> {
    /// The certificate in PEM (RFC 7468 §2), with an end of line behind the last line.
    pub fn pem(&self) -> String {
        pem_of(self.der)
    }

    /// The bytes of its serial number, a colon between them, without the one that keeps it
    /// positive.
    pub fn serial_with_colons(&self) -> String {
        with_colons(self.serial)
    }
}

fn pem_of(der: &[u8]) -> String {
    const LINE: usize = 64;
    let digits = STANDARD.encode(der);
    let mut text = String::with_capacity(digits.len() * (LINE + 1) / LINE + 64);
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

fn with_colons(hexadecimal: &str) -> String {
    let mut digits = hexadecimal;
    while digits.len() > 2 && digits.starts_with("00") {
        digits = &digits[2..];
    }
    let mut text = String::with_capacity(digits.len() * 3 / 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 2 == 0 {
            text.push(':');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_has_a_colon_between_its_bytes() {
        for (hexadecimal, want) in [
            ("", ""),
            ("01", "01"),
            ("00", "00"),
            ("00a1b2", "a1:b2"),
            ("0000", "00"),
            ("7f00", "7f:00"),
        ] {
            assert_eq!(with_colons(hexadecimal), want, "{hexadecimal}");
        }
    }

    #[test]
    fn pem_has_lines_of_64_digits() {
        for length in [0, 1, 47, 48, 49, 96, 200] {
            let text = pem_of(&vec![7; length]);
            let mut lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.remove(0), "-----BEGIN CERTIFICATE-----");
            assert_eq!(lines.pop(), Some("-----END CERTIFICATE-----"));
            let full = lines.iter().rev().skip(1);
            assert!(full.clone().all(|line| line.len() == 64), "{text}");
            let der = STANDARD.decode(lines.concat()).expect("base64");
            assert_eq!(der, vec![7; length]);
        }
    }
}
