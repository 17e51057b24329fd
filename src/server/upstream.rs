//! Connections to targets over TLS. In: a peer of `integration/http_proxy.rs`, which brings its
//! `ClientTls`. Out: a stream over which Pingora speaks HTTP/1.1, and which it keeps for later.
//! Pingora by itself would make a TLS configuration for each connection, and resume no session.

use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::connectors::http::custom;
use pingora_core::protocols::l4::stream::Stream as Socket;
use pingora_core::protocols::tls::client::handshake;
use pingora_core::protocols::{GetProxyDigest as _, GetSocketDigest as _, SocketDigest, Stream};
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_core::{Error, ErrorType, Result};
use tokio_rustls::TlsConnector;

use crate::clock::UtcTime;
use crate::integration::ClientTls;

/// Makes connections that Pingora's own connectors cannot make.
pub(super) struct Connector;

#[async_trait]
impl custom::Connector for Connector {
    /// There is no protocol but HTTP/1.1, which Pingora speaks over the stream that it gets.
    type Session = ();

    async fn get_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        peer: &P,
    ) -> Result<(custom::Connection<()>, bool)> {
        let stream = connect(peer).await?;
        Ok((custom::Connection::Stream(stream), false))
    }

    /// Connections that were kept are in Pingora's pool for HTTP/1.1, which it asks by itself.
    async fn reused_http_session<P: Peer + Send + Sync + 'static>(&self, _peer: &P) -> Option<()> {
        None
    }

    async fn release_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        _session: (),
        _peer: &P,
        _idle_timeout: Option<std::time::Duration>,
    ) {
    }
}

/// Whether the target is spoken to over TLS, which `connect` does.
pub(super) fn has_tls(peer: &HttpPeer) -> bool {
    peer.options.custom_l4.is_some()
}

/// Dials the target and shakes hands, as Pingora's own connector does.
pub(super) async fn connect<P: Peer>(peer: &P) -> Result<Stream> {
    let Some(limit) = peer.total_connection_timeout() else {
        return connect_at_leisure(peer).await;
    };
    match tokio::time::timeout(limit, connect_at_leisure(peer)).await {
        Ok(connected) => connected,
        Err(_) => Error::e_explain(
            ErrorType::ConnectTimedout,
            "the target took too long to connect",
        ),
    }
}

async fn connect_at_leisure<P: Peer>(peer: &P) -> Result<Stream> {
    let options = peer.get_peer_options();
    let Some(dialler) = options.and_then(|options| options.custom_l4.as_ref()) else {
        return Error::e_explain(ErrorType::InternalError, "the peer has no dialler");
    };
    let mut socket = dialler.connect(peer.address()).await?;
    socket.set_nodelay()?;
    let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
    // Set once, on a digest that was just made.
    let _ = digest.peer_addr.set(Some(peer.address().clone()));
    socket.set_socket_digest(digest);
    let Some(tls) = tls_of(&socket) else {
        return Error::e_explain(ErrorType::InternalError, "the peer has no TLS");
    };
    let connector = TlsConnector::from(tls.config(UtcTime::now()).clone());
    match handshake(&connector, tls.server_name(), socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => {
            tls.handshake_failed(UtcTime::now());
            Err(error)
        }
    }
}

/// The TLS that the dialler has handed on.
fn tls_of(socket: &Socket) -> Option<Arc<ClientTls>> {
    let digest = socket.get_proxy_digest()?;
    let data = digest.user_data.as_ref()?;
    data.downcast_ref::<Arc<ClientTls>>().cloned()
}
