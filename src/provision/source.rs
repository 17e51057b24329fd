//! Where a file's contents come from. In: what user data says. Out: a `Source`, or why it is none.

use std::fmt;

/// Where a file's contents come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A parameter of Systems Manager, by name or ARN.
    Ssm(String),
    /// A secret of Secrets Manager, by name or ARN.
    SecretsManager(String),
    /// An object of S3.
    S3 {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// The user data itself.
    Text(String),
}

/// The longest name of a parameter is 1011 characters, of a secret 512, an ARN before each.
const MAX_NAME: usize = 2048;
const MAX_KEY: usize = 1024;

impl Source {
    /// A parameter's or a secret's name.
    pub(super) fn name(text: String) -> Result<String, &'static str> {
        match text.len() <= MAX_NAME && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(text),
            false => Err("is no name or ARN: those have no spaces and up to 2048 characters"),
        }
    }

    /// `s3://bucket/key`.
    pub(super) fn s3(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "must be of the form s3://bucket/key";
        let rest = text.strip_prefix("s3://").ok_or(FORM)?;
        let (bucket, key) = rest.split_once('/').ok_or(FORM)?;
        let is_known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_known) {
            return Err(
                "names no bucket: those are of 3 to 63 small letters, digits, \"-\" and \".\"",
            );
        }
        if key.is_empty() || key.len() > MAX_KEY || key.contains(char::is_control) {
            return Err("names no key: those have up to 1024 bytes, without control characters");
        }
        // Some parsers would fold such a key into another.
        if key.split('/').any(|name| matches!(name, "." | "..")) {
            return Err(
                "names a key with \".\" or \"..\" between slashes, which cannot be asked for",
            );
        }
        Ok(Self::S3 {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

/// As the operator is told, never with a value.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssm(name) => write!(f, "parameter {name} of Systems Manager"),
            Self::SecretsManager(id) => write!(f, "secret {id} of Secrets Manager"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Text(_) => f.write_str("the user data"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn an_object_is_named_by_bucket_and_key() {
        let want = Source::S3 {
            bucket: "my.bucket-1".to_owned(),
            key: "a b/c.pem".to_owned(),
        };
        assert_eq!(Source::s3("s3://my.bucket-1/a b/c.pem"), Ok(want));
        for bad in [
            "",
            "my-bucket/key",
            "http://b/k",
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "s3://Bucket/key",
            "s3://a/key",
            "s3://buc_ket/key",
            "s3://bucket/a\nb",
            "s3://user@bucket/key",
            "s3://bucket/a/../b",
        ] {
            assert!(Source::s3(bad).is_err(), "{bad:?}");
        }
    }
}
