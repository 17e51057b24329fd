//! The key `access_log_format`: `json`, a preset, or a template of API Gateway's `$context`
//! variables ("Set up CloudWatch logging for REST APIs", access logging). In: the text. Out: a
//! `LogFormat`, compiled, or what is wrong with it.

mod names;
#[cfg(test)]
mod tests;
mod variable;

use serde_json::Value;

use crate::document::{Table, alternatives};
use crate::problem::suggestion;

pub use variable::{LogVariable, RecordField};

/// How a request's line in the access log looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFormat {
    /// Every event as an object of the gateway's own.
    Json,
    /// Requests alone, each as this template has it.
    Template(LogTemplate),
}

/// A template, whose every line is one line, whatever callers send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTemplate {
    parts: Vec<LogPart>,
    escaping: Escaping,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPart {
    /// This text.
    Text(String),
    /// The value of a variable.
    Variable {
        /// The variable.
        variable: LogVariable,
        /// Whether it stands in JSON outside of quotes, which its value then needs.
        bare: bool,
    },
}

/// What its values must not break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escaping {
    /// A line of text: as nginx writes what is not printable.
    Text,
    /// A line of JSON.
    Json,
    /// A line of XML.
    Xml,
}

/// API Gateway's own bound.
const MAX_BYTES: usize = 3 * 1024;
const START: &str = "$context.";
const KEY: &str = "access_log_format";

/// API Gateway's preset of this name.
const CLF: &str = "$context.identity.sourceIp $context.identity.caller $context.identity.user \
     [$context.requestTime] \"$context.httpMethod $context.resourcePath $context.protocol\" \
     $context.status $context.responseLength $context.requestId";
/// nginx's and Apache's, but for queries: they hold secrets more often than paths.
const COMBINED: &str = "$context.identity.sourceIp - $context.identity.user \
     [$context.requestTime] \
     \"$context.httpMethod $context.countersign.path $context.protocol\" \
     $context.status $context.responseLength \"$context.countersign.referer\" \
     \"$context.identity.userAgent\"";
const PRESETS: [(&str, Option<&str>); 3] = [
    ("json", None),
    ("clf", Some(CLF)),
    ("combined", Some(COMBINED)),
];

/// Reads the key.
pub(super) fn read(table: &mut Table<'_>) -> LogFormat {
    let Some(text) = table.text(KEY) else {
        return LogFormat::Json;
    };
    match LogFormat::parse(&text.value) {
        Ok(format) => format,
        Err(why) => {
            let problem = format!("\"{KEY}\" in {} {why}", table.label());
            table.document().note(text.line, problem);
            LogFormat::Json
        }
    }
}

impl LogFormat {
    /// Reads a preset's name or a template.
    ///
    /// # Errors
    /// What is wrong, to be put behind the name of the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        match PRESETS.iter().find(|(name, _)| *name == text) {
            Some((_, None)) => Ok(Self::Json),
            Some((_, Some(preset))) => LogTemplate::compile(preset).map(Self::Template),
            None if text.contains('$') => LogTemplate::parse(text).map(Self::Template),
            None => {
                let names = PRESETS.iter().map(|(name, _)| *name);
                Err(format!(
                    "is \"{text}\", but must be {}, or a template that holds $context.requestId{}",
                    alternatives(names.clone()),
                    suggestion(text, names)
                ))
            }
        }
    }
}

impl LogTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong, to be put behind the name of the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.len() > MAX_BYTES {
            return Err(format!("has more than {MAX_BYTES} bytes"));
        }
        if text.chars().any(|char| char.is_control() && char != '\t') {
            return Err(
                "must be one line; in a \"\"\"text\"\"\", a \\ at the end joins two lines"
                    .to_owned(),
            );
        }
        let template = Self::compile(text)?;
        let is_id = |variable: &LogVariable| *variable == LogVariable::RequestId;
        let has_id = template.variables().any(is_id);
        match has_id {
            true => Ok(template),
            false => Err(
                "must hold $context.requestId or $context.extendedRequestId, by which a line is found"
                    .to_owned(),
            ),
        }
    }

    /// The parts in order.
    pub fn parts(&self) -> &[LogPart] {
        &self.parts
    }

    /// What its values must not break.
    pub fn escaping(&self) -> Escaping {
        self.escaping
    }

    fn compile(text: &str) -> Result<Self, String> {
        let mut parts = parts_of(text)?;
        let escaping = match text.trim_start().as_bytes().first() {
            Some(b'{') => Escaping::Json,
            Some(b'<') => Escaping::Xml,
            _ => Escaping::Text,
        };
        if escaping == Escaping::Json {
            mark_bare(&mut parts);
            check_json(&parts)?;
        }
        Ok(Self { parts, escaping })
    }

    fn variables(&self) -> impl Iterator<Item = &LogVariable> {
        self.parts.iter().filter_map(|part| match part {
            LogPart::Variable { variable, .. } => Some(variable),
            LogPart::Text(_) => None,
        })
    }
}

fn parts_of(text: &str) -> Result<Vec<LogPart>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(behind) = rest.strip_prefix(START) else {
            refuse_others(rest)?;
            literal.push('$');
            rest = &rest[1..];
            continue;
        };
        if !literal.is_empty() {
            parts.push(LogPart::Text(std::mem::take(&mut literal)));
        }
        let name = &behind[..names::length_of_name(behind)];
        parts.push(LogPart::Variable {
            variable: names::find(name)?,
            bare: false,
        });
        rest = &behind[name.len()..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(LogPart::Text(literal));
    }
    Ok(parts)
}

/// What looks like a variable of nginx's would be written as it stands, on every line.
fn refuse_others(text: &str) -> Result<(), String> {
    let name = text[1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = name.into_iter().next().unwrap_or_default();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match is_name || text.starts_with("${") {
        true => Err(format!(
            "holds \"${name}\", but there are only variables that begin with $context."
        )),
        false => Ok(()),
    }
}

/// Finds the variables that stand outside of JSON's texts.
fn mark_bare(parts: &mut [LogPart]) {
    let (mut in_text, mut escaped) = (false, false);
    for part in parts {
        match part {
            LogPart::Variable { bare, .. } => *bare = !in_text,
            LogPart::Text(text) => {
                for byte in text.bytes() {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' if in_text => escaped = true,
                        b'"' => in_text = !in_text,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Whether every line will be JSON: what stands outside of texts is at a place for a value, and
/// what stands within one is behind no half of an escape.
fn check_json(parts: &[LogPart]) -> Result<(), String> {
    let sample: String = parts
        .iter()
        .map(|part| match part {
            LogPart::Text(text) => text.as_str(),
            LogPart::Variable { bare: true, .. } => "null",
            LogPart::Variable { bare: false, .. } => "x",
        })
        .collect();
    match serde_json::from_str::<Value>(&sample) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "begins as JSON and is none ({error}, with null for each variable that is in no \
             quotes); a variable stands in quotes or at the place of a value"
        )),
    }
}
