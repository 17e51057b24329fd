//! SHA-256 hashes as an operator writes them.

use crate::document::Table;

/// The hash under `key`: 64 hexadecimal digits, with colons between them or not.
pub(super) fn read_hash(table: &mut Table<'_>, key: &'static str) -> Option<[u8; 32]> {
    let text = table.text(key)?;
    let hash = parse_hash(&text.value);
    if hash.is_none() {
        let problem = format!(
            "\"{key}\" in {} must be a SHA-256: 64 hexadecimal digits, colons between them if you like",
            table.label()
        );
        table.document().note(text.line, problem);
    }
    hash
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    match digits.len() {
        64 => bytes.try_into().ok(),
        _ => None,
    }
}
