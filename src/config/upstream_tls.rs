//! `tls` of an `http_proxy`: whom the gateway believes to be a target, and how it proves to one
//! that it is the gateway.

use std::path::{Path, PathBuf};

use rustls_pki_types::ServerName;

use crate::config::listener::{self, CertificateFiles, TlsVersion};
use crate::document::Table;

/// TLS towards the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// PEM bundles of certificate authorities; at least one.
    pub ca: Vec<PathBuf>,
    /// The name that the target's certificate must have; never empty.
    pub server_name: String,
    /// What a target is shown that asks for a certificate; `None` for nothing.
    pub certificate: Option<CertificateFiles>,
    /// The lowest version spoken.
    pub min_version: TlsVersion,
    /// The line of the configuration that names them.
    pub line: usize,
}

/// Reads the key `tls`; `base` is what relative paths are relative to.
pub(super) fn read(table: &mut Table<'_>, base: &Path) -> Option<UpstreamTls> {
    let mut table = table.table("tls")?;
    let line = table.line();
    let ca = read_ca(&mut table, base);
    let server_name = read_server_name(&mut table);
    let certificate = table.table("certificate");
    let certificate = certificate.and_then(|table| listener::read_pair(table, base));
    let min_version = table.word("min_version", &listener::TLS_VERSIONS);
    table.finish();
    Some(UpstreamTls {
        ca,
        server_name: server_name.unwrap_or_default(),
        certificate,
        min_version: min_version.unwrap_or(TlsVersion::Tls12),
        line,
    })
}

fn read_ca(table: &mut Table<'_>, base: &Path) -> Vec<PathBuf> {
    table.need(
        "ca",
        "name the PEM bundles that the target's certificate is checked against",
    );
    let line = table.line_of("ca");
    let ca = table.texts("ca");
    if ca.as_ref().is_some_and(Vec::is_empty) {
        let text = format!("{} trusts nobody: \"ca\" must not be empty", table.label());
        table.document().note(line, text);
    }
    let paths = ca.into_iter().flatten();
    paths.map(|path| base.join(path.value)).collect()
}

fn read_server_name(table: &mut Table<'_>) -> Option<String> {
    let name = table
        .need(
            "server_name",
            "write the name that the target's certificate must have",
        )
        .any_text("server_name")?;
    let text = match name.value.as_str() {
        "" => "\"server_name\" must not be empty: without a name the target's certificate could not be verified".to_owned(),
        text if ServerName::try_from(text).is_err() => {
            format!("server_name \"{text}\" is no DNS name and no IP address")
        }
        _ => return Some(name.value),
    };
    table.document().note(name.line, text);
    None
}
