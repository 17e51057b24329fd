//! Wildcards as policies write them: `*` for any bytes, `?` for one. In: a pattern and a text.
//! Out: whether the one stands for all of the other.
//! A piece between two `*` is taken where it fits first and never looked for again, so that no
//! pattern makes the search start over.

use memchr::{memchr, memmem};

/// Whether `pattern` stands for `text`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(last) = pieces.next_back() else {
        return fits(first, text);
    };
    let Some((start, rest)) = text.split_at_checked(first.len()) else {
        return false;
    };
    let Some(middle) = rest.len().checked_sub(last.len()) else {
        return false;
    };
    let (mut middle, end) = rest.split_at(middle);
    let is_within = |piece: &[u8]| match find(piece, middle) {
        Some(at) => {
            middle = &middle[at + piece.len()..];
            true
        }
        None => false,
    };
    fits(first, start) && fits(last, end) && pieces.all(is_within)
}

/// Whether a piece without `*` is all of `text`.
fn fits(piece: &[u8], text: &[u8]) -> bool {
    let is_like = |(one, other): (&u8, &u8)| *one == b'?' || one == other;
    piece.len() == text.len() && piece.iter().zip(text).all(is_like)
}

fn find(piece: &[u8], text: &[u8]) -> Option<usize> {
    match memchr(b'?', piece) {
        None => memmem::find(text, piece),
        Some(_) => text.windows(piece.len()).position(|part| fits(piece, part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            Some((byte, rest)) => match text.split_first() {
                Some((first, behind)) => (*byte == b'?' || byte == first) && naive(rest, behind),
                None => false,
            },
        }
    }

    #[test]
    fn a_pattern_stands_for_all_of_a_text() {
        for (pattern, text, want) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "a/b", true),
            ("?", "", false),
            ("?", "a", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*", "ba", false),
            ("*a", "ab", false),
            ("a*b*c", "a/b/b/c", true),
            ("*?*", "", false),
            ("*a?c*", "xxabcxx", true),
            ("arn:*/GET/*", "arn:x:y/GET/a/b", true),
            ("arn:*/GET/*", "arn:x:y/POST/a/b", false),
        ] {
            let is_match = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(is_match, want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_makes_others_start_over_is_soon_done() {
        let pattern = "*a".repeat(250) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 1600]));
    }

    proptest! {
        #[test]
        fn a_naive_search_finds_the_same(pattern in "[ab*?]{0,8}", text in "[ab/]{0,12}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text), naive(pattern, text));
        }

        #[test]
        fn no_pattern_makes_a_panic(pattern in any::<Vec<u8>>(), text in any::<Vec<u8>>()) {
            matches(&pattern, &text);
        }
    }
}
