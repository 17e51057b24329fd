//! The demo's stand-in for a private nginx: serves the files of one directory over plain
//! HTTP/1.1, from a thread of its own, until the process ends.

use std::io;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use http::{Response, StatusCode, header};
use pingora_core::apps::ServerApp as _;
use pingora_core::apps::http_app::{HttpServer, ServeHttp};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::l4::stream::Stream;
use tokio::sync::watch;

use super::listener::bind;

struct Files(PathBuf);

/// Starts serving `directory` on `address`.
///
/// # Errors
/// The address cannot be bound.
pub fn start(address: SocketAddr, directory: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let socket = {
        let _context = runtime.enter();
        bind(address)?
    };
    let app = Arc::new(HttpServer::new_app(Files(directory.to_owned())));
    let accept = async move {
        let closing = watch::Sender::new(false);
        while let Ok((stream, _)) = socket.accept().await {
            let (app, closing) = (app.clone(), closing.subscribe());
            tokio::spawn(async move {
                app.process_new(Box::new(Stream::from(stream)), &closing)
                    .await;
            });
        }
    };
    let thread = std::thread::Builder::new().name("origin".to_owned());
    thread.spawn(move || runtime.block_on(accept))?;
    Ok(())
}

#[async_trait]
impl ServeHttp for Files {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let path = session.req_header().uri.path().to_owned();
        let (status, body) = match self.read(&path) {
            Some(body) => (StatusCode::OK, body),
            None => (StatusCode::NOT_FOUND, b"there is no such file\n".to_vec()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let length = response.body().len().into();
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        response
    }
}

impl Files {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = match path {
            "/" => "index.html",
            other => other.strip_prefix('/')?,
        };
        let path = Path::new(path);
        let plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        plain
            .then(|| std::fs::read(self.0.join(path)).ok())
            .flatten()
    }
}
