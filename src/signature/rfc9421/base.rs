//! The signature base (RFC 9421 §2.5) and the components' values (§2.1, §2.2).
//! In: a message's parts, from a caller or to be signed, and what is covered. Out: the text
//! that is signed. Whether enough is covered is judged elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use crate::call::{Call, host_of};

use super::component::{Component, QUERY_PARAM};
use super::member::Member;
use super::query;
use super::structured::{self, Kind};

/// A longer base is refused: a field may be covered many times over, in several forms.
const MAX_BASE_BYTES: usize = 256 * 1024;

/// The parts of a request that signatures cover.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub method: &'a str,
    /// Path and query, byte for byte.
    pub target: &'a str,
    /// Host and, if it was sent, port.
    pub authority: &'a str,
    /// Whether the request came over TLS, as its connection tells, and no header.
    pub secure: bool,
    pub headers: &'a HeaderMap,
}

impl<'a> Message<'a> {
    pub(super) fn of(call: &Call<'a>, secure: bool) -> Self {
        Self {
            method: call.method().as_str(),
            target: call.target(),
            authority: call.authority(),
            secure,
            headers: call.headers(),
        }
    }

    fn scheme(&self) -> &'static str {
        match self.secure {
            true => "https",
            false => "http",
        }
    }

    fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or(self.target)
    }

    fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Writes the base of `member` over `message` (§2.5).
pub(super) fn write(
    out: &mut String,
    message: &Message<'_>,
    member: &Member<'_>,
) -> Result<(), &'static str> {
    if let Some(fault) = member.fault {
        return Err(fault);
    }
    for component in &member.components {
        out.push_str(&member.text[component.identifier.clone()]);
        out.push_str(": ");
        match component.name.starts_with('@') {
            true => push_derived(out, message, component)?,
            false => push_field(out, message.headers, component)?,
        }
        out.push('\n');
        if out.len() > MAX_BASE_BYTES {
            return Err("the covered components are longer than 256 KiB");
        }
    }
    out.push_str("\"@signature-params\": ");
    out.push_str(&member.text);
    Ok(())
}

/// A value that is derived from the request line and the connection (§2.2), never from a field
/// that happens to be called so.
fn push_derived(
    out: &mut String,
    message: &Message<'_>,
    component: &Component<'_>,
) -> Result<(), &'static str> {
    match &*component.name {
        "@method" => out.push_str(message.method),
        "@authority" => push_authority(out, message)?,
        "@scheme" => out.push_str(message.scheme()),
        "@request-target" => out.push_str(message.target),
        "@path" => out.push_str(match message.path() {
            "" => "/",
            path => path,
        }),
        // A query that is absent and one that is empty are one (§2.2.7); `@target-uri` and
        // `@request-target` tell them apart.
        "@query" => {
            out.push('?');
            out.push_str(message.query());
        }
        "@target-uri" => {
            check_port(message.authority)?;
            for part in [message.scheme(), "://", message.authority, message.target] {
                out.push_str(part);
            }
        }
        QUERY_PARAM => {
            let name = component.query_param.as_deref();
            let name = name.ok_or("@query-param has no name")?;
            query::push_parameter(out, message.query(), name)?;
        }
        _ => return Err("a derived component is unknown"),
    }
    Ok(())
}

/// In lower case, without the scheme's own port (§2.2.3).
fn push_authority(out: &mut String, message: &Message<'_>) -> Result<(), &'static str> {
    let host = host_of(message.authority);
    let port = check_port(message.authority)?;
    out.extend(host.chars().map(|c| c.to_ascii_lowercase()));
    let own = match message.secure {
        true => "443",
        false => "80",
    };
    if let Some(port) = port.filter(|port| *port != own) {
        out.push(':');
        out.push_str(port);
    }
    Ok(())
}

/// The port, if one was sent. `0443` is 443 to one reader and an error to the next.
fn check_port(authority: &str) -> Result<Option<&str>, &'static str> {
    let port = authority[host_of(authority).len()..].strip_prefix(':');
    match port {
        Some(port) if port.is_empty() || port.starts_with('0') => {
            Err("the authority's port is empty or starts with 0")
        }
        port => Ok(port),
    }
}

fn push_field(
    out: &mut String,
    headers: &HeaderMap,
    component: &Component<'_>,
) -> Result<(), &'static str> {
    let name = &*component.name;
    let lines = headers.get_all(name);
    let count = lines.iter().count();
    if count == 0 {
        return Err("a covered field is absent");
    }
    if component.bs {
        push_wrapped(out, lines.iter());
        return Ok(());
    }
    let between = match name {
        // HTTP/2 may cut Cookie into several fields (RFC 9113 §8.2.3).
        "cookie" => "; ",
        _ if count > 1 && SINGLE.contains(&name) => {
            return Err("a field that is no list was sent twice and is not covered with `bs`");
        }
        _ => ", ",
    };
    if !component.sf && component.key.is_none() {
        return push_joined(out, lines.iter(), between);
    }
    let mut joined = String::new();
    push_joined(&mut joined, lines.iter(), between)?;
    push_strictly(out, component, &joined)
}

/// Fields whose value is one, commas and all, so that two lines and one line with a comma
/// would be signed alike (§7.5.6).
const SINGLE: [&str; 22] = [
    "authorization",
    "content-disposition",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "origin",
    "proxy-authorization",
    "referer",
    "retry-after",
    "set-cookie",
    "user-agent",
];

/// Every line without blanks around, joined (§2.1).
fn push_joined<'a>(
    out: &mut String,
    lines: impl Iterator<Item = &'a HeaderValue>,
    between: &str,
) -> Result<(), &'static str> {
    for (place, line) in lines.enumerate() {
        if place > 0 {
            out.push_str(between);
        }
        let text = line
            .to_str()
            .map_err(|_| "a covered field is not made of ASCII and is not covered with `bs`")?;
        out.push_str(text.trim_matches([' ', '\t']));
    }
    Ok(())
}

/// Every line as a byte sequence (§2.1.3).
fn push_wrapped<'a>(out: &mut String, lines: impl Iterator<Item = &'a HeaderValue>) {
    for (place, line) in lines.enumerate() {
        out.push_str(match place {
            0 => ":",
            _ => ", :",
        });
        STANDARD.encode_string(trimmed(line.as_bytes()), out);
        out.push(':');
    }
}

/// A structured field, whole (§2.1.1) or one of its members (§2.1.2).
fn push_strictly(
    out: &mut String,
    component: &Component<'_>,
    joined: &str,
) -> Result<(), &'static str> {
    let kind = structured::kind_of(&component.name);
    match (component.key.as_deref(), kind) {
        (Some(key), None | Some(Kind::Dictionary)) => structured::write_member(out, joined, key),
        (Some(_), Some(_)) => Err("`key` is for dictionaries"),
        (None, Some(kind)) => structured::write_field(out, kind, joined),
        (None, None) => Err("`sf` is for fields whose type is known"),
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().take_while(|byte| blank(byte)).count();
    let rest = &bytes[start..];
    let end = rest.iter().rev().take_while(|byte| blank(byte)).count();
    &rest[..rest.len() - end]
}
