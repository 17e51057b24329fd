//! The `http_proxy` integration: an upstream, its targets in turn, and Pingora's peer for
//! each, made once. In: a valid configuration. Out: an `Upstream` that names the peer of the
//! next attempt. The moving of bytes is the server's.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use http::HeaderValue;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::ext;
use pingora_core::protocols::l4::socket::SocketAddr as TargetSocket;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::CustomALPN;
use pingora_core::protocols::{ALPN, GetProxyDigest as _};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType};
use pingora_http::ResponseHeader;

use crate::config::{HttpProxy, TargetAddress};
use crate::digest::sha256;
use crate::names::IntegrationName;
use crate::problem::Problems;
use crate::tls::ServedCertificate;

use super::certificate_headers::CertificateHeaders;
use super::outgoing::Signer;
use super::upstream_tls::ClientTls;

/// An upstream: a pool of targets behind one integration.
pub struct Upstream {
    name: IntegrationName,
    peers: Vec<HttpPeer>,
    next: AtomicUsize,
    host: Option<HeaderValue>,
    retries: usize,
    tls: Option<Arc<ClientTls>>,
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
    /// Resolves the targets and opens the files of TLS. Names are resolved here, once a
    /// reload, as nginx does; every address of a name is a target. TLS that has not changed is
    /// taken over from `previous`.
    ///
    /// # Errors
    /// A file that cannot be used or a name without address.
    pub fn open(
        file: &Path,
        name: &IntegrationName,
        proxy: &HttpProxy,
        previous: Option<&Upstream>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut addresses = Vec::new();
        for target in &proxy.targets {
            match resolve(target) {
                Ok(found) => addresses.extend(found),
                Err(text) => problems.add(file, target.line, text),
            }
        }
        let before = previous.and_then(|upstream| upstream.tls.as_ref());
        let tls = proxy.tls.as_ref();
        let tls = tls.map(|tls| ClientTls::open(file, tls, before));
        let tls = tls.transpose().unwrap_or_else(|found| {
            problems.extend(found);
            None
        });
        let peers = addresses.iter();
        let peers = peers.map(|address| peer(*address, name, proxy, tls.as_ref()));
        let peers = peers.collect();
        let certificate_headers = CertificateHeaders::new(&proxy.certificate_headers);
        let own = certificate_headers.names();
        let signer = proxy.sign.as_ref();
        let signer = signer.map(|sign| Signer::open(file, sign, own));
        let signer = signer.transpose().unwrap_or_else(|found| {
            problems.extend(found);
            None
        });
        problems.or_ok(()).map(|()| Self {
            signer,
            certificate_headers,
            name: name.clone(),
            peers,
            tls,
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
        self.tls.is_some()
    }

    /// The certificate that the targets are shown; `None` when there is none.
    pub fn shown(&self) -> Option<&ServedCertificate> {
        self.tls.as_ref()?.shown()
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
    pub fn peer(&self, attempt: &mut Attempt) -> &HttpPeer {
        let first = *attempt
            .first
            .get_or_insert_with(|| self.next.fetch_add(1, Ordering::Relaxed));
        let index = first.wrapping_add(attempt.made) % self.peers.len();
        attempt.made += 1;
        &self.peers[index]
    }

    /// The address of the target that was tried last.
    pub fn last_target(&self, attempt: &Attempt) -> Option<SocketAddr> {
        let tried = attempt.first?.wrapping_add(attempt.made.checked_sub(1)?);
        self.peers[tried % self.peers.len()]
            ._address
            .as_inet()
            .copied()
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
    tls: Option<&Arc<ClientTls>>,
) -> HttpPeer {
    let server_name = tls.map(|tls| tls.server_name().to_owned());
    let mut peer = HttpPeer::new(address, tls.is_some(), server_name.unwrap_or_default());
    // Pingora's pool does not look at our TLS when it hands out a connection; this does.
    peer.group_key = group(name, tls);
    let options = &mut peer.options;
    options.alpn = ALPN::H1;
    options.connection_timeout = Some(proxy.connect_timeout);
    options.total_connection_timeout = Some(proxy.connect_timeout);
    options.read_timeout = Some(proxy.read_timeout);
    options.write_timeout = Some(proxy.write_timeout);
    options.idle_timeout = Some(proxy.idle_timeout);
    if let Some(tls) = tls {
        // Never said on the wire: it makes Pingora ask the server's connector for a connection,
        // instead of shaking hands itself with a configuration made for each.
        options.alpn = ALPN::Custom(CustomALPN::new(b"countersign-tls".to_vec()));
        options.custom_l4 = Some(Arc::new(Dialler(tls.clone())));
    }
    peer
}

/// Dials a target, and hands on the TLS that is to be spoken: what Pingora gives to a connector is
/// the peer, which has no other place for it.
#[derive(Debug)]
struct Dialler(Arc<ClientTls>);

#[async_trait]
impl L4Connect for Dialler {
    async fn connect(&self, target: &TargetSocket) -> pingora_core::Result<Stream> {
        let Some(address) = target.as_inet() else {
            return Error::e_explain(ErrorType::InternalError, "a target is no IP address");
        };
        let mut stream = Stream::from(ext::connect(address, None).await?);
        let response = Box::new(ResponseHeader::build(200, Some(0))?);
        let tls = Box::new(self.0.clone());
        stream.set_proxy_digest(ProxyDigest::new(response, Some(tls)));
        Ok(stream)
    }
}

fn group(name: &IntegrationName, tls: Option<&Arc<ClientTls>>) -> u64 {
    let mut all = name.as_str().as_bytes().to_vec();
    if let Some(tls) = tls {
        all.extend_from_slice(&tls.id());
    }
    let mut key = [0; 8];
    key.copy_from_slice(&sha256(&all)[..8]);
    u64::from_be_bytes(key)
}
