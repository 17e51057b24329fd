//! Where a caller goes: the addresses that a name stands for, what is told of the name, and what
//! stands before each target. In: an address on loopback, or a URL. Out: an [`Endpoint`].

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use rustls::pki_types::ServerName;

use crate::material::HOST;

/// Where a caller goes.
pub struct Endpoint {
    /// All that the name stood for when it was looked up; connections go to them in turn.
    addresses: Vec<SocketAddr>,
    next: AtomicUsize,
    /// Of the certificate.
    pub name: ServerName<'static>,
    /// In `Host`, and in what is signed.
    pub authority: String,
    /// Before each target, e.g. `/prod`; without a slash at its end.
    pub prefix: String,
    pub tls: bool,
}

impl Endpoint {
    /// A server with the material's certificate, if it has one.
    pub fn ours(address: SocketAddr, tls: bool) -> Self {
        Self {
            addresses: vec![address],
            next: AtomicUsize::new(0),
            name: ServerName::try_from(HOST).expect("HOST is a name"),
            authority: HOST.to_owned(),
            prefix: String::new(),
            tls,
        }
    }

    /// What a URL names, e.g. `https://x.execute-api.us-east-1.amazonaws.com/prod`.
    ///
    /// # Errors
    /// It is no such URL, or its name stands for nothing.
    pub fn at(url: &str) -> anyhow::Result<Self> {
        let uri: http::Uri = url.parse().with_context(|| format!("{url} is no URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => anyhow::bail!("{url} begins with neither http:// nor https://"),
        };
        ensure!(uri.query().is_none(), "{url} has a query");
        let host = uri.host().with_context(|| format!("{url} has no host"))?;
        let host = host.trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let addresses = (host, port).to_socket_addrs();
        let mut addresses: Vec<_> = addresses.with_context(|| host.to_owned())?.collect();
        // Whether the other kind is reachable as well is not to be found out by failing.
        if addresses.iter().any(SocketAddr::is_ipv4) {
            addresses.retain(SocketAddr::is_ipv4);
        }
        ensure!(!addresses.is_empty(), "{host} stands for no address");
        Ok(Self {
            addresses,
            next: AtomicUsize::new(0),
            name: ServerName::try_from(host.to_owned()).with_context(|| host.to_owned())?,
            authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls,
        })
    }

    /// The same place, spoken to as the server that has the material's certificate.
    pub fn of_ours(self) -> Self {
        let first = self.addresses[0];
        Self {
            addresses: self.addresses,
            prefix: self.prefix,
            ..Self::ours(first, self.tls)
        }
    }

    /// The first address.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// How many addresses there are.
    pub fn count(&self) -> usize {
        self.addresses.len()
    }

    /// Whose turn it is.
    pub fn next(&self) -> SocketAddr {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.addresses[turn % self.addresses.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_as_whom() {
        for (url, address, authority, prefix, tls) in [
            ("http://127.0.0.1", "127.0.0.1:80", "127.0.0.1", "", false),
            (
                "http://127.0.0.1:8080/",
                "127.0.0.1:8080",
                "127.0.0.1:8080",
                "",
                false,
            ),
            (
                "https://127.0.0.1/prod/",
                "127.0.0.1:443",
                "127.0.0.1",
                "/prod",
                true,
            ),
            (
                "https://[::1]:8443/a/b",
                "[::1]:8443",
                "[::1]:8443",
                "/a/b",
                true,
            ),
        ] {
            let endpoint = Endpoint::at(url).expect("a URL");
            assert_eq!(endpoint.address(), address.parse().expect("an address"));
            let said = (&*endpoint.authority, &*endpoint.prefix, endpoint.tls);
            assert_eq!(said, (authority, prefix, tls), "{url}");
            assert_eq!(endpoint.of_ours().authority, HOST);
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "x",
            "ftp://127.0.0.1/",
            "http://",
            "/prod",
            "http://127.0.0.1/?a=1",
        ] {
            assert!(Endpoint::at(url).is_err(), "{url}");
        }
    }

    #[test]
    fn addresses_take_turns() {
        let addresses = ["127.0.0.1:1", "127.0.0.1:2"].map(|one| one.parse().expect("an address"));
        let mut endpoint = Endpoint::ours(addresses[0], false);
        endpoint.addresses = addresses.into();
        let turns: Vec<_> = (0..4).map(|_| endpoint.next()).collect();
        assert_eq!(turns, [addresses, addresses].concat());
    }
}
