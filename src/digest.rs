//! SHA-256 (FIPS 180-4), which names certificates and bodies, and how it is written.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of nothing.
pub const EMPTY_HASH: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{EMPTY_HASH, hex, sha256};

    #[test]
    fn the_hash_of_nothing_is_the_one_that_everybody_knows() {
        assert_eq!(sha256(b""), EMPTY_HASH);
        assert_eq!(hex(&EMPTY_HASH[..4]), "e3b0c442");
    }
}
