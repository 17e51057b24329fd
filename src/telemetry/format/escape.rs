//! What callers choose, written so that it stays within its place of a line: nothing but printable
//! ASCII, whatever it was. A value that could end a line would be a line that nobody has logged.

use std::io::Write as _;

use crate::config::Escaping;

/// Appends `text`.
pub(super) fn put(out: &mut Vec<u8>, text: &str, escaping: Escaping) {
    match escaping {
        Escaping::Text => put_text(out, text),
        Escaping::Json => put_json(out, text),
        Escaping::Xml => put_xml(out, text),
    }
}

/// Appends what is JSON already, with everything beyond ASCII escaped: it stands in texts only.
pub(super) fn put_whole_json(out: &mut Vec<u8>, json: &str) {
    for char in json.chars() {
        match char {
            ' '..='~' => out.push(char as u8),
            other => put_utf16(out, other),
        }
    }
}

/// As nginx does it: each other byte as `\xHH`.
fn put_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => put_hex(out, byte),
            b' '..=b'~' => out.push(byte),
            other => put_hex(out, other),
        }
    }
}

fn put_hex(out: &mut Vec<u8>, byte: u8) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "\\x{byte:02X}");
}

/// RFC 8259 §7.
fn put_json(out: &mut Vec<u8>, text: &str) {
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend_from_slice(&[b'\\', char as u8]),
            ' '..='~' => out.push(char as u8),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            other => put_utf16(out, other),
        }
    }
}

fn put_utf16(out: &mut Vec<u8>, char: char) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// XML 1.0 §2.2 has no control characters, not even as references.
fn put_xml(out: &mut Vec<u8>, text: &str) {
    for char in text.chars() {
        let written = match char {
            '&' | '<' | '>' | '"' | '\'' => write!(out, "&#{};", char as u32),
            ' '..='~' => out.write_all(&[char as u8]),
            '\t' | '\n' | '\r' => write!(out, "&#{};", char as u32),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {
                out.write_all(b"&#xFFFD;")
            }
            other => write!(out, "&#x{:X};", other as u32),
        };
        // Writing to a Vec cannot fail.
        let _ = written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, escaping: Escaping) -> String {
        let mut out = Vec::new();
        put(&mut out, text, escaping);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn what_would_leave_its_place_is_escaped() {
        let hostile = "a\r\n\"\\\u{7}\u{7f}<&'ü\u{2028}😀\u{1b}[2J";
        assert_eq!(
            escaped(hostile, Escaping::Text),
            r"a\x0D\x0A\x22\x5C\x07\x7F<&'\xC3\xBC\xE2\x80\xA8\xF0\x9F\x98\x80\x1B[2J"
        );
        assert_eq!(
            escaped(hostile, Escaping::Json),
            r#"a\r\n\"\\\u0007\u007f<&'\u00fc\u2028\ud83d\ude00\u001b[2J"#
        );
        assert_eq!(
            escaped(hostile, Escaping::Xml),
            "a&#13;&#10;&#34;\\&#xFFFD;&#xFFFD;&#60;&#38;&#39;&#xFC;&#x2028;&#x1F600;&#xFFFD;[2J"
        );
    }
}
