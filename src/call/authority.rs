//! The authority of a request: `host`, `host:port`, `[v6]:port` (RFC 3986 §3.2, without
//! userinfo). The grammar is narrow: letters, digits, `-`, `.`, and an IPv6 literal.

use std::net::Ipv6Addr;

use super::Malformed;

/// Refuses what is not an authority.
pub(super) fn check(authority: &str) -> Result<(), Malformed> {
    let host = host_of(authority);
    let port = &authority[host.len()..];
    if let Some(inner) = host.strip_prefix('[') {
        let literal = inner
            .strip_suffix(']')
            .and_then(|v6| v6.parse::<Ipv6Addr>().ok());
        literal.ok_or(Malformed("Host is no IPv6 literal"))?;
    } else if host.is_empty() || !host.bytes().all(is_host_byte) {
        return Err(Malformed("Host is no host name"));
    }
    let digits = match port.strip_prefix(':') {
        Some(digits) => digits,
        None if port.is_empty() => return Ok(()),
        None => return Err(Malformed("Host has something behind its name")),
    };
    match digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok() {
        true => Ok(()),
        false => Err(Malformed("Host has no valid port")),
    }
}

/// The host within an authority: what stands before the port.
pub fn host_of(authority: &str) -> &str {
    let end = match authority.starts_with('[') {
        true => authority.find(']').map(|at| at + 1),
        false => authority.find(':'),
    };
    &authority[..end.unwrap_or(authority.len())]
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_told_from_what_is_none() {
        for good in [
            "a",
            "a.example:8443",
            "A.Example.",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:80",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "", ":80", "a:", "a:b", "a:70000", "u@a", "a/b", "a b", "a,b", "[::1", "[zz]",
            "[::1]x", "a:80:80", "a:+1", "é",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
