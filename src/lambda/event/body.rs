//! The body of a request in an event: text with escapes, or base64.
//! In: bytes, and whether they count as text. Out: what stands behind the head of an event,
//! whose length is known before a byte of it is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How an event tells that there is no body.
#[derive(Clone, Copy)]
pub(super) enum Absent {
    /// `null`.
    Null,
    /// An empty text.
    Empty,
    /// Not at all.
    Omitted,
}

/// What an event tells of a body.
pub(super) enum Content<'a> {
    None(Absent),
    Text(&'a str),
    Binary(&'a [u8]),
}

/// Whether HTTP APIs and load balancers take a media type for text, parameters aside (as measured;
/// Elastic Load Balancing, "Lambda functions as targets").
pub(super) fn is_text(content_type: Option<&str>) -> bool {
    const TEXTS: [&str; 3] = [
        "application/json",
        "application/javascript",
        "application/xml",
    ];
    let plain = content_type.and_then(|text| text.split(';').next());
    let plain = plain.unwrap_or_default().trim();
    let family = plain.get(.."text/".len());
    family.is_some_and(|family| family.eq_ignore_ascii_case("text/"))
        || TEXTS.iter().any(|known| known.eq_ignore_ascii_case(plain))
}

impl<'a> Content<'a> {
    /// A body. What should be text and is not UTF-8 travels in base64 all the same: API Gateway
    /// would put other bytes in its place.
    pub(super) fn new(body: &'a [u8], is_text: bool, absent: Absent) -> Self {
        match std::str::from_utf8(body) {
            _ if body.is_empty() => Self::None(absent),
            Ok(text) if is_text => Self::Text(text),
            _ => Self::Binary(body),
        }
    }

    /// The bytes that it takes behind a head whose last brace was taken away.
    pub(super) fn length(&self) -> usize {
        let (opens, ends) = self.around();
        let content = match self {
            Self::None(_) => 0,
            Self::Text(text) => text.len() + escapes(text.as_bytes()),
            // So many that it cannot be told is more than any function takes.
            Self::Binary(bytes) => base64::encoded_len(bytes.len(), true).unwrap_or(usize::MAX / 2),
        };
        opens.len() + content + ends.len()
    }

    /// Writes it, and the brace.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (opens, ends) = self.around();
        out.extend_from_slice(opens.as_bytes());
        match self {
            Self::None(_) => (),
            Self::Text(text) => push_escaped(text.as_bytes(), out),
            Self::Binary(bytes) => push_base64(bytes, out),
        }
        out.extend_from_slice(ends.as_bytes());
    }

    fn around(&self) -> (&'static str, &'static str) {
        match self {
            Self::None(Absent::Null) => (r#","body":null"#, r#","isBase64Encoded":false}"#),
            Self::None(Absent::Empty) => (r#","body":"""#, r#","isBase64Encoded":false}"#),
            Self::None(Absent::Omitted) => ("", r#","isBase64Encoded":false}"#),
            Self::Text(_) => (r#","body":""#, r#"","isBase64Encoded":false}"#),
            Self::Binary(_) => (r#","body":""#, r#"","isBase64Encoded":true}"#),
        }
    }
}

fn push_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    out.resize(start + length, b'=');
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    written.expect("there is room for as many digits as there are");
}

/// As many bytes are looked at together as a vector holds.
const TOGETHER: usize = 32;

/// How many bytes longer a text is with its escapes.
fn escapes(text: &[u8]) -> usize {
    text.chunks(TOGETHER)
        .map(|some| usize::from(longer(some)))
        .sum()
}

/// The same of a few bytes, of which each becomes six at most. Without branches, so that the
/// bytes are counted together.
fn longer(some: &[u8]) -> u8 {
    let one = |byte: u8| {
        let is_short = matches!(byte, b'"' | b'\\' | 8 | b'\t' | b'\n' | 12 | b'\r');
        u8::from(is_short) + 5 * u8::from(byte < b' ' && !is_short)
    };
    some.iter().map(|byte| one(*byte)).sum()
}

/// A text as it stands between the quotes of JSON (RFC 8259 §7).
fn push_escaped(text: &[u8], out: &mut Vec<u8>) {
    for some in text.chunks(TOGETHER) {
        match longer(some) {
            0 => out.extend_from_slice(some),
            _ => some.iter().for_each(|byte| push_one(*byte, out)),
        }
    }
}

fn push_one(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        12 => b'f',
        b'\r' => b'r',
        0..b' ' => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(content: &Content<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        content.write(&mut out);
        out
    }

    #[test]
    fn media_types_of_text_are_known() {
        for text in [
            "text/plain",
            "TEXT/html; charset=utf-8",
            "text/",
            " application/json ;charset=utf-8",
            "application/xml",
            "Application/JavaScript",
        ] {
            assert!(is_text(Some(text)), "{text}");
        }
        for binary in [
            "",
            "text",
            "application/x-www-form-urlencoded",
            "application/vnd.api+json",
            "image/svg+xml",
            "é/text/plain",
        ] {
            assert!(!is_text(Some(binary)), "{binary}");
        }
        assert!(!is_text(None));
    }

    #[test]
    fn no_body_is_told_in_three_ways() {
        let told = |absent| {
            let text = written(&Content::new(b"", false, absent));
            String::from_utf8(text).expect("text")
        };
        let ends = r#","isBase64Encoded":false}"#;
        assert_eq!(told(Absent::Null), format!(",\"body\":null{ends}"));
        assert_eq!(told(Absent::Empty), format!(",\"body\":\"\"{ends}"));
        assert_eq!(told(Absent::Omitted), ends);
    }

    proptest! {
        #[test]
        fn text_is_escaped_as_json_has_it(text in any::<String>(), more in "[\\x00-\\x7f]{0,80}") {
            let text = text + &more;
            let mut out = Vec::new();
            push_escaped(text.as_bytes(), &mut out);
            prop_assert_eq!(out.len(), text.len() + escapes(text.as_bytes()));
            let json = serde_json::to_string(&text).expect("JSON");
            prop_assert_eq!(&out, &json.as_bytes()[1..json.len() - 1]);
        }

        #[test]
        fn the_length_is_known_beforehand(body: Vec<u8>, is_text: bool) {
            for absent in [Absent::Null, Absent::Empty, Absent::Omitted] {
                let content = Content::new(&body, is_text, absent);
                prop_assert_eq!(content.length(), written(&content).len());
            }
        }
    }
}
