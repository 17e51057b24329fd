//! HMAC signatures by description, in a `signature` table: for callers that sign in a way of
//! their own, as senders of webhooks do. In: a preset, or where the signature is, what is signed
//! and how. Out: an `HmacDemand` that leaves nothing of the signed text to interpretation.

mod field;
mod preset;
mod template;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use http::HeaderName;

use crate::document::{Placed, Table, alternatives};
use crate::names::CredentialId;
use crate::problem::suggestion;

pub use preset::HmacPreset;
pub use template::{SignedPart, SignedTemplate};

/// How an HMAC (RFC 2104) must be made and carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacDemand {
    /// Whose secrets are tried; 1 to 4.
    pub credentials: Vec<CredentialId>,
    /// The field that carries the signature.
    pub header: HeaderName,
    /// How it stands in the field.
    pub form: HmacForm,
    /// How its bytes are written.
    pub encoding: HmacEncoding,
    /// The hash function.
    pub hash: HmacHash,
    /// The text that is signed.
    pub signed: SignedTemplate,
    /// The time that is in the text; `None` when there is none.
    pub timestamp: Option<HmacTimestamp>,
    /// The field that names the credential; without one, each is tried.
    pub key_id_header: Option<HeaderName>,
    /// How long a signature without a time is remembered when replays are refused, in seconds.
    pub replay_window_secs: u32,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// How a signature stands in its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HmacForm {
    /// Alone, behind this text.
    Alone(String),
    /// In a list `name=value,name=value`, under this name, once or more.
    Pairs(String),
}

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HmacEncoding {
    /// Lower-case hexadecimal digits.
    Hex,
    /// RFC 4648 §4, padded.
    Base64,
    /// RFC 4648 §5, padded or not.
    Base64Url,
}

/// The hash function of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HmacHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The time that a signature is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacTimestamp {
    /// Where it stands.
    pub place: TimestampPlace,
    /// How it is written.
    pub unit: TimestampUnit,
    /// Seconds by which it may be off, both ways; at least 1.
    pub tolerance_secs: u32,
}

/// Where a timestamp stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampPlace {
    /// In a field of its own.
    Header(HeaderName),
    /// Among the pairs, under this name.
    Pair(String),
}

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Seconds since 1970, in 10 digits.
    Seconds,
    /// Milliseconds since 1970, in 13 digits.
    Milliseconds,
    /// RFC 3339.
    Iso,
}

impl TimestampUnit {
    /// Whether `byte` can be in such a time.
    pub fn can_hold(self, byte: u8) -> bool {
        match self {
            Self::Seconds | Self::Milliseconds => byte.is_ascii_digit(),
            Self::Iso => byte.is_ascii_digit() || b"-:.+TZ".contains(&byte),
        }
    }
}

const ENCODINGS: [(&str, HmacEncoding); 3] = [
    ("hex", HmacEncoding::Hex),
    ("base64", HmacEncoding::Base64),
    ("base64url", HmacEncoding::Base64Url),
];
const HASHES: [(&str, HmacHash); 3] = [
    ("sha256", HmacHash::Sha256),
    ("sha384", HmacHash::Sha384),
    ("sha512", HmacHash::Sha512),
];
const WEAK_HASHES: [&str; 5] = ["sha1", "sha-1", "md5", "sha224", "ripemd160"];
const UNITS: [(&str, TimestampUnit); 3] = [
    ("s", TimestampUnit::Seconds),
    ("ms", TimestampUnit::Milliseconds),
    ("iso", TimestampUnit::Iso),
];
/// What a preset says already.
const DESCRIBED: [&str; 9] = [
    "header",
    "prefix",
    "encoding",
    "hash",
    "signed",
    "timestamp",
    "pairs",
    "key_id_header",
    "unsigned_payload",
];
const MAX_CREDENTIALS: usize = 4;
const MAX_PREFIX_BYTES: usize = 64;
const MAX_TOLERANCE_SECS: u32 = 900;
const TOLERANCE_SECS: u32 = 300;
const MAX_REPLAY_WINDOW_SECS: u32 = 604_800;
const REPLAY_WINDOW_SECS: u32 = 86_400;

