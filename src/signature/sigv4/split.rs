//! Short texts cut at one ASCII byte: looking at each byte is quicker for them than the searcher
//! of `str::split`, which is made for long ones.

/// The pieces between every `at`, an ASCII byte; one more than there are of it.
pub(super) fn split(text: &str, at: u8) -> Pieces<'_> {
    debug_assert!(at.is_ascii(), "a piece must end where a character ends");
    Pieces {
        rest: Some(text),
        at,
    }
}

/// What stands before the first `at` and behind it; `None` when there is none.
pub(super) fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == at)?;
    Some((&text[..end], &text[end + 1..]))
}

/// See [`split`].
pub(super) struct Pieces<'a> {
    rest: Option<&'a str>,
    at: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let (piece, rest) = match split_once(text, self.at) {
            Some((piece, rest)) => (piece, Some(rest)),
            None => (text, None),
        };
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::{split, split_once};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_cuts_as_str_does(text in "[;äx]{0,12}") {
            prop_assert!(split(&text, b';').eq(text.split(';')));
            prop_assert_eq!(split_once(&text, b';'), text.split_once(';'));
        }
    }
}
