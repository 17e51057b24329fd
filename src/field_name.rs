//! Names of fields as servers may take them for one another. In: two names, or one. Out: whether
//! CGI and its heirs, which make one variable of `-`, `_` and `.` and of both cases, would mix them
//! up, or mix it up with one in which only the gateway speaks.

/// What only the gateway says, in the spelling to which servers reduce names.
const OURS: [&str; 13] = [
    "client-cert",
    "client-cert-chain",
    "forwarded",
    "x-client-cert",
    "x-consumer",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-request-id",
];
const OUR_FAMILIES: [&str; 2] = ["x-ssl-client-", "x-amzn-mtls-clientcert"];

/// Whether a server may take `name` for `other`.
pub fn is_like(name: &str, other: &str) -> bool {
    name.len() == other.len() && starts_like(name, other)
}

/// Whether a server may take the start of `name` for `start`.
pub fn starts_like(name: &str, start: &str) -> bool {
    name.len() >= start.len() && name.bytes().map(plain).zip(start.bytes()).all(is_same)
}

/// Whether only the gateway may say this, in any spelling: what a caller says there is taken away.
pub fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| is_like(name, ours))
        || OUR_FAMILIES.iter().any(|start| starts_like(name, start))
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

    #[test]
    fn every_spelling_of_our_names_is_ours() {
        for name in [
            "client-cert",
            "Client_Cert",
            "CLIENT.CERT",
            "x-forwarded-for",
            "X_Forwarded-For",
            "x-ssl-client-verify",
            "x.ssl_client.s-dn",
            "X-Amzn-Mtls-Clientcert-Leaf",
            "x-consumer",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "client-certificate",
            "x-forwarded",
            "x-consumer-group",
            "accept",
            "x-ssl",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
