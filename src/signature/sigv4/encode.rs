//! The spellings of SigV4: lower-case hexadecimal, and `UriEncode` with upper-case escapes
//! (AWS SigV4 "Create a canonical request"; RFC 3986 §2.3 for what is unreserved).

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// `UriEncode` of every byte, `/` too.
pub(super) fn push_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((byte, behind)) = push_unreserved(out, rest) {
        push_escape(out, byte);
        rest = behind;
    }
}

/// Decodes `bytes` once and encodes the result; `None` when an escape is not `%XX`.
/// A byte that came without an escape and is in `kept` stays as it is.
pub(super) fn push_recoded(out: &mut Vec<u8>, bytes: &[u8], kept: &[u8]) -> Option<()> {
    let mut rest = bytes;
    while let Some((byte, behind)) = push_unreserved(out, rest) {
        rest = behind;
        match byte {
            b'%' => {
                let (decoded, behind) = unescape(rest)?;
                push_encoded(out, &[decoded]);
                rest = behind;
            }
            byte if kept.contains(&byte) => out.push(byte),
            byte => push_escape(out, byte),
        }
    }
    Some(())
}

/// The byte of the two hexadecimal digits at the start, in either case, and what follows.
pub(super) fn unescape(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = digits.split_first_chunk::<2>()?;
    let value = |digit: u8| char::from(digit).to_digit(16).map(|v| v as u8);
    Some((value(high)? << 4 | value(low)?, rest))
}

/// 64 lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = LOWER[usize::from(byte >> 4)];
        pair[1] = LOWER[usize::from(byte & 15)];
    }
    out
}

/// Lower-case hexadecimal digits, two for each byte.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |four: u8| LOWER[usize::from(four & 15)];
    out.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)]),
    );
}

/// What [`hex`] wrote; `None` for anything else, upper case included.
pub(super) fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    (text.len() == 64).then_some(())?;
    unhex_into(&mut out, text)?;
    Some(out)
}

/// What [`push_hex`] wrote, which must fit; how many bytes it was. `None` for anything else.
pub(super) fn unhex_into(out: &mut [u8], text: &[u8]) -> Option<usize> {
    let pairs = text.chunks_exact(2);
    let length = pairs.len();
    if !pairs.remainder().is_empty() || length > out.len() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(pairs) {
        *byte = unhex_digit(pair[0])? << 4 | unhex_digit(pair[1])?;
    }
    Some(length)
}

fn unhex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Copies the unreserved bytes at the start; then the byte that stopped it, and what follows.
fn push_unreserved<'a>(out: &mut Vec<u8>, bytes: &'a [u8]) -> Option<(u8, &'a [u8])> {
    let length = bytes
        .iter()
        .take_while(|b| UNRESERVED[usize::from(**b)])
        .count();
    let (unreserved, rest) = bytes.split_at(length);
    out.extend_from_slice(unreserved);
    rest.split_first().map(|(byte, behind)| (*byte, behind))
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    let digit = |four: u8| UPPER[usize::from(four & 15)];
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
}

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};