/// Reads the table `hmac`.
pub(super) fn read(mut table: Table<'_>, refuse_replays: bool) -> HmacDemand {
    let credentials = read_credentials(&mut table);
    let mut demand = match table.has("preset") {
        true => read_preset(&mut table),
        false => read_description(&mut table),
    };
    demand.credentials = credentials;
    demand.line = table.line();
    read_tolerance(&mut table, &mut demand);
    read_replay_window(&mut table, &mut demand, refuse_replays);
    table.finish();
    demand
}

fn read_credentials(table: &mut Table<'_>) -> Vec<CredentialId> {
    const KEY: &str = "credentials";
    let line = table.line_of(KEY);
    table.need(
        KEY,
        "name the credentials whose secrets are tried, such as [\"CSPARTNER1\"]",
    );
    let Some(ids) = table.texts(KEY) else {
        return Vec::new();
    };
    if ids.is_empty() || ids.len() > MAX_CREDENTIALS {
        let text = format!(
            "\"{KEY}\" in {} must name 1 to {MAX_CREDENTIALS} credentials, not {}",
            table.label(),
            ids.len()
        );
        table.document().note(line, text);
    }
    for (at, id) in ids.iter().enumerate() {
        if ids[..at].iter().any(|other| other.value == id.value) {
            let text = format!(
                "\"{KEY}\" in {} holds \"{}\" twice",
                table.label(),
                id.value
            );
            table.document().note(id.line, text);
        }
    }
    let id = |id: Placed<String>| CredentialId::new(id.value);
    ids.into_iter().map(id).collect()
}

fn read_preset(table: &mut Table<'_>) -> HmacDemand {
    let preset = table.word("preset", &preset::PRESETS);
    for key in DESCRIBED {
        let line = table.line_of(key);
        if table.leave_out(key) {
            let text = format!(
                "{} has both \"preset\" and \"{key}\", which the preset says already; leave \"{key}\" out, or leave \"preset\" out and describe the whole",
                table.label()
            );
            table.document().note(line, text);
        }
    }
    preset.unwrap_or(HmacPreset::GitHub).demand(Vec::new())
}

/// What is wrong is noted, and GitHub's way stands in for it.
fn read_description(table: &mut Table<'_>) -> HmacDemand {
    const HEADER_CURE: &str =
        "name the field that carries the signature, or write preset = \"github\" or the like";
    const SIGNED_CURE: &str = "write the text that is signed, such as \"{timestamp}.{body}\"";
    let header = field::read(table.need("header", HEADER_CURE), "header");
    let (form, pair) = read_form(table);
    let hash = read_hash(table);
    let encoding = table.word("encoding", &ENCODINGS);
    let signed = read_signed(table.need("signed", SIGNED_CURE));
    let timestamp = read_timestamp(table, pair);
    let key_id_header = match table.has("key_id_header") {
        true => field::read(table, "key_id_header"),
        false => None,
    };
    if let Some(signed) = &signed {
        check_timestamp(table, signed, timestamp.as_ref());
        check_body(table, &signed.value);
        check_ends(table, signed, timestamp.as_ref());
    } else {
        table.leave_out("unsigned_payload");
    }
    field::check_apart(table, &header, &key_id_header, timestamp.as_ref(), &signed);
    let stand_in = HmacPreset::GitHub.demand(Vec::new());
    HmacDemand {
        header: header.map_or(stand_in.header.clone(), |header| header.value),
        form,
        encoding: encoding.unwrap_or(HmacEncoding::Hex),
        hash: hash.unwrap_or(HmacHash::Sha256),
        signed: signed.map_or(stand_in.signed.clone(), |signed| signed.value),
        timestamp: timestamp.map(|timestamp| timestamp.value),
        key_id_header: key_id_header.map(|header| header.value),
        ..stand_in
    }
}

