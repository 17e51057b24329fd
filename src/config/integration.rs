//! `[[integration]]`: what answers a route.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::document::{Document, Placed, Table};
use crate::names::IntegrationName;

use super::declared::Declared;

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
    HttpProxy(HttpProxy),
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

/// TLS towards the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// PEM bundles of certificate authorities; at least one.
    pub ca: Vec<PathBuf>,
    /// The name that the target's certificate must have; never empty.
    pub server_name: String,
    /// The line of the configuration that names them.
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

#[derive(Clone, Copy)]
enum Type {
    HttpProxy,
    Mock,
}

const TYPES: [(&str, Type); 2] = [("http_proxy", Type::HttpProxy), ("mock", Type::Mock)];
const DAY_MS: u64 = 86_400_000;

/// Reads every `[[integration]]`; `base` is what relative paths are relative to.
pub(super) fn read(root: &mut Table<'_>, base: &Path, names: &mut Declared) -> Vec<Integration> {
    let mut integrations = Vec::new();
    for mut table in root.tables("integration") {
        let line = table.line();
        let name = names.name_of(&mut table);
        let kind = table
            .need("type", "write \"http_proxy\" or \"mock\"")
            .word("type", &TYPES);
        let kind = match kind {
            // What else stands there cannot be judged without the type.
            None => continue,
            Some(Type::HttpProxy) => read_proxy(&mut table, base).map(IntegrationKind::HttpProxy),
            Some(Type::Mock) => Some(IntegrationKind::Mock(read_mock(&mut table))),
        };
        table.finish();
        if let (Some(name), Some(kind)) = (name, kind) {
            integrations.push(Integration {
                name: IntegrationName::new(name),
                kind,
                line,
            });
        }
    }
    integrations
}

fn read_proxy(table: &mut Table<'_>, base: &Path) -> Option<HttpProxy> {
    let document = table.document();
    let line = table.line_of("targets");
    let targets = table
        .need("targets", "write for example targets = [\"10.0.1.10:80\"]")
        .texts("targets");
    if targets.as_ref().is_some_and(Vec::is_empty) {
        document.note(
            line,
            "\"targets\" is empty; write for example targets = [\"10.0.1.10:80\"]",
        );
    }
    let targets: Option<Vec<_>> = targets.map(|all| {
        all.iter()
            .filter_map(|one| read_target(document, one))
            .collect()
    });
    let tls = read_tls(table, base);
    let host = table
        .text("host")
        .and_then(|host| read_host(document, host));
    let mut wait =
        |key, default| Duration::from_millis(table.integer(key, 1..=DAY_MS).unwrap_or(default));
    let (connect_timeout, read_timeout) = (
        wait("connect_timeout_ms", 2_000),
        wait("read_timeout_ms", 60_000),
    );
    let (write_timeout, idle_timeout) = (
        wait("write_timeout_ms", 60_000),
        wait("idle_timeout_ms", 55_000),
    );
    let connect_retries = table.integer("connect_retries", 0..=5).unwrap_or(1);
    Some(HttpProxy {
        targets: targets?,
        tls,
        host,
        connect_timeout,
        read_timeout,
        write_timeout,
        idle_timeout,
        connect_retries,
    })
}

fn read_target(document: &Document<'_>, text: &Placed<String>) -> Option<TargetAddress> {
    let split = text.value.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let fits = |c: char| {
            c.is_ascii_alphanumeric() || ".-_".contains(c) || (bare.is_some() && c == ':')
        };
        (!host.is_empty() && host.chars().all(fits)).then(|| (host.to_owned(), port))
    });
    match split {
        Some((host, port)) => Some(TargetAddress {
            host,
            port,
            line: text.line,
        }),
        None => {
            let problem = format!(
                "target \"{}\" is not host:port, such as \"10.0.1.10:80\"",
                text.value
            );
            document.note(text.line, problem);
            None
        }
    }
}

fn read_tls(table: &mut Table<'_>, base: &Path) -> Option<UpstreamTls> {
    let mut table = table.table("tls")?;
    let document = table.document();
    let line = table.line();
    let ca = table
        .need(
            "ca",
            "name the PEM files of the authorities that vouch for the targets",
        )
        .texts("ca");
    if ca.as_ref().is_some_and(Vec::is_empty) {
        document.note(line, "\"ca\" is empty, so no target could be trusted");
    }
    let server_name = table
        .need("server_name", "write the name in the targets' certificate")
        .any_text("server_name");
    if server_name
        .as_ref()
        .is_some_and(|name| name.value.is_empty())
    {
        document.note(line, "\"server_name\" is empty, which would switch the check of the target's certificate off; write the name in it");
    }
    table.finish();
    Some(UpstreamTls {
        ca: ca?.into_iter().map(|file| base.join(file.value)).collect(),
        server_name: server_name?.value,
        line,
    })
}

fn read_host(document: &Document<'_>, host: Placed<String>) -> Option<String> {
    match HeaderValue::from_str(&host.value) {
        Ok(_) if host.value.bytes().all(|byte| byte.is_ascii_graphic()) => Some(host.value),
        _ => {
            document.note(
                host.line,
                format!("host {:?} cannot be sent as a Host", host.value),
            );
            None
        }
    }
}

fn read_mock(table: &mut Table<'_>) -> Mock {
    let status = table.integer("status", 200..=599).unwrap_or(200);
    let headers = table.table("headers").map(read_fields).unwrap_or_default();
    let body = table
        .any_text("body")
        .map(|body| body.value)
        .unwrap_or_default();
    Mock {
        status,
        headers,
        body,
    }
}

fn read_fields(mut table: Table<'_>) -> Vec<(String, String)> {
    const OURS: [&str; 3] = ["content-length", "transfer-encoding", "connection"];
    let document = table.document();
    let mut fields = Vec::new();
    for Placed {
        value: (name, value),
        line,
    } in table.texts_by_key()
    {
        let good = HeaderName::from_bytes(name.as_bytes()).is_ok()
            && HeaderValue::from_str(&value).is_ok();
        if !good {
            document.note(line, format!("header \"{name}\" is no HTTP field"));
        } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            document.note(
                line,
                format!("header \"{name}\" is the gateway's to send; leave it out"),
            );
        } else {
            fields.push((name, value));
        }
    }
    fields
}
