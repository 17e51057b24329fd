//! `@query-param` (RFC 9421 §2.2.8): one parameter of a query that is a form ("URL", WHATWG,
//! §5.1 and §5.2). In: a query and the encoded name of a parameter. Out: its encoded value.
//! What parsers of forms repair, each in its own way, is refused: bad escapes and bad UTF-8.

/// Writes the value of the one parameter called `name`.
pub(super) fn push_parameter(
    out: &mut String,
    query: &str,
    name: &str,
) -> Result<(), &'static str> {
    let mut found = None;
    let mut recoded = String::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        recoded.clear();
        push_recoded(&mut recoded, key)?;
        if recoded == name && found.replace(value).is_some() {
            return Err("a covered query parameter was sent twice");
        }
    }
    push_recoded(out, found.ok_or("a covered query parameter is absent")?)
}

/// Decodes, and encodes again in the one way that the form's serialiser has; but a blank is
/// `%20`, as RFC 9421's examples show.
fn push_recoded(out: &mut String, text: &str) -> Result<(), &'static str> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = rest.split_first_chunk::<2>();
                let (digits, behind) = digits.ok_or(BAD_ESCAPE)?;
                rest = behind;
                hex(digits[0])? << 4 | hex(digits[1])?
            }
            byte => *byte,
        });
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err("a query parameter is not UTF-8");
    }
    for byte in decoded {
        match byte {
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => {
                out.push('%');
                out.push(UPPER[usize::from(byte >> 4)]);
                out.push(UPPER[usize::from(byte & 15)]);
            }
        }
    }
    Ok(())
}

const BAD_ESCAPE: &str = "the query has a bad escape";
const UPPER: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
];

fn hex(digit: u8) -> Result<u8, &'static str> {
    let value = char::from(digit).to_digit(16).map(|value| value as u8);
    value.ok_or(BAD_ESCAPE)
}