/// How the signature stands in its field, and under which name the pairs have the time.
fn read_form(table: &mut Table<'_>) -> (HmacForm, Option<Placed<String>>) {
    let prefix = read_prefix(table);
    let Some(mut pairs) = table.table("pairs") else {
        let prefix = prefix.map(|prefix| prefix.value);
        return (HmacForm::Alone(prefix.unwrap_or_default()), None);
    };
    if let Some(prefix) = prefix {
        let text = format!(
            "{} has both \"prefix\" and \"pairs\"; in pairs, the name stands before the signature: leave \"prefix\" out",
            table.label()
        );
        table.document().note(prefix.line, text);
    }
    pairs.need(
        "signature",
        "write the name before the signature, such as \"v1\"",
    );
    let signature = read_pair_name(&mut pairs, "signature");
    let timestamp = read_pair_name(&mut pairs, "timestamp");
    if let (Some(one), Some(other)) = (&signature, &timestamp)
        && one.value == other.value
    {
        let text = format!(
            "{} has the same name for \"signature\" and \"timestamp\"",
            pairs.label()
        );
        pairs.document().note(other.line, text);
    }
    pairs.finish();
    let name = signature.map(|name| name.value);
    (HmacForm::Pairs(name.unwrap_or_default()), timestamp)
}

fn read_prefix(table: &mut Table<'_>) -> Option<Placed<String>> {
    let prefix = table.any_text("prefix")?;
    let text = prefix.value.as_bytes();
    let printable = text.iter().all(|b| matches!(b, b' '..=b'~'));
    if !printable || text.first() == Some(&b' ') || text.len() > MAX_PREFIX_BYTES {
        let problem = format!(
            "\"prefix\" in {} must be at most {MAX_PREFIX_BYTES} printable ASCII characters, the first of them no blank",
            table.label()
        );
        table.document().note(prefix.line, problem);
    }
    Some(prefix)
}

fn read_pair_name(pairs: &mut Table<'_>, key: &'static str) -> Option<Placed<String>> {
    let name = pairs.text(key)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !name.value.bytes().all(fits) {
        let text = format!(
            "\"{key}\" in {} must be made of letters, digits, \"-\", \"_\" and \".\"",
            pairs.label()
        );
        pairs.document().note(name.line, text);
    }
    Some(name)
}

fn read_hash(table: &mut Table<'_>) -> Option<HmacHash> {
    let word = table.any_text("hash")?;
    let found = HASHES.iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let known = HASHES.iter().map(|(name, _)| *name);
        let why = match WEAK_HASHES.contains(&word.value.to_ascii_lowercase().as_str()) {
            true => {
                "; it is broken as a hash, so nothing is built on it here: ask the sender for SHA-256, which most send beside it in a field of its own".to_owned()
            }
            false => suggestion(&word.value, known.clone()),
        };
        let text = format!(
            "\"hash\" in {} is \"{}\", but must be {}{why}",
            table.label(),
            word.value,
            alternatives(known)
        );
        table.document().note(word.line, text);
    }
    found.map(|(_, hash)| *hash)
}

fn read_signed(table: &mut Table<'_>) -> Option<Placed<SignedTemplate>> {
    let text = table.text("signed")?;
    match SignedTemplate::parse(&text.value) {
        Ok(value) => Some(Placed {
            value,
            line: text.line,
        }),
        Err(why) => {
            let problem = format!("\"signed\" in {} {why}", table.label());
            table.document().note(text.line, problem);
            None
        }
    }
}

fn read_timestamp(
    table: &mut Table<'_>,
    pair: Option<Placed<String>>,
) -> Option<Placed<HmacTimestamp>> {
    let below = table.table("timestamp");
    let line = below.as_ref().map(Table::line);
    let line = line.or(pair.as_ref().map(|pair| pair.line))?;
    let (mut header, mut unit) = (None, None);
    if let Some(mut below) = below {
        unit = below.word("unit", &UNITS);
        if pair.is_none() {
            below.need("header", "name the field that carries the time");
        } else if below.has("header") {
            let text = format!(
                "{} has a \"header\", but the pairs have the time as well; keep one",
                below.label()
            );
            below.document().note(below.line_of("header"), text);
        }
        header = field::read(&mut below, "header").map(|header| header.value);
        below.finish();
    }
    let place = match (pair, header) {
        (Some(pair), _) => TimestampPlace::Pair(pair.value),
        (None, header) => TimestampPlace::Header(header.unwrap_or(http::header::DATE)),
    };
    let value = HmacTimestamp {
        place,
        unit: unit.unwrap_or(TimestampUnit::Seconds),
        tolerance_secs: TOLERANCE_SECS,
    };
    Some(Placed { value, line })
}

