//! SigV4 signing keys that were derived elsewhere, from a secret that this machine never sees
//! (AWS SigV4 "Derive a signing key"): each opens one day, region and service. Zeroized when
//! dropped and never shown.

use std::fmt;

use zeroize::Zeroizing;

use crate::document::{Placed, Table};

/// The keys of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedKeys {
    /// For SigV4.
    pub keys: Vec<DerivedKey>,
    /// For SigV4a: the public half of the key pair, an uncompressed point (SEC 1 §2.3.3). It
    /// does not end with the day.
    pub sigv4a: Option<[u8; 65]>,
}

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct DerivedKey {
    /// `YYYYMMDD`.
    pub day: String,
    /// The region of the scope.
    pub region: String,
    /// Its service.
    pub service: String,
    key: Zeroizing<[u8; 32]>,
}

impl DerivedKeys {
    /// The key for a scope.
    pub fn find(&self, day: &str, region: Option<&str>, service: &str) -> Option<&DerivedKey> {
        self.keys.iter().find(|key| {
            key.day == day && Some(key.region.as_str()) == region && key.service == service
        })
    }
}

impl DerivedKey {
    /// Takes over `key`.
    pub fn new(day: &str, region: &str, service: &str, key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            day: day.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            key,
        }
    }

    /// The key itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.key
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            day,
            region,
            service,
            ..
        } = self;
        write!(f, "DerivedKey({day}/{region}/{service})")
    }
}

/// A year of days for two scopes, and some.
const MAX_KEYS: usize = 1000;

/// Reads `signing_keys` and `sigv4a_public_key`; `None` when there are none.
pub(super) fn read(table: &mut Table<'_>) -> Option<DerivedKeys> {
    let line = table.line_of("signing_keys");
    let given = table.has("signing_keys") || table.has("sigv4a_public_key");
    let tables = table.table_or_tables("signing_keys");
    if tables.len() > MAX_KEYS {
        let text = format!("{} has more than {MAX_KEYS} signing keys", table.label());
        table.document().note(line, text);
    }
    let keys = tables.into_iter().filter_map(read_key).collect();
    let sigv4a = read_hex::<65>(table, "sigv4a_public_key");
    given.then(|| DerivedKeys {
        keys,
        sigv4a: sigv4a.map(|key| *key),
    })
}

fn read_key(mut table: Table<'_>) -> Option<DerivedKey> {
    let part = |table: &mut Table<'_>, key: &'static str| -> Option<String> {
        let text = table
            .need(key, "write the one that it was derived for")
            .text(key)?;
        Some(text.value)
    };
    let day = part(&mut table, "day");
    let region = part(&mut table, "region");
    let service = part(&mut table, "service");
    table.need("key", "write the 64 hexadecimal digits of the key");
    let key = read_hex::<32>(&mut table, "key");
    let line = table.line();
    if let Some(day) = &day
        && (day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let text = format!("day \"{day}\" is not written as YYYYMMDD");
        table.document().note(line, text);
    }
    table.finish();
    Some(DerivedKey {
        day: day?,
        region: region?,
        service: service?,
        key: key?,
    })
}

fn read_hex<const N: usize>(
    table: &mut Table<'_>,
    key: &'static str,
) -> Option<Zeroizing<[u8; N]>> {
    let Placed { value, line } = table.text(key)?;
    let text = Zeroizing::new(value);
    let mut bytes = Zeroizing::new([0; N]);
    let digits = text.as_bytes();
    let right = digits.len() == 2 * N && digits.iter().all(u8::is_ascii_hexdigit);
    if !right {
        let problem = format!(
            "\"{key}\" in {} must be {} hexadecimal digits",
            table.label(),
            2 * N
        );
        table.document().note(line, problem);
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    Some(bytes)
}
