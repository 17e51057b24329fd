//! The request target in origin form, the only one that is served.

use super::Malformed;

/// Refuses what is not the origin form of a target (RFC 9112 §3.2.1): a path, perhaps a
/// query, of visible ASCII without `"`, `#`, `<` and `>`.
pub(super) fn check(target: &[u8]) -> Result<&str, Malformed> {
    if target.first() != Some(&b'/') {
        return Err(Malformed("target does not start with a slash"));
    }
    if !target.iter().all(|byte| is_target_byte(*byte)) {
        return Err(Malformed("target holds a byte that must be encoded"));
    }
    std::str::from_utf8(target).map_err(|_| Malformed("target is not text"))
}

fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_servers_read_differently_are_none() {
        for bad in [
            "",
            "foo",
            "*",
            "http://a/p",
            "/a b",
            "/a#b",
            "/\u{e9}",
            "/a\tb",
            "/a\x7f",
            "/<b>",
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
