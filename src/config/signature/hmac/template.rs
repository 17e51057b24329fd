//! The text that an HMAC signs, as a template: `v0:{timestamp}:{body}`. In: the template. Out:
//! its parts, or what is wrong with it; and whether two requests could have the same text.

use std::fmt;

use http::HeaderName;

use crate::problem::suggestion;

use super::TimestampUnit;
use super::field;

/// A part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    /// This text; never empty.
    Literal(String),
    /// The time, as it was sent.
    Timestamp,
    /// The body, byte for byte.
    Body,
    /// The method.
    Method,
    /// Path and query, as they were sent.
    Target,
    /// The path, as it was sent.
    Path,
    /// What follows the `?`, as it was sent; nothing when there is none.
    Query,
    /// Host and, if it was sent, port.
    Host,
    /// The value of a field, which must be there once.
    Header(HeaderName),
}

/// A template whose parts can be told apart in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTemplate(Vec<SignedPart>);

const PLACEHOLDERS: [(&str, SignedPart); 7] = [
    ("timestamp", SignedPart::Timestamp),
    ("body", SignedPart::Body),
    ("method", SignedPart::Method),
    ("target", SignedPart::Target),
    ("path", SignedPart::Path),
    ("query", SignedPart::Query),
    ("host", SignedPart::Host),
];
const MAX_PARTS: usize = 32;

impl SignedTemplate {
    /// The template with these parts, no two literals side by side.
    pub(super) fn new(parts: Vec<SignedPart>) -> Self {
        Self(parts)
    }

    /// Reads `text`, in which `{{` stands for a brace.
    ///
    /// # Errors
    /// What is wrong, to be put behind the name of the template.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            if let Some(behind) = behind.strip_prefix('{') {
                literal.push('{');
                rest = behind;
                continue;
            }
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(
                    "has a \"{\" that no \"}\" ends; write \"{{\" for a brace itself".to_owned(),
                );
            };
            if !literal.is_empty() {
                parts.push(SignedPart::Literal(std::mem::take(&mut literal)));
            }
            parts.push(placeholder(name)?);
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(SignedPart::Literal(literal));
        }
        let is_variable = |part: &&SignedPart| !matches!(part, SignedPart::Literal(_));
        let bodies = parts.iter().filter(|part| **part == SignedPart::Body);
        match (bodies.count(), parts.iter().find(is_variable)) {
            (2.., _) => Err("holds {body} twice; it is signed once".to_owned()),
            (_, None) => Err("holds nothing of the request; write {body} at least".to_owned()),
            _ if parts.len() > MAX_PARTS => Err(format!("has more than {MAX_PARTS} parts")),
            _ => Ok(Self(parts)),
        }
    }

    /// The parts in order.
    pub fn parts(&self) -> &[SignedPart] {
        &self.0
    }

    /// Whether the body is signed.
    pub fn covers_body(&self) -> bool {
        self.holds(&SignedPart::Body)
    }

    pub(super) fn holds(&self, part: &SignedPart) -> bool {
        self.0.contains(part)
    }

    /// Two parts of which the text does not show where one ends and the other begins; `None`
    /// when the text of a request can be taken apart in one way only.
    ///
    /// Taken apart from both ends, the text gives up each part whose end shows: what is left in
    /// the middle may be one part, whatever it holds, but not two.
    pub fn ambiguity(&self, unit: TimestampUnit) -> Option<(&SignedPart, &SignedPart)> {
        let parts = &self.0;
        let ends = |at: &usize| parts[*at].ends_before(parts.get(at + 1), unit);
        let begins = |at: &usize| {
            let before = at.checked_sub(1).map(|before| &parts[before]);
            parts[*at].begins_behind(before, unit)
        };
        let first = (0..parts.len()).find(|at| !ends(at))?;
        let last = (0..parts.len()).rfind(|at| !begins(at))?;
        (first < last).then(|| (&parts[first], &parts[last]))
    }
}

