//! A request's line in the access log by a template. In: a template, a record and what else is known
//! of the request. Out: one line.

mod escape;
mod value;

use crate::config::{Escaping, LogPart, LogTemplate};

use super::details::RequestDetails;
use super::record::{ConnectionRecord, RequestRecord};

use value::Value;

/// What stands for a value that is not there, as in API Gateway's logs.
const NOTHING: &str = "-";

/// Appends the line of a request, without its end.
pub(super) fn write(out: &mut Vec<u8>, template: &LogTemplate, record: &RequestRecord<'_>) {
    let details = record.details.unwrap_or(const { &RequestDetails::NONE });
    for part in template.parts() {
        match part {
            LogPart::Text(text) => out.extend_from_slice(text.as_bytes()),
            LogPart::Variable { variable, bare } => {
                let value = value::of(variable, record, details);
                put(out, &value, template.escaping(), *bare);
            }
        }
    }
}

/// The same of bytes that never became a request.
pub(super) fn write_refused(
    out: &mut Vec<u8>,
    template: &LogTemplate,
    record: &ConnectionRecord<'_>,
) {
    write(out, template, &record.as_request());
}

fn put(out: &mut Vec<u8>, value: &Value<'_>, escaping: Escaping, bare: bool) {
    match (value, bare) {
        (Value::Nothing, true) => out.extend_from_slice(b"null"),
        (Value::Nothing, false) => out.extend_from_slice(NOTHING.as_bytes()),
        (Value::Number(number), _) => out.extend_from_slice(number.to_string().as_bytes()),
        (Value::Text(text) | Value::Quoted(text), true) => {
            out.push(b'"');
            escape::put(out, text, escaping);
            out.push(b'"');
        }
        (Value::Text(text), false) => escape::put(out, text, escaping),
        (Value::Quoted(text), false) => put_quoted(out, text, escaping),
        (Value::Json(json), true) => escape::put_whole_json(out, &json.to_string()),
        (Value::Json(json), false) => match json {
            serde_json::Value::Null => out.extend_from_slice(NOTHING.as_bytes()),
            serde_json::Value::String(text) => escape::put(out, text, escaping),
            other => escape::put(out, &other.to_string(), escaping),
        },
    }
}

/// The quotes belong to the value, and of text they are the template's own.
fn put_quoted(out: &mut Vec<u8>, text: &str, escaping: Escaping) {
    let quote: &[u8] = match escaping {
        Escaping::Text => b"\"",
        Escaping::Json => b"\\\"",
        Escaping::Xml => b"&#34;",
    };
    out.extend_from_slice(quote);
    escape::put(out, text, escaping);
    out.extend_from_slice(quote);
}

#[cfg(test)]
mod tests;
