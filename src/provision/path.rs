//! Where a file lies beneath the gateway's directory. In: what user data says. Out: a path that
//! leads nowhere else, or why it is none.

use std::fmt;
use std::path::Path;

/// A path of plain names beneath the gateway's directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

const MAX_PATH: usize = 200;

impl FilePath {
    /// Reads `text`.
    ///
    /// # Errors
    /// Why it is no such path, with the cure.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with('/') {
            return Err("is absolute; write it relative to the gateway's directory");
        }
        if text.len() > MAX_PATH {
            return Err("is longer than 200 bytes; shorten it");
        }
        for name in text.split('/') {
            match name {
                "" => return Err("has an empty name between slashes; take a slash out"),
                ".." | "." => return Err("has \"..\" or \".\" in it; write where the file lies"),
                _ if name.starts_with('.') => {
                    return Err("has a name that begins with a dot; those are the gateway's own");
                }
                _ if name.bytes().all(is_plain) => {}
                _ => return Err("must be of letters, digits, \".\", \"_\", \"-\" and \"/\""),
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this file would be a directory in which `other` lies.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let rest = other.0.strip_prefix(&self.0);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// The directories that it lies in, the outermost first.
    pub(super) fn directories(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::FilePath;

    #[test]
    fn a_path_leads_nowhere_but_beneath_the_directory() {
        for good in ["gateway.toml", "tls/ca.pem", "a/b/c-d_e.1"] {
            assert!(FilePath::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../x",
            "a/..",
            "./x",
            "a//b",
            "a/",
            ".x",
            "a/.provision/b",
            "a b",
            "a\\b",
            "a\0b",
            "a\nb",
            "é",
            "~root",
        ] {
            assert!(FilePath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(FilePath::parse(&"x".repeat(201)).is_err());
    }

    #[test]
    fn a_file_holds_what_would_lie_in_it() {
        let path = |text| FilePath::parse(text).expect("a path");
        assert!(path("tls").holds(&path("tls/ca.pem")));
        assert!(!path("tls").holds(&path("tls2/ca.pem")));
        assert!(!path("tls").holds(&path("tls")));
        let all: Vec<String> = path("a/b/c").directories().map(str::to_owned).collect();
        assert_eq!(all, ["a", "a/b"]);
    }
}
