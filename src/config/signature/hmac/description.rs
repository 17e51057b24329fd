//! An HMAC that is described key by key. In: the table. Out: an `HmacDemand` without its
//! credentials, and noted what is wrong, open to interpretation or not covered.

use crate::document::{Placed, Table, alternatives};
use crate::problem::suggestion;

use super::{
    HmacDemand, HmacEncoding, HmacForm, HmacHash, HmacPreset, HmacTimestamp, SignedPart,
    SignedTemplate, TOLERANCE_SECS, TimestampPlace, TimestampUnit, field,
};

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
const MAX_PREFIX_BYTES: usize = 64;

/// What is wrong is noted, and GitHub's way stands in for it.
pub(super) fn read(table: &mut Table<'_>) -> HmacDemand {
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
