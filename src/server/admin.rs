//! The admin listener: metrics, health and status, on an address of its own that no route reaches.

use std::sync::Arc;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use async_trait::async_trait;
use http::{Response, StatusCode, header};
use pingora_core::apps::ServerApp as _;
use pingora_core::apps::http_app::{HttpServer, ServeHttp};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::l4::stream::Stream;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::clock::UtcTime;
use crate::lambda::{FunctionCounts, Server};
use crate::telemetry::{
    CredentialRecord, FunctionRecord, ListRecord, OcspRecord, ProcessRecord, Pulled, ReplayRecord,
    Served, SourceRecord,
};
use crate::trust::List;

use super::handed::{Of, Purpose};
use super::state::State;
use super::status::Status;

/// Connections to the admin listener at once.
const MAX_CONNECTIONS: usize = 64;
/// How long they have when the gateway ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

struct Admin {
    state: Arc<State>,
}

/// The open admin listener.
pub(super) struct AdminListener {
    configured: SocketAddr,
    pub(super) bound: SocketAddr,
    /// For a successor.
    socket: OwnedFd,
    places: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl AdminListener {
    /// Serves metrics, health and status from here on.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn open(
        state: Arc<State>,
        configured: SocketAddr,
        socket: TcpListener,
    ) -> io::Result<Self> {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Ok(Self {
            configured,
            bound: socket.local_addr()?,
            socket: socket.as_fd().try_clone_to_owned()?,
            task: tokio::spawn(serve(state, socket, places.clone())),
            places,
        })
    }

    /// The socket, with what it is for.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub(super) fn to_pass_on(&self) -> io::Result<(Purpose, OwnedFd)> {
        let purpose = Purpose {
            of: Of::Admin,
            address: self.configured,
        };
        Ok((purpose, self.socket.try_clone()?))
    }

    /// Accepts nothing more.
    pub(super) fn close(&self) {
        self.task.abort();
    }

    /// Waits for answers that are on their way, though not for long.
    pub(super) async fn end(self) {
        let all = self.places.acquire_many(MAX_CONNECTIONS as u32);
        // Who takes longer than that does not want to know.
        let _ = tokio::time::timeout(LAST_ANSWERS, all).await;
    }
}

async fn serve(state: Arc<State>, socket: TcpListener, places: Arc<Semaphore>) {
    let closing = state.closing();
    let app = Arc::new(HttpServer::new_app(Admin { state }));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = socket.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (app, closing) = (app.clone(), closing.clone());
        tokio::spawn(async move {
            app.process_new(Box::new(Stream::from(stream)), &closing)
                .await;
            drop(place);
        });
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        let read = matches!(head.method, http::Method::GET | http::Method::HEAD);
        match head.uri.path() {
            _ if !read => text(StatusCode::METHOD_NOT_ALLOWED, b"only GET\n".to_vec()),
            "/metrics" => text(StatusCode::OK, metrics(&self.state)),
            "/status" => page(&Status::read(&self.state)),
            "/status.json" => {
                let json = Status::read(&self.state).json();
                answer(StatusCode::OK, "application/json", json)
            }
            "/healthz" => text(StatusCode::OK, b"ok\n".to_vec()),
            "/readyz" if self.state.is_leaving() => {
                text(StatusCode::SERVICE_UNAVAILABLE, b"draining\n".to_vec())
            }
            "/readyz" if !self.state.is_ready() => text(
                StatusCode::SERVICE_UNAVAILABLE,
                b"the clock is not synchronized\n".to_vec(),
            ),
            "/readyz" => text(StatusCode::OK, b"ready\n".to_vec()),
            _ => text(
                StatusCode::NOT_FOUND,
                b"/status, /status.json, /metrics, /healthz or /readyz\n".to_vec(),
            ),
        }
    }
}

fn metrics(state: &State) -> Vec<u8> {
    let snapshot = state.snapshot();
    let now = UtcTime::now();
    let warn_from = now.plus(snapshot.process().credential_warning);
    let credentials = snapshot.authorizer().credentials().map(|state| {
        let credential = state.credential;
        CredentialRecord {
            id: credential.id.as_str(),
            consumer: state.consumer.map_or("", |name| name.as_str()),
            uses: state.uses,
            last_used: state.last_used.map(UtcTime::unix),
            not_after: credential.not_after.map(UtcTime::unix),
            is_expiring: credential.is_live(now) && !credential.is_live(warn_from),
        }
    });
    let sources = snapshot.fetched().credentials.iter().map(|fetched| {
        let counts = fetched.counts();
        SourceRecord {
            name: counts.source,
            good: counts.good,
            failed: counts.failed,
            last_good: counts.last_good,
        }
    });
    let lists = snapshot.fetched().lists.iter().map(list_record);
    let ocsp = snapshot.trusts().responders().counts();
    let counts = snapshot.authorizer().replay_memory().counts();
    state.telemetry.metrics().text(Pulled {
        credentials,
        sources,
        replay_memory: ReplayRecord {
            entries: counts.entries,
            replayed: counts.replayed,
            store_denied: counts.store_denied,
            store_allowed: counts.store_allowed,
            full: counts.full,
        },
        lists,
        functions: snapshot.functions().counts().map(function_record),
        process: ProcessRecord {
            ready: state.is_ready(),
            clock_error: state.clock.last().map(|clock| clock.max_error),
            clock_synchronized: state.clock.is_synchronized(),
            now: now.unix(),
            config_loaded: state.history.loaded().unix(),
            reload_succeeded: state.history.last_reload().is_none_or(|(_, good)| good),
            held_bytes: state.buffers.held(),
            max_held_bytes: snapshot.process().max_held_bytes,
        },
        ocsp: OcspRecord {
            answered: ocsp.fetched,
            failed: ocsp.failed,
            dropped: ocsp.dropped,
            entries: ocsp.entries,
        },
    })
}

/// Of several lists in one place, the oldest tells how fresh they are.
fn list_record(list: &List) -> ListRecord {
    let (good, failed) = list.counts();
    let crls = list.crls().iter();
    let first = |times: &mut dyn Iterator<Item = UtcTime>| times.min().map_or(0, UtcTime::unix);
    ListRecord {
        source: list.source().to_string(),
        entries: crls.clone().map(|crl| crl.entries()).sum(),
        this_update: first(&mut crls.clone().map(|crl| crl.this_update())),
        next_update: first(&mut crls.clone().map(|crl| crl.next_update())),
        good,
        failed,
    }
}

fn function_record(counts: FunctionCounts<'_>) -> FunctionRecord<'_> {
    FunctionRecord {
        serves: match counts.serves {
            Server::Integration(name) => Served::Integration(name),
            Server::Authorizer(name) => Served::Authorizer(name),
        },
        in_flight: counts.in_flight,
        ended: counts.ended,
    }
}

/// A page that no other may put into a frame, and that loads and runs nothing.
fn page(status: &Status) -> Response<Vec<u8>> {
    let page = status.page().into_bytes();
    let mut response = answer(StatusCode::OK, "text/html; charset=utf-8", page);
    let headers = response.headers_mut();
    let policy = http::HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let referrer = http::HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, referrer);
    response
}

fn text(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    answer(status, "text/plain; version=0.0.4", body)
}

fn answer(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let length = response.body().len().into();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    response
}
