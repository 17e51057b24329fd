//! The path pattern of a route: `/person`, `/person/{id}`, `/{proxy+}`.
//! In: text from a configuration. Out: a `PathPattern`, or what is wrong with the text.
//! The grammar is API Gateway's: a parameter is a whole segment, a greedy one the last.

use std::borrow::Cow;
use std::fmt;

use crate::digest::{hex, sha256};

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// These bytes, percent-decoded.
    Literal(Vec<u8>),
    /// `{name}`: exactly one segment that is not empty.
    Parameter(String),
    /// `{name+}`: the rest of the path, at least one byte of it.
    Greedy(String),
}

/// A valid path pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// What stands for API Gateway's id of a resource: six characters, the same for a pattern at all
/// times.
pub fn resource_id(pattern: &str) -> String {
    hex(&sha256(pattern.as_bytes())[..3])
}

impl PathPattern {
    /// Reads `text`.
    ///
    /// # Errors
    /// Says in a few words what is wrong and how it should look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("path \"{text}\" must start with \"/\""));
        };
        if rest.len() > 1 && rest.ends_with('/') {
            return Err(format!(
                "path \"{text}\" must not end with \"/\": a trailing slash is ignored in matching"
            ));
        }
        let mut segments = Vec::new();
        if !rest.is_empty() {
            for part in rest.split('/') {
                if matches!(segments.last(), Some(Segment::Greedy(_))) {
                    return Err(format!("path \"{text}\": a greedy parameter must be last"));
                }
                let segment = parse_segment(part).map_err(|e| format!("path \"{text}\": {e}"))?;
                segments.push(segment);
            }
        }
        let mut names: Vec<&str> = segments.iter().filter_map(Segment::parameter).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = pair[0];
            return Err(format!("path \"{text}\" names \"{name}\" twice"));
        }
        Ok(Self {
            text: text.to_owned(),
            segments,
        })
    }

    /// The segments in order; none for `/`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The parameters and what stands in their place in a path that the pattern takes,
    /// percent-encodings and all; a trailing slash of the path is in none of them.
    pub fn parameters<'a>(&'a self, path: &'a str) -> Vec<(&'a str, &'a str)> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut rest = path.strip_suffix('/').unwrap_or(path);
        let mut found = Vec::new();
        for segment in &self.segments {
            let (here, behind) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Literal(_) => {}
                Segment::Parameter(name) => found.push((name.as_str(), here)),
                Segment::Greedy(name) => found.push((name.as_str(), rest)),
            }
            rest = behind;
        }
        found
    }

    /// The pattern as configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Segment {
    fn parameter(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Greedy(name) => Some(name),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

fn parse_segment(part: &str) -> Result<Segment, String> {
    if let Some(inner) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
        let (name, greedy) = match inner.strip_suffix('+') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || !name.chars().all(valid) {
            return Err(format!(
                "\"{part}\" is no parameter; write {{name}} or {{name+}}"
            ));
        }
        let name = name.to_owned();
        return Ok(if greedy {
            Segment::Greedy(name)
        } else {
            Segment::Parameter(name)
        });
    }
    if part.contains(['{', '}']) {
        return Err(format!("\"{part}\": a parameter must be the whole segment"));
    }
    if matches!(&*decoded(part), b"" | b"." | b"..") {
        return Err("empty and dot segments cannot be matched".to_owned());
    }
    match part.bytes().find(|byte| !is_literal_byte(*byte)) {
        Some(byte) => Err(format!(
            "\"{part}\" holds \"{}\"; write it percent-encoded, as callers send it",
            char::from(byte).escape_default()
        )),
        None => Ok(Segment::Literal(decoded(part).into_owned())),
    }
}

/// A segment percent-decoded, as servers compare it (RFC 3986 §2.4): `%61` is `a`. What is no
/// escape stays as it is.
pub fn decoded(segment: &str) -> Cow<'_, [u8]> {
    let bytes = segment.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, escaped(behind)) {
            (b'%', Some(value)) => {
                out.push(value);
                rest = &behind[2..];
            }
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

/// RFC 3986 §3.3 `pchar`, percent-encodings included: what a request's path can hold.
fn is_literal_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Segment::{Greedy, Literal, Parameter};

    #[test]
    fn patterns_are_read_segment_by_segment() {
        let read = |text: &str| PathPattern::parse(text).map(|p| p.segments);
        assert_eq!(read("/"), Ok(vec![]));
        assert_eq!(
            read("/person/{id}/{proxy+}"),
            Ok(vec![
                Literal("person".into()),
                Parameter("id".into()),
                Greedy("proxy".into())
            ])
        );
    }

    #[test]
    fn parameters_are_what_stands_in_their_place() {
        for (pattern, path, expected) in [
            ("/person", "/person", &[][..]),
            ("/person/{id}", "/person/a%2Fb/", &[("id", "a%2Fb")]),
            ("/{a}/x/{b}", "/1/x/2", &[("a", "1"), ("b", "2")]),
            ("/x/{proxy+}", "/x/a//b/", &[("proxy", "a//b")]),
            ("/{id}/{rest+}", "/7/a/b", &[("id", "7"), ("rest", "a/b")]),
        ] {
            let pattern = PathPattern::parse(pattern).expect("a pattern");
            assert_eq!(pattern.parameters(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn an_escape_is_the_byte_that_it_stands_for() {
        for (text, want) in [
            ("a", &b"a"[..]),
            ("%61", b"a"),
            ("a%2fb%C3%a9", b"a/b\xc3\xa9"),
            ("%2561", b"%61"),
            ("%zz%4", b"%zz%4"),
            ("%", b"%"),
        ] {
            assert_eq!(&*decoded(text), want, "{text}");
        }
        assert_eq!(
            PathPattern::parse("/%61").map(|p| p.segments),
            Ok(vec![Literal(b"a".into())])
        );
    }

    #[test]
    fn what_is_no_pattern_is_said_to_be_none() {
        for text in [
            "", "person", "/a/", "/a//b", "/a/../b", "/a{id}", "/{}", "/{+}", "/{p+}/x",
            "/{a}/{a}", "/a b", "/a?b", "/a#b", "/é", "/%2e%2E",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }
}