/// A time that is not signed can be changed by anyone.
fn check_timestamp(
    table: &Table<'_>,
    signed: &Placed<SignedTemplate>,
    timestamp: Option<&Placed<HmacTimestamp>>,
) {
    let label = table.label();
    let (line, text) = match (signed.value.holds(&SignedPart::Timestamp), timestamp) {
        (true, None) => (
            signed.line,
            format!(
                "\"signed\" in {label} holds {{timestamp}}, but nothing says where it is sent; write timestamp = {{ header = \"…\" }}, or name it in \"pairs\""
            ),
        ),
        (false, Some(timestamp)) => (
            timestamp.line,
            format!(
                "{label} has a timestamp that is not signed, so that anyone can change it; write {{timestamp}} in \"signed\" where the sender has it, or leave the timestamp out"
            ),
        ),
        _ => return,
    };
    table.document().note(line, text);
}

fn check_body(table: &mut Table<'_>, signed: &SignedTemplate) {
    let line = table.line_of("unsigned_payload");
    let unsigned = table.boolean("unsigned_payload").unwrap_or(false);
    let problem = match (signed.covers_body(), unsigned) {
        (false, false) => {
            "signs no {body}, so that anyone on the way can change it; write {body} in \"signed\", or unsigned_payload = true to take that, over TLS only"
        }
        (true, true) => {
            "has unsigned_payload = true, but \"signed\" holds {body}; leave \"unsigned_payload\" out"
        }
        _ => return,
    };
    let text = format!("{} {problem}", table.label());
    table.document().note(line, text);
}

/// Two requests that differ must not have the same text.
fn check_ends(
    table: &Table<'_>,
    signed: &Placed<SignedTemplate>,
    timestamp: Option<&Placed<HmacTimestamp>>,
) {
    let unit = timestamp.map_or(TimestampUnit::Seconds, |timestamp| timestamp.value.unit);
    if let Some((one, other)) = signed.value.ambiguity(unit) {
        let text = format!(
            "\"signed\" in {} does not show where {one} ends and {other} begins: bytes could be moved from one to the other, and the signature would stay right; write behind {one} what it cannot hold, such as \\n, or sign the one without the other",
            table.label()
        );
        table.document().note(signed.line, text);
    }
}

fn read_tolerance(table: &mut Table<'_>, demand: &mut HmacDemand) {
    const KEY: &str = "tolerance_secs";
    let line = table.line_of(KEY);
    let Some(secs) = table.integer(KEY, 1..=MAX_TOLERANCE_SECS) else {
        return;
    };
    match &mut demand.timestamp {
        Some(timestamp) => timestamp.tolerance_secs = secs,
        None => {
            let text = format!(
                "\"{KEY}\" in {} has nothing to hold for: no time is signed; leave it out",
                table.label()
            );
            table.document().note(line, text);
        }
    }
}

fn read_replay_window(table: &mut Table<'_>, demand: &mut HmacDemand, refuse_replays: bool) {
    const KEY: &str = "replay_window_secs";
    let line = table.line_of(KEY);
    let Some(secs) = table.integer(KEY, 1..=MAX_REPLAY_WINDOW_SECS) else {
        return;
    };
    demand.replay_window_secs = secs;
    let problem = match (&demand.timestamp, refuse_replays) {
        (Some(_), _) => {
            "has no effect where a time is signed: a signature is remembered as long as it is good"
        }
        (None, false) => "has no effect without refuse_replays = true in \"signature\"",
        (None, true) => return,
    };
    let text = format!("\"{KEY}\" in {} {problem}", table.label());
    table.document().note(line, text);
}
