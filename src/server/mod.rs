//! The running gateway: listeners, Pingora, reload and drain, around one snapshot.
//! In: a configuration file. Out: traffic, until a signal ends it.
//! The only floor, with `integration/http_proxy.rs` and `response.rs`, that knows Pingora.

mod acme;
mod admin;
mod admission;
mod buffers;
mod connection;
mod deadline;
mod engine;
mod exchange;
mod function;
mod gate;
mod handed;
mod handshake;
mod headers;
mod history;
mod inbound;
mod kept;
mod lane;
mod lanes;
mod listener;
mod listeners;
mod logged;
mod manager;
pub mod origin;
mod outbox;
mod outgoing;
mod pace;
mod proxy;
mod refresh;
mod reply;
mod request;
mod slot;
mod source;
mod stapling;
mod state;
mod status;
mod stream;
mod told;
mod traced;
mod upstream;
mod validity;
mod workers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::UtcTime;
use crate::config::{Config, Process};
use crate::names::ListenerName;
use crate::problem::Problems;
use crate::snapshot::{Fetched, Snapshot};
use crate::telemetry::Telemetry;
use crate::tls;

use handed::Handed;
use listeners::Listeners;
use state::State;
use workers::Workers;

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a file that it names, is wrong.
    #[error("{0}")]
    Config(Problems),
    /// An address cannot be bound.
    #[error("{0}")]
    Bind(String),
    /// The system refused something that every process needs.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
}

/// Where a gateway that has started listens.
pub struct Started {
    /// The listeners with their real addresses.
    pub listeners: Vec<(ListenerName, SocketAddr)>,
    /// The admin listener.
    pub admin: Option<SocketAddr>,
}

/// Runs the gateway of `file` until SIGTERM or SIGINT; SIGHUP reloads. `started` is called
/// once it listens.
///
/// # Errors
/// It cannot start. Once it has, nothing but a signal ends it.
pub fn run(file: &Path, started: impl FnOnce(&Started)) -> Result<(), StartError> {
    // Before anything else is opened.
    let handed = Handed::take().map_err(StartError::Bind)?;
    tls::install_crypto();
    let config = Config::load(file).map_err(StartError::Config)?;
    let telemetry = Telemetry::open(&config).map_err(|source| StartError::System {
        what: "the access log, or the way to the receiver of spans, cannot be opened",
        source,
    })?;
    let no_threads = |source| StartError::System {
        what: "no threads",
        source,
    };
    // For all that is not serving: the workers have runtimes of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(no_threads)?;
    let process = config.process.clone();
    let fetched = runtime.block_on(Fetched::fetch(&config, &Fetched::default()));
    let fetched = fetched.map_err(StartError::Config)?;
    let snapshot = Snapshot::build(config, fetched, None).map_err(StartError::Config)?;
    let state = State::new(snapshot, telemetry).map_err(|source| StartError::System {
        what: "no randomness",
        source,
    })?;
    let state = Arc::new(state);
    let workers = Workers::start(&state, process.threads).map_err(no_threads)?;
    let workers = Arc::new(workers);
    let serving = serve(file, &process, &state, &workers, handed, started);
    let ended = runtime.block_on(serving);
    // Tasks that are left have had their time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    if let Some(workers) = Arc::into_inner(workers) {
        workers.stop();
    }
    state.telemetry.close();
    ended
}

