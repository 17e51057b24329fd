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
    const MAX_BYTES: usize = 8 * 1024;
    let mut out = String::new();
    for working in workings {
        let _ = writeln!(out, "{}:", working.kind.as_str());
        for line in working.text.lines() {
            let shown = behind_secret_name(line).unwrap_or(line.len());
            let shown = token_in_query(line).map_or(shown, |at| at.min(shown));
            let (shown, hidden) = line.split_at(shown);
            out.push_str(shown);
            if !hidden.is_empty() {
                let _ = write!(out, "({} bytes)", hidden.len());
            }
            out.push('\n');
        }
    }
    out.truncate(cut(&out, MAX_BYTES).len());
    out
}

/// Where the value begins in a line of a field that opens other doors, be it AWS's `name:value`
/// or RFC 9421's `"name";parameters: value`.
fn behind_secret_name(line: &str) -> Option<usize> {
    const SECRET: [&str; 4] = [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-amz-security-token",
    ];
    let (name, end) = match line.strip_prefix('"') {
        None => {
            let (name, _) = line.split_once(':')?;
            (name, name.len() + 1)
        }
        Some(rest) => (rest.split_once('"')?.0, line.find(": ")? + 2),
    };
    SECRET.contains(&name).then_some(end)
}

/// Where a session token begins that stands in a query: what follows it is hidden with it.
fn token_in_query(line: &str) -> Option<usize> {
    const NAME: &str = "X-Amz-Security-Token=";
    line.find(NAME).map(|at| at + NAME.len())
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
        let said = |kind, text: &str| {
            let text = text.to_owned();
            for_log(&[Working { kind, text }])
        };
        let request = WorkingKind::CanonicalRequest;
        let base = WorkingKind::SignatureBase;
        for (kind, text, hidden) in [
            (request, "cookie:s3cret", "cookie:(6 bytes)"),
            (
                request,
                "x-amz-security-token:s3cret",
                "x-amz-security-token:(6 bytes)",
            ),
            (
                request,
                "proxy-authorization:s3cret",
                "proxy-authorization:(6 bytes)",
            ),
            (
                request,
                "X-Amz-Date=1&X-Amz-Security-Token=s3cret",
                "X-Amz-Date=1&X-Amz-Security-Token=(6 bytes)",
            ),
            (base, "\"cookie\": s3cret", "\"cookie\": (6 bytes)"),
            (base, "\"cookie\";bs: :s3cret:", "\"cookie\";bs: (8 bytes)"),
            (
                base,
                "\"authorization\": Basic s3cret",
                "\"authorization\": (12 bytes)",
            ),
        ] {
            let text = format!("GET\n{text}\nhost:a");
            let said = said(kind, &text);
            let want = format!("{}:\nGET\n{hidden}\nhost:a\n", kind.as_str());
            assert_eq!(said, want);
        }
    }
}