impl SignedPart {
    /// Whether its end shows when `next` follows.
    fn ends_before(&self, next: Option<&Self>, unit: TimestampUnit) -> bool {
        match (self, next) {
            (_, None) => true,
            // A value that holds what separates it from the next part is refused.
            (Self::Header(_), Some(Self::Literal(_))) => true,
            (_, Some(next)) => {
                let unclear = |b| next.can_start(b, unit) && self.can_hold(b, unit);
                self.delimits_itself(unit) || !(0..=255).any(unclear)
            }
        }
    }

    /// Whether its beginning shows when `before` goes before.
    fn begins_behind(&self, before: Option<&Self>, unit: TimestampUnit) -> bool {
        let Some(before) = before else { return true };
        let unclear = |b| before.can_end(b, unit) && self.can_hold(b, unit);
        self.delimits_itself(unit) || !(0..=255).any(unclear)
    }

    /// Whether its length shows by itself: no method is the beginning or the end of another,
    /// and a time in digits has a fixed number of them.
    fn delimits_itself(&self, unit: TimestampUnit) -> bool {
        match self {
            Self::Literal(_) | Self::Method => true,
            Self::Timestamp => unit != TimestampUnit::Iso,
            _ => false,
        }
    }

    /// Whether `byte` can be in it, as far as requests are admitted and signatures verified.
    fn can_hold(&self, byte: u8, unit: TimestampUnit) -> bool {
        match self {
            Self::Literal(text) => text.as_bytes().contains(&byte),
            Self::Timestamp => unit.can_hold(byte),
            Self::Body => true,
            Self::Method => byte.is_ascii_uppercase(),
            Self::Target | Self::Query => byte.is_ascii_graphic(),
            Self::Path => byte.is_ascii_graphic() && byte != b'?',
            Self::Host => byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte),
            Self::Header(_) => byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'),
        }
    }

    /// Whether `byte` can be the first behind what goes before: any can when it may be empty.
    fn can_start(&self, byte: u8, unit: TimestampUnit) -> bool {
        match self {
            Self::Literal(text) => text.as_bytes().first() == Some(&byte),
            Self::Path | Self::Target => byte == b'/',
            Self::Body | Self::Query | Self::Header(_) => true,
            Self::Timestamp | Self::Method | Self::Host => self.can_hold(byte, unit),
        }
    }

    /// Whether `byte` can be the last before what follows.
    fn can_end(&self, byte: u8, unit: TimestampUnit) -> bool {
        match self {
            Self::Literal(text) => text.as_bytes().last() == Some(&byte),
            Self::Body | Self::Query | Self::Header(_) => true,
            _ => self.can_hold(byte, unit),
        }
    }
}

/// As the template has it.
impl fmt::Display for SignedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&text.replace('{', "{{")),
            Self::Header(name) => write!(f, "{{header:{name}}}"),
            part => {
                let found = PLACEHOLDERS.iter().find(|(_, other)| other == part);
                write!(f, "{{{}}}", found.map_or("", |(name, _)| name))
            }
        }
    }
}

impl fmt::Display for SignedTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

fn placeholder(name: &str) -> Result<SignedPart, String> {
    if let Some(field) = name.strip_prefix("header:") {
        return match field.eq_ignore_ascii_case("host") {
            true => Err("names the field \"host\"; write {host}".to_owned()),
            false => field::parse(field).map(SignedPart::Header),
        };
    }
    let known = PLACEHOLDERS.iter().map(|(word, _)| *word);
    let found = PLACEHOLDERS.iter().find(|(word, _)| *word == name);
    found.map(|(_, part)| part.clone()).ok_or_else(|| {
        let all: Vec<String> = known.clone().map(|word| format!("{{{word}}}")).collect();
        format!(
            "holds {{{name}}}, but there are only {} and {{header:NAME}}{}",
            all.join(", "),
            suggestion(name, known)
        )
    })
}
