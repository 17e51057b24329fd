//! SPIFFE IDs. In: the text of a URI. Out: a `SpiffeId`, or what is wrong with it.
//! The grammar is that of the SPIFFE-ID standard, §2, which is narrower than a URI's: no port,
//! no user, no query, no percent-encoding. Knows nothing of certificates and of who may say so.

/// The longest ID, in bytes (§2.3).
const MAX_ID: usize = 2048;
/// The longest trust domain, in bytes (§2.1).
const MAX_TRUST_DOMAIN: usize = 255;
const SCHEME: &str = "spiffe://";

/// A SPIFFE ID: `spiffe://example.org/billing`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: String,
    /// Where the path starts.
    path: usize,
}

impl SpiffeId {
    /// Reads the ID of a workload: one with a path.
    ///
    /// # Errors
    /// Says what is wrong with it, in words for an operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(SCHEME);
        let rest = rest.ok_or("it does not start with spiffe://")?;
        if text.len() > MAX_ID {
            return Err("it is longer than 2048 bytes");
        }
        let slash = rest.find('/').ok_or("it has no path")?;
        let (domain, path) = rest.split_at(slash);
        check_trust_domain(domain)?;
        check_path(path)?;
        Ok(Self {
            text: text.to_owned(),
            path: SCHEME.len() + slash,
        })
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain: `example.org`.
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.path]
    }

    /// The path, which starts with a slash and is never a slash alone.
    pub fn path(&self) -> &str {
        &self.text[self.path..]
    }
}

/// Checks a trust domain by itself (§2.1).
///
/// # Errors
/// Says what is wrong with it.
pub fn check_trust_domain(domain: &str) -> Result<(), &'static str> {
    let fits =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    match domain {
        "" => Err("its trust domain is empty"),
        _ if domain.len() > MAX_TRUST_DOMAIN => Err("its trust domain is longer than 255 bytes"),
        _ if !domain.bytes().all(fits) => {
            Err("its trust domain has a character other than a-z, 0-9, \".\", \"-\" and \"_\"")
        }
        _ => Ok(()),
    }
}

/// Checks the path of a workload by itself (§2.2).
///
/// # Errors
/// Says what is wrong with it.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    let segments = path.strip_prefix('/');
    let segments = segments.ok_or("its path does not start with a slash")?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    for segment in segments.split('/') {
        match segment {
            "" => return Err("its path has an empty segment"),
            "." | ".." => return Err("its path has a segment of dots"),
            _ if !segment.bytes().all(fits) => {
                return Err(
                    "its path has a character other than letters, digits, \".\", \"-\" and \"_\"",
                );
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_trust_domain_and_a_path() {
        let id = SpiffeId::parse("spiffe://example.org/ns/Prod/a_b-c.d").unwrap();
        assert_eq!(id.trust_domain(), "example.org");
        assert_eq!(id.path(), "/ns/Prod/a_b-c.d");
        assert_eq!(id.as_str(), "spiffe://example.org/ns/Prod/a_b-c.d");
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let long_domain = format!("spiffe://{}/a", "a".repeat(256));
        let long = format!("spiffe://a/{}", "a".repeat(2048));
        for text in [
            "",
            "spiffe://",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///a",
            "Spiffe://example.org/a",
            "SPIFFE://example.org/a",
            "https://example.org/a",
            "spiffe:example.org/a",
            "spiffe://Example.org/a",
            "spiffe://example.org:443/a",
            "spiffe://user@example.org/a",
            "spiffe://ex%61mple.org/a",
            "spiffe://example.org/a/",
            "spiffe://example.org//a",
            "spiffe://example.org/./a",
            "spiffe://example.org/a/..",
            "spiffe://example.org/a%2fb",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a#b",
            "spiffe://example.org/a b",
            "spiffe://exämple.org/a",
            &long_domain,
            &long,
        ] {
            assert!(SpiffeId::parse(text).is_err(), "{text}");
        }
    }
}
