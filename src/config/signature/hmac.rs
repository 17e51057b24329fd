//! HMAC signatures by description, in a `signature` table: for callers that sign in a way of
//! their own, as senders of webhooks do. In: a preset, or where the signature is, what is signed
//! and how. Out: an `HmacDemand` that leaves nothing of the signed text to interpretation.

mod description;
mod field;
mod preset;
mod template;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use http::HeaderName;

use crate::document::{Placed, Table};
use crate::names::CredentialId;

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
const MAX_TOLERANCE_SECS: u32 = 900;
const TOLERANCE_SECS: u32 = 300;
const MAX_REPLAY_WINDOW_SECS: u32 = 604_800;
const REPLAY_WINDOW_SECS: u32 = 86_400;

/// Reads the table `hmac`.
pub(super) fn read(mut table: Table<'_>, refuse_replays: bool) -> HmacDemand {
    let credentials = read_credentials(&mut table);
    let mut demand = match table.has("preset") {
        true => read_preset(&mut table),
        false => description::read(&mut table),
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
