//! Names of fields as servers may take them for one another. In: two names. Out: whether CGI and
//! its heirs, which make one variable of `-`, `_` and `.` and of both cases, would mix them up.

/// Whether a server may take `name` for `other`.
pub fn is_like(name: &str, other: &str) -> bool {
    name.len() == other.len() && starts_like(name, other)
}

/// Whether a server may take the start of `name` for `start`.
pub fn starts_like(name: &str, start: &str) -> bool {
    name.len() >= start.len() && name.bytes().map(plain).zip(start.bytes()).all(is_same)
}

fn is_same((plain_byte, byte): (u8, u8)) -> bool {
    plain_byte == plain(byte)
}

fn plain(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_become_one_variable_are_alike() {
        for name in ["x-my-cert", "X_My.Cert", "x.my_cert"] {
            assert!(is_like(name, "X-My_Cert"), "{name}");
            assert!(starts_like(name, "x-my-"), "{name}");
        }
        for name in ["x-my-cert-", "x-my-cer", "xmycert", ""] {
            assert!(!is_like(name, "x-my-cert"), "{name}");
        }
        assert!(!starts_like("x-m", "x-my-"));
    }
}
