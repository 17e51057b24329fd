//! The `http_proxy` integration: an upstream, its targets in turn, and Pingora's peer for
//! each, made once. In: a valid configuration. Out: an `Upstream` that names the peer of the
//! next attempt. The moving of bytes is the server's.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::utils::tls::{WrappedX509, parse_x509};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::bundle::read_bundle;
use crate::config::{HttpProxy, TargetAddress, UpstreamTls};
use crate::digest::sha256;
use crate::names::IntegrationName;
use crate::problem::Problems;

use super::certificate_headers::CertificateHeaders;
use super::outgoing::Signer;

/// An upstream: a pool of targets behind one integration.
pub struct Upstream {
    name: IntegrationName,
    peers: Vec<HttpPeer>,
    next: AtomicUsize,
    host: Option<HeaderValue>,
    retries: usize,
    secure: bool,
    signer: Option<Signer>,
    certificate_headers: CertificateHeaders,
}

/// One request's tries at an upstream's targets.
#[derive(Debug, Default, Clone, Copy)]
pub struct Attempt {
    first: Option<usize>,
    made: usize,
}

impl Upstream {
    /// Resolves the targets and opens the authorities. Names are resolved here, once a
    /// reload, as nginx does; every address of a name is a target.
    ///
    /// # Errors
    /// A bundle that cannot be used or a name without address.
    pub fn open(file: &Path, name: &IntegrationName, proxy: &HttpProxy) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut addresses = Vec::new();
        for target in &proxy.targets {
            match resolve(target) {
                Ok(found) => addresses.extend(found),
                Err(text) => problems.add(file, target.line, text),
            }
        }
        let authorities = proxy.tls.as_ref().map(open_authorities).transpose();
        let authorities = authorities.unwrap_or_else(|text| {
            problems.add(file, proxy.tls.as_ref().map_or(0, |tls| tls.line), text);
            None
        });
        let template = |address: &SocketAddr| peer(*address, name, proxy, authorities.as_ref());
        let certificate_headers = CertificateHeaders::new(&proxy.certificate_headers);
        let own = certificate_headers.names();
        let signer = proxy.sign.as_ref();
        let signer = signer.map(|sign| Signer::open(file, sign, own));
        let signer = signer.transpose().unwrap_or_else(|found| {
            problems.extend(found);
            None
        });
        problems.or_ok(()).map(|()| Self {
            secure: proxy.tls.is_some(),
            signer,
            certificate_headers,
            name: name.clone(),
            peers: addresses.iter().map(template).collect(),
            next: AtomicUsize::new(0),
            host: proxy
                .host
                .as_deref()
                .and_then(|host| HeaderValue::from_str(host).ok()),
            retries: proxy.connect_retries,
        })
    }

    /// The integration's name.
    pub fn name(&self) -> &IntegrationName {
        &self.name
    }

    /// The `Host` that the targets are sent; `None` when they are sent the caller's.
    pub fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }

    /// Whether the targets are spoken to over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Signs what is passed on; `None` when nothing is.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// How the targets are told of the caller's certificate.
    pub fn certificate_headers(&self) -> &CertificateHeaders {
        &self.certificate_headers
    }

    /// The peer of the next attempt: round robin for the first, then the neighbours.
    pub fn peer(&self, attempt: &mut Attempt) -> Box<HttpPeer> {
        let first = *attempt
            .first
            .get_or_insert_with(|| self.next.fetch_add(1, Ordering::Relaxed));
        let index = first.wrapping_add(attempt.made) % self.peers.len();
        attempt.made += 1;
        Box::new(self.peers[index].clone())
    }

    /// The address of the target that was tried last.
    pub fn last_target(&self, attempt: &Attempt) -> Option<String> {
        let tried = attempt.first?.wrapping_add(attempt.made.checked_sub(1)?);
        Some(self.peers[tried % self.peers.len()]._address.to_string())
    }

    /// Whether another target may be tried after one could not be reached.
    pub fn may_retry(&self, attempt: &Attempt) -> bool {
        attempt.made <= self.retries
    }
}

fn resolve(target: &TargetAddress) -> Result<Vec<SocketAddr>, String> {
    let TargetAddress { host, port, .. } = target;
    match (host.as_str(), *port).to_socket_addrs() {
        Ok(found) => {
            let found: Vec<_> = found.collect();
            match found.is_empty() {
                true => Err(format!("target \"{host}:{port}\" has no address")),
                false => Ok(found),
            }
        }
        Err(e) => Err(format!("target \"{host}:{port}\" cannot be resolved: {e}")),
    }
}

fn peer(
    address: SocketAddr,
    name: &IntegrationName,
    proxy: &HttpProxy,
    authorities: Option<&Authorities>,
) -> HttpPeer {
    let server_name = proxy.tls.as_ref().map(|tls| tls.server_name.clone());
    let mut peer = HttpPeer::new(
        address,
        proxy.tls.is_some(),
        server_name.unwrap_or_default(),
    );
    // Pingora's pool does not look at authorities when it hands out a connection; this does.
    peer.group_key = group(name, authorities);
    let options = &mut peer.options;
    options.alpn = ALPN::H1;
    options.connection_timeout = Some(proxy.connect_timeout);
    options.total_connection_timeout = Some(proxy.connect_timeout);
    options.read_timeout = Some(proxy.read_timeout);
    options.write_timeout = Some(proxy.write_timeout);
    options.idle_timeout = Some(proxy.idle_timeout);
    options.ca = authorities.map(|authorities| authorities.certificates.clone());
    peer
}

/// The authorities of an upstream, as Pingora wants them, and their hash.
struct Authorities {
    certificates: Arc<[WrappedX509]>,
    hash: [u8; 32],
}

fn open_authorities(tls: &UpstreamTls) -> Result<Authorities, String> {
    let mut certificates = Vec::new();
    let mut all = Vec::new();
    for bundle in &tls.ca {
        for authority in read_bundle(bundle)? {
            // Pingora panics on what it cannot parse.
            X509Certificate::from_der(&authority)
                .map_err(|_| format!("{}: an authority cannot be parsed", bundle.display()))?;
            all.extend_from_slice(&authority);
            certificates.push(WrappedX509::new(authority.to_vec(), parse_x509));
        }
    }
    Ok(Authorities {
        certificates: certificates.into(),
        hash: sha256(&all),
    })
}

fn group(name: &IntegrationName, authorities: Option<&Authorities>) -> u64 {
    let mut all = name.as_str().as_bytes().to_vec();
    all.extend_from_slice(authorities.map_or(&[][..], |authorities| &authorities.hash));
    let mut key = [0; 8];
    key.copy_from_slice(&sha256(&all)[..8]);
    u64::from_be_bytes(key)
}
