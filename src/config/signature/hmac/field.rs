//! Names of fields in the description of an HMAC: which may carry a part of it.

use http::HeaderName;

use crate::document::{Placed, Table};

use super::{HmacTimestamp, SignedPart, SignedTemplate, TimestampPlace};

/// Fields with a meaning of their own in HTTP, or in another scheme.
const TAKEN: [&str; 13] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The field called `text`, in lower case.
///
/// # Errors
/// Why it cannot carry a part of a signature, to be put behind what named it.
pub(super) fn parse(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| format!("names \"{text}\", which is no name of a field"))?;
    if name.as_str().contains('_') {
        return Err(format!(
            "names \"{name}\", but a field with \"_\" in its name is always refused; the sender may mean \"{}\"",
            name.as_str().replace('_', "-")
        ));
    }
    match TAKEN.contains(&name.as_str()) {
        true => Err(format!(
            "names \"{name}\", which has a meaning of its own; name a field that is only for this, such as \"x-signature\""
        )),
        false => Ok(name),
    }
}

/// The field that `key` names.
pub(super) fn read(table: &mut Table<'_>, key: &'static str) -> Option<Placed<HeaderName>> {
    let text = table.text(key)?;
    match parse(&text.value) {
        Ok(value) => Some(Placed {
            value,
            line: text.line,
        }),
        Err(why) => {
            let problem = format!("\"{key}\" in {} {why}", table.label());
            table.document().note(text.line, problem);
            None
        }
    }
}

/// Notes a field that would be two things at once.
pub(super) fn check_apart(
    table: &Table<'_>,
    header: &Option<Placed<HeaderName>>,
    key_id: &Option<Placed<HeaderName>>,
    timestamp: Option<&Placed<HmacTimestamp>>,
    signed: &Option<Placed<SignedTemplate>>,
) {
    let Some(header) = header.as_ref().map(|header| &header.value) else {
        return;
    };
    let note = |line: usize, what: &str| {
        let text = format!(
            "\"{header}\" carries the signature in {}, so {what}",
            table.label()
        );
        table.document().note(line, text);
    };
    if let Some(key_id) = key_id.as_ref().filter(|key_id| key_id.value == *header) {
        note(key_id.line, "it cannot name the credential as well");
    }
    if let Some(timestamp) = timestamp
        && timestamp.value.place == TimestampPlace::Header(header.clone())
    {
        let what = "it cannot be the time as well; if both stand in it, write pairs = { signature = \"…\", timestamp = \"…\" }";
        note(timestamp.line, what);
    }
    if let Some(signed) = signed
        && signed.value.holds(&SignedPart::Header(header.clone()))
    {
        note(signed.line, "it cannot be signed");
    }
}
