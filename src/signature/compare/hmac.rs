//! Where a signer's own text first differs from the one that an HMAC is made of, and the
//! mistakes that senders and proxies make in it.

use super::{Comparison, Difference};
use crate::signature::working::{MAX_SIGNED_TEXT, WorkingKind, cut};

const KIND: WorkingKind = WorkingKind::SignedText;

/// Compares byte by byte; a line break at the end of the signer's text is its file's.
pub(super) fn compare(ours: &str, theirs: &str) -> Comparison {
    let theirs = match theirs.strip_suffix('\n') {
        Some(without) if ours == without.strip_suffix('\r').unwrap_or(without) => ours,
        Some(without) if !ours.ends_with('\n') => without,
        _ => theirs,
    };
    // Ours was cut there as well.
    let theirs = cut(theirs, MAX_SIGNED_TEXT);
    let (mut mine, mut other) = (ours.split('\n'), theirs.split('\n'));
    for line in 1.. {
        match (mine.next(), other.next()) {
            (None, None) => break,
            (one, another) if one == another => {}
            (one, another) => {
                let (part, cause) = in_text(ours, theirs);
                return Comparison::Different(Difference {
                    kind: KIND,
                    line,
                    part,
                    ours: one.map(str::to_owned),
                    theirs: another.map(str::to_owned),
                    cause,
                });
            }
        }
    }
    Comparison::Same(KIND)
}

/// In a signed text, or a part of one.
pub(super) fn in_text(ours: &str, theirs: &str) -> (String, &'static str) {
    ("what \"signed\" describes".to_owned(), cause(ours, theirs))
}

fn cause(ours: &str, theirs: &str) -> &'static str {
    let unix = |text: &str| text.replace("\r\n", "\n");
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let lettered = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let is_hash = theirs.len() == 64 && theirs.bytes().all(|byte| byte.is_ascii_hexdigit());
    match () {
        () if unix(ours) == unix(theirs) => {
            "line ends: the signer signs other ones than were sent, or a file was saved with others"
        }
        () if dense(ours) == dense(theirs) => {
            "blanks: the signer signs the body as it wrote it again; it must sign the very bytes \
             that are sent"
        }
        () if is_hash && !ours.contains(theirs) => {
            "the signer signs a hash of the text and not the text itself"
        }
        () if lettered(ours) == lettered(theirs) => {
            "a number: the signer signed another time than the request tells"
        }
        () if theirs.ends_with(ours) || theirs.starts_with(ours) => {
            "the signer signs more than the policy's \"signed\" describes"
        }
        () if ours.ends_with(theirs) || ours.starts_with(theirs) => {
            "the signer signs less than the policy's \"signed\" describes"
        }
        () => {
            "the signer puts the text together in another way than the policy's \"signed\" \
             describes, or the request was changed on its way"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "v0:1531420618:{\"a\": 1,\r\n \"b\": 2}";

    #[test]
    fn each_usual_mistake_of_a_sender_is_called_by_its_name() {
        let hash = "a".repeat(64);
        for (theirs, line, cause) in [
            (OURS.replace('\r', ""), 1, "line ends"),
            (OURS.replace(": ", ":"), 1, "blanks"),
            (OURS.replace("0618", "0619"), 1, "another time"),
            (OURS.replace("v0:1531420618:", ""), 1, "less"),
            (format!("{OURS}\nmore"), 3, "more"),
            (OURS.replace('a', "c"), 1, "another way"),
            (hash, 1, "hash"),
        ] {
            let Comparison::Different(found) = compare(OURS, &theirs) else {
                panic!("{theirs}");
            };
            assert_eq!(found.line, line, "{theirs}");
            assert!(found.cause.contains(cause), "{theirs}: {}", found.cause);
        }
    }

    #[test]
    fn the_same_text_is_the_same_whether_or_not_its_file_ends_in_a_line_break() {
        for theirs in ["", "\n", "\r\n"].map(|end| format!("{OURS}{end}")) {
            assert_eq!(compare(OURS, &theirs), Comparison::Same(KIND), "{theirs:?}");
        }
        let ended = format!("{OURS}\n");
        assert_eq!(compare(&ended, &ended), Comparison::Same(KIND));
        assert_ne!(compare(&ended, OURS), Comparison::Same(KIND));
    }

    #[test]
    fn what_is_not_shown_is_not_compared() {
        let shown = "x".repeat(MAX_SIGNED_TEXT);
        let theirs = format!("{shown} and more");
        assert_eq!(compare(&shown, &theirs), Comparison::Same(KIND));
    }
}
