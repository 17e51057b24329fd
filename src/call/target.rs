//! The request target in origin form, the only one that is served.

use super::Malformed;

/// The longest target that the parser behind the gate takes.
const MOST: usize = 65_534;

/// Refuses what is not the origin form of a target (RFC 9112 §3.2.1): a path, perhaps a
/// query, of visible ASCII without `"`, `#`, `<` and `>`, and in the path without a backtick.
pub(super) fn check(target: &[u8]) -> Result<&str, Malformed> {
    if target.len() > MOST {
        return Err(Malformed("target is too long"));
    }
    if target.first() != Some(&b'/') {
        return Err(Malformed("target does not start with a slash"));
    }
    let mut path = target.split(|byte| *byte == b'?');
    let has_backtick = path.next().is_some_and(|path| path.contains(&b'`'));
    if has_backtick || !target.iter().all(|byte| is_target_byte(*byte)) {
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
            "/a`b?c",
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(check(b"/a?b`c").is_ok());
    }

    #[test]
    fn what_is_taken_here_is_taken_by_the_parser_behind() {
        let long = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert!(check(long(MOST).as_bytes()).is_ok());
        assert!(check(long(MOST + 1).as_bytes()).is_err());
        assert!(long(MOST).parse::<http::uri::PathAndQuery>().is_ok());
        for byte in b' '..0x7f {
            for form in ["/a", "/?a"] {
                let target = format!("{form}{}", char::from(byte));
                let taken = target.parse::<http::uri::PathAndQuery>().is_ok();
                assert!(taken || check(target.as_bytes()).is_err(), "{target}");
            }
        }
    }
}
