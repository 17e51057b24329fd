//! What a signature was checked against, in the very bytes: for `countersign verify` and for
//! the log of a consumer that asked for it. Here is what such a text is and
//! how it is shown.
//! They hold what callers sent, never a key; a caller never gets to see them.

use std::fmt::Write as _;

/// Bytes of a signed text that are shown; a body may be longer.
pub(super) const MAX_SIGNED_TEXT: usize = 64 * 1024;

/// One text on the way from a request to its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Working {
    /// What it is.
    pub kind: WorkingKind,
    /// The text. Bytes that are no UTF-8 stand as U+FFFD.
    pub text: String,
}

/// What a text on the way to a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkingKind {
    /// AWS SigV4 "Create a canonical request".
    CanonicalRequest,
    /// AWS SigV4 "Create a string to sign".
    StringToSign,
    /// What an HMAC is made of.
    SignedText,
    /// RFC 9421 §2.5.
    SignatureBase,
}

impl WorkingKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CanonicalRequest => "canonical request",
            Self::StringToSign => "string to sign",
            Self::SignedText => "signed text",
            Self::SignatureBase => "signature base",
        }
    }
}

/// The texts for a log: without the values of fields that open other doors, and no longer than
/// a line of a log should be.
pub fn for_log(workings: &[Working]) -> String {
    const SECRET: [&str; 3] = ["cookie:", "x-amz-security-token:", "\"cookie\":"];
    const MAX_BYTES: usize = 8 * 1024;
    let mut out = String::new();
    for working in workings {
        let _ = writeln!(out, "{}:", working.kind.as_str());
        for line in working.text.lines() {
            match SECRET.iter().find(|name| line.starts_with(**name)) {
                Some(name) => {
                    let _ = writeln!(out, "{name}({} bytes)", line.len() - name.len());
                }
                None => {
                    let _ = writeln!(out, "{line}");
                }
            }
        }
    }
    out.truncate(cut(&out, MAX_BYTES).len());
    out
}

/// The start of `text`, at most so many bytes of it.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut fits = (0..=most.min(text.len())).rev();
    let end = fits.find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_no_cookie_and_no_token() {
        let text = "GET\n/\n\ncookie:session=42\nx-amz-security-token:AQ\nhost:a\n".to_owned();
        let kind = WorkingKind::CanonicalRequest;
        let said = for_log(&[Working { kind, text }]);
        assert!(said.contains("cookie:(10 bytes)"), "{said}");
        assert!(said.contains("x-amz-security-token:(2 bytes)"), "{said}");
        assert!(said.contains("host:a"), "{said}");
        assert!(!said.contains("42") && !said.contains("AQ"), "{said}");
    }
}
