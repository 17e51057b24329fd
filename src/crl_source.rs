//! Where lists of revoked certificates come from, as an operator names it and as the log shows it.

use std::fmt;
use std::path::PathBuf;

/// Where lists come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum CrlSource {
    /// A file, PEM or DER.
    File(PathBuf),
    /// An http or https URL of what a file would hold, perhaps one whose query is a secret.
    Url(String),
}

/// A presigned URL carries its authority in its query, and others have a password before the
/// host: neither is shown to anybody.
impl fmt::Display for CrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Url(url) => f.write_str(&shown(url)),
        }
    }
}

impl fmt::Debug for CrlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string())
    }
}

/// A URL without what may be a secret.
pub fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else {
        return String::new();
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..host_end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", &rest[host_end..])
}

#[cfg(test)]
mod tests {
    use super::CrlSource;

    #[test]
    fn neither_a_query_nor_a_password_is_shown() {
        for (url, text) in [
            (
                "https://a.example/x.crl?X-Amz-Signature=s",
                "https://a.example/x.crl",
            ),
            ("http://user:word@a.example:80/@x", "http://a.example:80/@x"),
            ("https://a.example#s", "https://a.example"),
            ("nonsense?s", ""),
        ] {
            let source = CrlSource::Url(url.to_owned());
            assert_eq!(source.to_string(), text);
            assert_eq!(format!("{source:?}"), text);
        }
    }
}
