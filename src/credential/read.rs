//! Reads a `[[credential]]`. In: its table. Out: a `Credential`, or nothing and what is wrong
//! with it noted, of which no part is a secret.

use crate::clock::UtcTime;
use crate::document::Table;
use crate::names::CredentialId;

use super::{Credential, Key, Secret, derived, message};

const MAX_ID_BYTES: usize = 128;
const MIN_SECRET_BYTES: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    SigV4,
    Hmac,
    Rfc9421,
}

const SCHEMES: [(&str, Scheme); 3] = [
    ("sigv4", Scheme::SigV4),
    ("hmac", Scheme::Hmac),
    ("rfc9421", Scheme::Rfc9421),
];

/// Reads one credential; `None` when it is none, which is noted.
pub(super) fn credential(mut table: Table<'_>) -> Option<Credential> {
    let id = read_id(&mut table);
    let scheme = match table.has("scheme") {
        true => table.word("scheme", &SCHEMES),
        false => Some(Scheme::SigV4),
    };
    let key = match scheme {
        Some(Scheme::SigV4) => read_aws(&mut table),
        Some(Scheme::Hmac) => read_secret(&mut table).map(Key::Hmac),
        Some(Scheme::Rfc9421) => message::read(&mut table).map(Key::Message),
        // Which keys belong here is not known, so none is called unknown.
        None => return None,
    };
    let not_before = read_time(&mut table, "not_before");
    let not_after = read_time(&mut table, "not_after");
    table.finish();
    Some(Credential {
        id: id?,
        key: key?,
        not_before,
        not_after,
    })
}

/// A secret, or what was derived from one.
fn read_aws(table: &mut Table<'_>) -> Option<Key> {
    let Some(derived) = derived::read(table) else {
        return read_secret(table).map(Key::Aws);
    };
    if table.has("secret") {
        let text = format!(
            "{} has both \"secret\" and keys that were derived from one; keep one of the two",
            table.label()
        );
        table.document().note(table.line_of("secret"), text);
        // Taken out, so that it is not called unknown as well.
        read_secret(table);
    }
    Some(Key::Derived(derived))
}

fn read_id(table: &mut Table<'_>) -> Option<CredentialId> {
    let id = table
        .need("id", "give the credential its public id")
        .text("id")?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if id.value.len() > MAX_ID_BYTES || !id.value.bytes().all(fits) {
        // The id is not repeated: it may be a secret in the wrong place.
        let text = format!("\"id\" must be 1 to {MAX_ID_BYTES} letters, digits, \"_\" and \"-\"");
        table.document().note(id.line, text);
        return None;
    }
    table.call(format!("credential \"{}\"", id.value));
    Some(CredentialId::new(id.value))
}

fn read_secret(table: &mut Table<'_>) -> Option<Secret> {
    let line = table.line_of("secret");
    let secret = table
        .need("secret", "give the credential its secret")
        .any_text("secret")?;
    let secret = Secret::new(secret.value);
    if secret.expose().len() < MIN_SECRET_BYTES {
        let text = format!(
            "\"secret\" in {} must be at least {MIN_SECRET_BYTES} bytes long",
            table.label()
        );
        table.document().note(line, text);
        return None;
    }
    Some(secret)
}

fn read_time(table: &mut Table<'_>, key: &'static str) -> Option<UtcTime> {
    let text = table.time(key)?;
    let time = UtcTime::parse_rfc3339(&text.value);
    if time.is_none() {
        let problem = format!("\"{key}\" in {} is no time of the calendar", table.label());
        table.document().note(text.line, problem);
    }
    time
}
