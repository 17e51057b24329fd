//! The key of an RFC 9421 credential: PEM, a JWK or a secret. In: the credential's table. Out:
//! a `VerifyingKey`, or what is wrong with it noted.

use zeroize::Zeroizing;

use crate::document::{Placed, Table, alternatives};
use crate::key::{Algorithm, KeyError, VerifyingKey};
use crate::problem::suggestion;

/// How a key can be written, and what makes one of it.
type Form = (
    &'static str,
    fn(Option<Algorithm>, &str) -> Result<VerifyingKey, KeyError>,
);

const FORMS: [Form; 3] = [
    ("public_key", VerifyingKey::from_pem),
    ("jwk", VerifyingKey::from_jwk),
    ("secret", from_secret),
];

/// Reads the one form that is there.
pub(super) fn read(table: &mut Table<'_>) -> Option<VerifyingKey> {
    let algorithm = read_algorithm(table);
    let mut given = Vec::new();
    for (name, make) in FORMS {
        if let Some(Placed { value, line }) = table.text(name) {
            given.push((name, make, Zeroizing::new(value), line));
        }
    }
    let label = table.label().to_owned();
    if given.len() != 1 {
        let text = format!(
            "{label} must have one of \"public_key\" (PEM), \"jwk\" and \"secret\"; it has {}",
            given.len()
        );
        table.document().note(table.line(), text);
        return None;
    }
    let (name, make, text, line) = given.pop()?;
    // An algorithm that is unknown was noted, and the key is not to be blamed for it.
    match make(algorithm?, &text) {
        Ok(key) => Some(key),
        Err(why) => {
            let text = format!("\"{name}\" in {label}: {why}");
            table.document().note(line, text);
            None
        }
    }
}

/// `None` for one that is unknown, `Some(None)` when none is named.
fn read_algorithm(table: &mut Table<'_>) -> Option<Option<Algorithm>> {
    let Some(Placed { value, line }) = table.text("algorithm") else {
        return Some(None);
    };
    let found = value.parse().ok();
    if found.is_none() {
        let known = Algorithm::ALL.map(Algorithm::as_str);
        let text = format!(
            "\"algorithm\" in {} is \"{value}\", but must be {}{}",
            table.label(),
            alternatives(known),
            suggestion(&value, known)
        );
        table.document().note(line, text);
    }
    found.map(Some)
}

fn from_secret(algorithm: Option<Algorithm>, secret: &str) -> Result<VerifyingKey, KeyError> {
    match algorithm {
        None | Some(Algorithm::HmacSha256) => VerifyingKey::from_secret(secret.as_bytes()),
        Some(_) => Err(KeyError::OTHER_ALGORITHM),
    }
}
