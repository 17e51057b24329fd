//! `[[integration]]`: what answers a route.

use std::net::Ipv6Addr;
use std::path::Path;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderName, HeaderValue};
use rustls_pki_types::ServerName;

use crate::config::Stage;
use crate::config::certificate_headers::{self, CertificateHeaders};
use crate::config::declared::Declared;
use crate::config::lambda::{self, Lambda};
use crate::config::outgoing::{self, Outgoing};
use crate::config::request_limits::read_millis;
use crate::config::upstream_tls::{self, UpstreamTls};
use crate::document::{Placed, Table};
use crate::names::IntegrationName;

/// One integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its name.
    pub name: IntegrationName,
    /// What it does.
    pub kind: IntegrationKind,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// What an integration does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntegrationKind {
    /// Passes the request on.
    HttpProxy(Box<HttpProxy>),
    /// Has a function of AWS Lambda answer.
    Lambda(Box<Lambda>),
    /// Answers by itself.
    Mock(Mock),
}

/// An `http_proxy`: one upstream, a pool of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProxy {
    /// At least one; taken in turn.
    pub targets: Vec<TargetAddress>,
    /// `None` for plaintext.
    pub tls: Option<UpstreamTls>,
    /// The `Host` sent to the target; the caller's own when `None`.
    pub host: Option<String>,
    /// From the first packet to the connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest silence of the target.
    pub read_timeout: Duration,
    /// The longest wait for the target to take bytes.
    pub write_timeout: Duration,
    /// How long an unused connection is kept; below the target's own keep-alive time.
    pub idle_timeout: Duration,
    /// Further targets that an idempotent request tries when one cannot be reached.
    pub connect_retries: usize,
    /// How the target is told of the caller's certificate.
    pub certificate_headers: Vec<CertificateHeaders>,
    /// The gateway's own signature of what it passes on.
    pub sign: Option<Outgoing>,
}

/// A target: `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAddress {
    /// A name or an IP address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The line of the configuration that names it.
    pub line: usize,
}

/// A `mock`: a fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// 200 to 599.
    pub status: u16,
    /// Fields, in order; `Content-Length` is added.
    pub headers: Vec<(String, String)>,
    /// The body, as it is.
    pub body: String,
}

const KINDS: [(&str, Kind); 3] = [
    ("http_proxy", Kind::HttpProxy),
    ("lambda", Kind::Lambda),
    ("mock", Kind::Mock),
];

#[derive(Clone, Copy)]
enum Kind {
    HttpProxy,
    Lambda,
    Mock,
}

/// Reads every `[[integration]]`; `base` is what relative paths are relative to.
pub(super) fn read(
    root: &mut Table<'_>,
    base: &Path,
    stage: &Stage,
) -> (Vec<Integration>, Declared) {
    let mut names = Declared::new("integration");
    let mut integrations = Vec::new();
    for mut table in root.tables("integration") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        table.need(
            "type",
            "write type = \"http_proxy\", type = \"lambda\" or type = \"mock\"",
        );
        let kind = match table.word("type", &KINDS) {
            Some(Kind::HttpProxy) => {
                IntegrationKind::HttpProxy(Box::new(read_proxy(&mut table, base)))
            }
            Some(Kind::Lambda) => {
                IntegrationKind::Lambda(Box::new(lambda::read(&mut table, stage)))
            }
            Some(Kind::Mock) => IntegrationKind::Mock(read_mock(&mut table)),
            // Which keys belong here is not known, so none is called unknown.
            None => continue,
        };
        table.finish();
        integrations.push(Integration {
            name: IntegrationName::new(name),
            kind,
            line,
        });
    }
    (integrations, names)
}

fn read_proxy(table: &mut Table<'_>, base: &Path) -> HttpProxy {
    let millis = |ms| Duration::from_millis(ms);
    HttpProxy {
        targets: read_targets(table),
        tls: upstream_tls::read(table, base),
        host: read_host(table),
        connect_timeout: read_millis(table, "connect_timeout_ms", millis(2_000)),
        read_timeout: read_millis(table, "read_timeout_ms", millis(60_000)),
        write_timeout: read_millis(table, "write_timeout_ms", millis(60_000)),
        idle_timeout: read_millis(table, "idle_timeout_ms", millis(55_000)),
        connect_retries: table.integer("connect_retries", 0..=5).unwrap_or(1),
        certificate_headers: certificate_headers::read(table),
        sign: outgoing::read(table, base),
    }
}

fn read_targets(table: &mut Table<'_>) -> Vec<TargetAddress> {
    let document = table.document();
    table.need(
        "targets",
        "write for example targets = [\"127.0.0.1:8081\"]",
    );
    let line = table.line_of("targets");
    let Some(texts) = table.texts("targets") else {
        return Vec::new();
    };
    if texts.is_empty() {
        let text = format!("\"targets\" in {} must not be empty", table.label());
        document.note(line, text);
    }
    let mut targets = Vec::new();
    for Placed { value, line } in texts {
        match parse_target(&value) {
            Some((host, port)) => targets.push(TargetAddress { host, port, line }),
            None => document.note(
                line,
                format!("target \"{value}\" is no \"host:port\", such as \"10.0.0.7:8080\", \"[::1]:8080\" or \"app.internal:8080\""),
            ),
        }
    }
    targets
}

/// `host:port`, an IPv6 address in brackets.
pub(super) fn parse_target(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port: u16 = port.parse().ok().filter(|port| digits && *port > 0)?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let known = ServerName::try_from(host.as_str()).is_ok();
    known.then_some((host, port))
}

fn read_host(table: &mut Table<'_>) -> Option<String> {
    let host = table.text("host")?;
    let authority = host.value.parse::<Authority>().ok();
    if authority.is_none_or(|authority| authority.as_str().contains('@')) {
        let text = format!(
            "host \"{}\" is no \"host\" or \"host:port\" that a request could carry",
            host.value
        );
        table.document().note(host.line, text);
    }
    Some(host.value)
}

fn read_mock(table: &mut Table<'_>) -> Mock {
    Mock {
        status: table.integer("status", 200..=599).unwrap_or(200),
        headers: read_headers(table),
        body: table
            .any_text("body")
            .map_or_else(String::new, |body| body.value),
    }
}

/// The fields that say where an answer ends: the gateway writes them itself.
const FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];

fn read_headers(table: &mut Table<'_>) -> Vec<(String, String)> {
    let Some(mut table) = table.table("headers") else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for Placed { value, line } in table.texts_by_key() {
        let (name, text) = &value;
        let problem = match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => format!("header \"{name}\" has a name that HTTP does not allow"),
            Ok(known) if FRAMING.contains(&known) => {
                format!("header \"{name}\" is written by the gateway itself; leave it out")
            }
            Ok(_) if HeaderValue::from_str(text).is_err() => {
                format!("header \"{name}\" has a value that HTTP does not allow")
            }
            Ok(_) => {
                headers.push(value);
                continue;
            }
        };
        table.document().note(line, problem);
    }
    headers
}
