//! `proxy_protocol` of a `[[listener]]`: whose word is taken for where a connection comes from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::nets;
use crate::document::Table;

/// Connections begin with a PROXY header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// The proxies; never empty. Nobody else may connect.
    pub trusted: Vec<IpNet>,
}

impl ProxyProtocol {
    /// Whether a connection from `address` is one of a proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }
}

/// The key `proxy_protocol`; `None` when connections begin with what a client says.
pub(super) fn read(table: &mut Table<'_>) -> Option<ProxyProtocol> {
    const CURE: &str = "name the proxies: trusted = [\"10.0.0.0/8\"]";
    let mut table = table.table("proxy_protocol")?;
    table.need("trusted", CURE);
    let (document, line) = (table.document(), table.line_of("trusted"));
    let texts = table.texts("trusted");
    if texts.as_ref().is_some_and(Vec::is_empty) {
        let text = format!("\"trusted\" in {} must not be empty; {CURE}", table.label());
        document.note(line, text);
    }
    let trusted = nets::read(document, texts.unwrap_or_default(), "trusted proxy");
    table.finish();
    Some(ProxyProtocol { trusted })
}
