//! The parameters of a query, and text that may hold percent-encodings.

use std::borrow::Cow;

use crate::pattern;

use super::pairs::Pairs;

/// The parameters, decoded as forms are: `+` is a space.
pub(super) fn decoded(query: Option<&str>) -> Pairs<'_> {
    Pairs::new(parameters(query).map(of_form).collect())
}

/// The value of a parameter that is there once; a second one would leave open which was meant.
pub fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<Cow<'a, str>> {
    let mut values = parameters(query)
        .map(of_form)
        .filter(|(known, _)| known == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// The parameters as they were received.
pub(super) fn raw(query: Option<&str>) -> Pairs<'_> {
    let raw = parameters(query).map(|(name, value)| (name.into(), value.into()));
    Pairs::new(raw.collect())
}

/// Percent-decoded. What is no escape stays as it is; what is no UTF-8 becomes U+FFFD, since
/// JSON has no other bytes.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    match pattern::decoded(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&');
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn of_form<'a>((name, value): (&'a str, &'a str)) -> (Cow<'a, str>, Cow<'a, str>) {
    let word = |text: &'a str| match text.contains('+') {
        true => Cow::Owned(percent_decoded(&text.replace('+', " ")).into_owned()),
        false => percent_decoded(text),
    };
    (word(name), word(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &Pairs<'_>) -> String {
        serde_json::to_string(&pairs.all()).expect("JSON")
    }

    #[test]
    fn a_query_is_split_and_decoded() {
        for (query, want) in [
            ("", "{}"),
            ("&&", "{}"),
            ("a&a=&b=%2B+c&=x", r#"{"":["x"],"a":["",""],"b":["+ c"]}"#),
            ("a=b=c", r#"{"a":["b=c"]}"#),
            ("%61=1&a=2&A=3", r#"{"A":["3"],"a":["1","2"]}"#),
            ("x=%zz&y=%4&z=%", r#"{"x":["%zz"],"y":["%4"],"z":["%"]}"#),
            (
                "n=%C3%A9&m=%E9+%00",
                "{\"m\":[\"\u{fffd} \\u0000\"],\"n\":[\"é\"]}",
            ),
            ("a;b=1", r#"{"a;b":["1"]}"#),
        ] {
            assert_eq!(told(&decoded(Some(query))), want, "{query}");
        }
        assert!(decoded(None).is_empty());
    }

    #[test]
    fn a_parameter_is_found_when_it_is_there_once() {
        let find = |query| parameter(Some(query), "a b").map(Cow::into_owned);
        for query in ["a+b=1%2B", "x=2&a%20b=1%2B"] {
            assert_eq!(find(query).as_deref(), Some("1+"), "{query}");
        }
        for query in ["", "a=1", "a+b=1&a%20b=1"] {
            assert_eq!(find(query), None, "{query}");
        }
    }

    #[test]
    fn a_raw_query_is_only_split() {
        let query = Some("a&a=&b=%2B+c&=x");
        assert_eq!(told(&raw(query)), r#"{"":["x"],"a":["",""],"b":["%2B+c"]}"#);
    }
}
