//! Where a signer's own text first differs from the gateway's, and what most likely caused it.
//! In: the gateway's workings and the signer's text. Out: a line, both versions and a cause.
//! Pure: knows nothing of files or of whether the signature was right.

mod aws;
mod hmac;
mod message;

use super::working::{Working, WorkingKind};

/// What comparing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The texts are the same: then it is the key that differs.
    Same(WorkingKind),
    /// They are not.
    Different(Difference),
}

/// The first line that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In which text.
    pub kind: WorkingKind,
    /// Counted from 1.
    pub line: usize,
    /// What stands in that line.
    pub part: String,
    /// The gateway's; `None` when its text has ended.
    pub ours: Option<String>,
    /// The signer's.
    pub theirs: Option<String>,
    /// What most likely caused it.
    pub cause: &'static str,
}

/// Compares the signer's text with the one of `workings` that it is meant to be; `None` when
/// there is no such one.
pub fn compare(workings: &[Working], theirs: &str) -> Option<Comparison> {
    // Every byte of it counts, and none of its lines has a meaning of its own.
    if let Some(ours) = text_of(workings, WorkingKind::SignedText) {
        return Some(hmac::compare(ours, theirs));
    }
    let theirs = theirs.replace("\r\n", "\n");
    let theirs = theirs.trim_end_matches('\n');
    let kind = kind_of(workings, theirs)?;
    let ours = text_of(workings, kind)?;
    let (mut mine, mut other) = (ours.split('\n'), theirs.split('\n'));
    let mut line = 0;
    loop {
        line += 1;
        let pair = (mine.next(), other.next());
        match pair {
            (None, None) => return Some(Comparison::Same(kind)),
            (ours_here, theirs_here) if ours_here != theirs_here => {
                let place = Place {
                    ours: &ours.split('\n').collect::<Vec<_>>(),
                    at: line - 1,
                };
                let (part, cause) = cause(kind, &place, ours_here, theirs_here);
                return Some(Comparison::Different(Difference {
                    kind,
                    line,
                    part,
                    ours: ours_here.map(str::to_owned),
                    theirs: theirs_here.map(str::to_owned),
                    cause,
                }));
            }
            _ => {}
        }
    }
}

/// Where in the gateway's text a line stands.
struct Place<'a> {
    ours: &'a [&'a str],
    at: usize,
}

/// What stands in a line, and the likely cause of the difference.
fn cause(
    kind: WorkingKind,
    place: &Place<'_>,
    ours: Option<&str>,
    theirs: Option<&str>,
) -> (String, &'static str) {
    let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
    match kind {
        WorkingKind::CanonicalRequest => aws::in_request(place, ours, theirs),
        WorkingKind::StringToSign => aws::in_string(place.at, ours, theirs),
        WorkingKind::SignatureBase => message::in_base(ours, theirs),
        WorkingKind::SignedText => hmac::in_text(ours, theirs),
    }
}

fn text_of(workings: &[Working], kind: WorkingKind) -> Option<&str> {
    let found = workings.iter().find(|one| one.kind == kind);
    found.map(|one| one.text.as_str())
}

/// Which of the texts the signer's is meant to be.
fn kind_of(workings: &[Working], theirs: &str) -> Option<WorkingKind> {
    let has = |kind| workings.iter().any(|one| one.kind == kind).then_some(kind);
    match theirs.starts_with("AWS4-") {
        true => has(WorkingKind::StringToSign),
        false => has(WorkingKind::CanonicalRequest).or(has(WorkingKind::SignatureBase)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OURS: &str = "PUT\n/a%2520b/c\na=1&b=x%20y&c=%2B\nhost:gateway.example\n\
        x-amz-date:20150830T123600Z\nx-note:two words\n\nhost;x-amz-date;x-note\n\
        2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const STRING: &str =
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/s/aws4_request\naa";

    fn workings() -> Vec<Working> {
        let working = |kind, text: &str| Working {
            kind,
            text: text.to_owned(),
        };
        vec![
            working(WorkingKind::CanonicalRequest, OURS),
            working(WorkingKind::StringToSign, STRING),
        ]
    }

    #[test]
    fn each_usual_mistake_of_a_signer_is_called_by_its_name() {
        for (from, to, part, cause) in [
            ("PUT\n", "put\n", "method", "capitals"),
            ("/a%2520b/c", "/a%20b/c", "path", "once"),
            ("/a%2520b/c", "/a%252520b/c", "path", "once too often"),
            ("/a%2520b/c", "/x/../a%2520b/c", "path", "normalise"),
            ("a=1&b=x%20y", "b=x%20y&a=1", "query", "sorted"),
            ("x%20y", "x+y", "query", "%20"),
            ("%2B", "%20", "query", "%2B"),
            ("%2B", "%2b", "query", "upper case"),
            ("a=1&b=x%20y&c=%2B", "", "query", "leaves the query out"),
            (
                "gateway.example\n",
                "gateway.example:8443\n",
                "header host",
                "port",
            ),
            ("two words", "two  words", "header x-note", "blanks"),
            ("123600Z\nx", "123601Z\nx", "header x-amz-date", "clock"),
            ("x-note:two words\n", "", "header x-note", "SignedHeaders"),
            (
                "host;x-amz-date;x-note",
                "host;x-amz-date",
                "signed headers",
                "list",
            ),
            (
                "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                "UNSIGNED-PAYLOAD",
                "payload hash",
                "payload mode",
            ),
            ("9824", "9825", "payload hash", "other bytes"),
        ] {
            let theirs = OURS.replacen(from, to, 1);
            assert_ne!(theirs, OURS, "{from}");
            let Some(Comparison::Different(found)) = compare(&workings(), &theirs) else {
                panic!("{from} {to}");
            };
            assert_eq!(found.part, part, "{from} {to}");
            assert!(found.cause.contains(cause), "{from} {to}: {}", found.cause);
        }
        for (from, to, part, cause) in [
            ("123600Z", "123600", "time", "clock"),
            ("/us-east-1/", "/us-west-2/", "scope", "region"),
            (
                "aa",
                "bb",
                "hash of the canonical request",
                "canonical requests",
            ),
        ] {
            let theirs = STRING.replacen(from, to, 1);
            let Some(Comparison::Different(found)) = compare(&workings(), &theirs) else {
                panic!("{from} {to}");
            };
            assert_eq!(found.part, part);
            assert!(found.cause.contains(cause), "{}", found.cause);
        }
    }

    #[test]
    fn the_same_text_is_the_same_however_its_lines_end() {
        let theirs = OURS.replace('\n', "\r\n") + "\r\n";
        let same = Comparison::Same(WorkingKind::CanonicalRequest);
        assert_eq!(compare(&workings(), &theirs), Some(same));
        assert_eq!(compare(&[], OURS), None);
    }
}