async fn serve(
    file: &Path,
    process: &Process,
    state: &Arc<State>,
    workers: &Arc<Workers>,
    handed: Handed,
    started: impl FnOnce(&Started),
) -> Result<(), StartError> {
    let signals = |kind| {
        signal(kind).map_err(|source| StartError::System {
            what: "no signals",
            source,
        })
    };
    let mut hangup = signals(SignalKind::hangup())?;
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    let snapshot = state.keep_snapshot();
    check_handed(&handed, &snapshot)?;
    let mut listeners = Listeners::new(state.clone(), workers.clone(), handed);
    let bound = listeners.bind(&snapshot).map_err(StartError::Bind)?;
    let admin = open_admin(process, state)?;
    listeners.follow(&snapshot, bound);
    validity::tell(state, &snapshot);
    prepare_replay_memory(&snapshot);
    tokio::spawn(snapshot.trusts().responders().clone().run());
    started(&Started {
        listeners: listeners
            .addresses()
            .map(|(name, at)| (name.clone(), at))
            .collect(),
        admin,
    });
    manager::ready(snapshot.version());
    tokio::spawn(manager::watch(workers.clone()));
    let mut fresh = refresh::start(state.clone());
    let mut issued = acme::start(state.clone());
    stapling::start(state.clone());
    loop {
        tokio::select! {
            Some(news) = fresh.recv() => refresh::publish(state, news).await,
            Some(names) = issued.recv() => acme::publish(state, &names),
            // It may be cut off while it reads and fetches; what it puts in place then, it does
            // without a pause.
            _ = hangup.recv() => tokio::select! {
                () = reload(file, state, &mut listeners) => {}
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    let snapshot = state.keep_snapshot();
    drain(state, &mut listeners, snapshot.process()).await;
    Ok(())
}

/// A socket that nobody serves would let callers wait for ever.
fn check_handed(handed: &Handed, snapshot: &Snapshot) -> Result<(), StartError> {
    let listeners = snapshot.listeners();
    let addresses: Vec<_> = listeners.map(|one| one.settings.address).collect();
    match handed.beside(&addresses)[..] {
        [] => Ok(()),
        [address, ..] => Err(StartError::Bind(format!(
            "the service manager hands over a socket on {address}, and no listener has that \
             address; give a [[listener]] `address = \"{address}\"`, or take the socket's \
             `ListenStream` away"
        ))),
    }
}

fn open_admin(process: &Process, state: &Arc<State>) -> Result<Option<SocketAddr>, StartError> {
    let Some(address) = process.admin else {
        return Ok(None);
    };
    let failed = |e: std::io::Error| {
        StartError::Bind(format!(
            "the admin listener cannot listen on {address}: {e}"
        ))
    };
    let socket = listener::bind(address).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    tokio::spawn(admin::serve(state.clone(), socket));
    Ok(Some(address))
}

/// Puts the configuration as it is now in the place of the one that serves, whole or not at
/// all.
async fn reload(file: &Path, state: &Arc<State>, listeners: &mut Listeners) {
    manager::reloading();
    match try_reload(file.to_owned(), state, listeners).await {
        Ok(version) => {
            state.telemetry.metrics().reload(Some(version));
            state.history.reloaded(UtcTime::now(), true);
            tracing::info!(version, "The new configuration serves.");
            manager::ready(version);
        }
        Err(why) => {
            state.telemetry.metrics().reload(None);
            state.history.reloaded(UtcTime::now(), false);
            tracing::error!("The configuration was not reloaded; the old one serves on.\n{why}");
            manager::not_reloaded(state.snapshot().version());
        }
    }
}

async fn try_reload(
    file: PathBuf,
    state: &Arc<State>,
    listeners: &mut Listeners,
) -> Result<u64, String> {
    let previous = state.keep_snapshot();
    // Reads files and resolves names: not a thing to do on a thread that serves.
    let read = tokio::task::spawn_blocking(move || Config::load(&file));
    let read = read.await.map_err(|e| e.to_string())?;
    let config = read.map_err(|problems| problems.to_string())?;
    let fetched = Fetched::fetch(&config, previous.fetched()).await;
    let fetched = fetched.map_err(|problems| problems.to_string())?;
    let build = move || Snapshot::build(config, fetched, Some(&previous));
    let built = tokio::task::spawn_blocking(build);
    let built = built.await.map_err(|e| e.to_string())?;
    let snapshot = Arc::new(built.map_err(|problems| problems.to_string())?);
    let bound = listeners.bind(&snapshot)?;
    state.publish(snapshot.clone());
    listeners.follow(&snapshot, bound);
    validity::tell(state, &snapshot);
    prepare_replay_memory(&snapshot);
    Ok(snapshot.version())
}

/// Leaves without losing a request. First readiness fails, so that a load balancer looks
/// elsewhere, while callers that come are served and told not to come back on the same
/// connection. Then the listeners close, and what is in flight is waited for.
async fn drain(state: &Arc<State>, listeners: &mut Listeners, process: &Process) {
    let live = || state.live.load(Ordering::Relaxed);
    tracing::info!(connections = live(), "Draining.");
    manager::stopping(process.drain_timeout);
    let deadline = tokio::time::Instant::now() + process.drain_timeout;
    state.leave();
    let grace = (tokio::time::Instant::now() + process.drain_grace).min(deadline);
    wait_until(grace, || live() == 0).await;
    listeners.close().await;
    state.close();
    wait_until(deadline, || live() == 0).await;
    match live() {
        0 => tracing::info!("Every request was answered."),
        left => tracing::warn!(connections = left, "Connections were cut off."),
    }
}

async fn wait_until(deadline: tokio::time::Instant, done: impl Fn() -> bool) {
    while !done() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Connects to the store of used signatures before the first request needs it.
fn prepare_replay_memory(snapshot: &Snapshot) {
    let memory = snapshot.authorizer().replay_memory().clone();
    tokio::spawn(async move {
        if !memory.is_ready().await {
            tracing::error!("The store of used signatures cannot be reached.");
        }
    });
}
