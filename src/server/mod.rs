//! The running gateway: listeners, Pingora, reload and drain, around one snapshot.
//! In: a configuration file. Out: traffic, until a signal ends it.
//! The only floor, with `integration/http_proxy.rs` and `response.rs`, that knows Pingora.

mod acme;
mod admin;
mod admission;
mod buffers;
mod connection;
mod deadline;
mod ended;
mod engine;
mod exchange;
mod function;
mod gate;
mod handed;
mod handover;
mod handshake;
mod headers;
mod history;
mod inbound;
mod kept;
mod lane;
mod lanes;
mod leave;
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
mod reload;
mod reply;
mod request;
mod signals;
mod slot;
mod source;
mod spans;
mod stapling;
mod state;
mod status;
mod stream;
mod timely;
mod told;
mod traced;
mod upgrade;
mod upstream;
mod validity;
mod workers;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::clock::UtcTime;
use crate::config::Config;
use crate::names::ListenerName;
use crate::problem::Problems;
use crate::snapshot::{Fetched, Snapshot};
use crate::telemetry::Telemetry;
use crate::tls;

use admin::AdminListener;
use handed::Handed;
use handover::{Predecessor, Program};
use listeners::Listeners;
use signals::Signals;
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
    /// A process that has started this one does not hand over to it.
    #[error("{0}")]
    Handover(String),
    /// There is nobody to take the store of used signatures' word.
    #[error("the store of used signatures cannot be reached")]
    ReplayMemory,
    /// The process that this one has handed over to is gone.
    #[error("the successor has ended before its predecessor has")]
    SuccessorEnded,
}

/// Where a gateway that has started listens.
pub struct Started {
    /// The listeners with their real addresses.
    pub listeners: Vec<(ListenerName, SocketAddr)>,
    /// The admin listener.
    pub admin: Option<SocketAddr>,
}

/// Runs the gateway of `file` until SIGTERM or SIGINT; SIGHUP reloads, SIGUSR2 hands over to a
/// process of the program as it is then. `started` is called once it serves.
///
/// # Errors
/// It cannot start, or the process that it has handed over to has ended while it was still leaving.
pub fn run(file: &Path, started: impl FnOnce(&Started)) -> Result<(), StartError> {
    if let Some(code) = handover::launch() {
        std::process::exit(code);
    }
    // Before anything else is opened.
    let (predecessor, handed) = match Predecessor::meet().map_err(StartError::Handover)? {
        Some((predecessor, sockets)) => (Some(predecessor), Handed::by_a_predecessor(sockets)),
        None => (None, Handed::by_the_manager().map_err(StartError::Bind)?),
    };
    let ended = start(file, predecessor.as_ref(), handed, started);
    if let (Err(why), Some(predecessor)) = (&ended, &predecessor) {
        predecessor.tell_failure(&why.to_string());
    }
    ended
}

fn start(
    file: &Path,
    predecessor: Option<&Predecessor>,
    handed: Handed,
    started: impl FnOnce(&Started),
) -> Result<(), StartError> {
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
    let threads = config.process.threads;
    let fetched = runtime.block_on(Fetched::fetch(&config, &Fetched::default()));
    let fetched = fetched.map_err(StartError::Config)?;
    let snapshot = Snapshot::build(config, fetched, None).map_err(StartError::Config)?;
    let state = State::new(snapshot, telemetry).map_err(|source| StartError::System {
        what: "no randomness",
        source,
    })?;
    let state = Arc::new(state);
    let workers = Workers::start(&state, threads).map_err(no_threads)?;
    let workers = Arc::new(workers);
    let serving = async {
        let opened = open(&state, &workers, predecessor, handed, started).await?;
        serve(file, &state, &workers, opened).await
    };
    let ended = runtime.block_on(serving);
    // Tasks that are left have had their time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    if let Some(workers) = Arc::into_inner(workers) {
        workers.stop();
    }
    state.telemetry.close();
    ended
}

/// What is open while the gateway serves.
struct Opened {
    signals: Signals,
    listeners: Listeners,
    admin: Option<AdminListener>,
}

/// Opens everything, and takes over from a predecessor when nothing can fail any more.
async fn open(
    state: &Arc<State>,
    workers: &Arc<Workers>,
    predecessor: Option<&Predecessor>,
    handed: Handed,
    started: impl FnOnce(&Started),
) -> Result<Opened, StartError> {
    let signals = Signals::hear()?;
    let snapshot = state.keep_snapshot();
    check_handed(&handed, &snapshot)?;
    let mut listeners = Listeners::new(state.clone(), workers.clone(), handed);
    let bound = listeners.bind(&snapshot).map_err(StartError::Bind)?;
    let admin = bind_admin(&snapshot, &mut listeners)?;
    let waiting = match predecessor {
        None => None,
        Some(predecessor) => {
            reload::wait_for_replay_memory(&snapshot).await?;
            let waiting = predecessor.take_over(state).await;
            Some(waiting.map_err(StartError::Handover)?)
        }
    };
    listeners.close_the_rest();
    listeners.follow(&snapshot, bound);
    validity::tell(state, &snapshot);
    reload::prepare_replay_memory(&snapshot);
    tokio::spawn(snapshot.trusts().responders().clone().run());
    if let Some(waiting) = waiting {
        waiting.serve(state.clone()).await;
        state.history.upgraded(UtcTime::now());
        state.telemetry.metrics().upgrade(true);
    }
    let admin = admin.map(|(address, socket)| {
        AdminListener::open(state.clone(), address, socket).map_err(|e| no_admin(address, &e))
    });
    let admin = admin.transpose()?;
    started(&Started {
        listeners: listeners
            .addresses()
            .map(|(name, at)| (name.clone(), at))
            .collect(),
        admin: admin.as_ref().map(|admin| admin.bound),
    });
    manager::ready(snapshot.version());
    Ok(Opened {
        signals,
        listeners,
        admin,
    })
}

async fn serve(
    file: &Path,
    state: &Arc<State>,
    workers: &Arc<Workers>,
    opened: Opened,
) -> Result<(), StartError> {
    let program = Program::of_this_process();
    let Opened {
        signals,
        mut listeners,
        admin,
    } = opened;
    let Signals {
        mut hangup,
        mut upgrade,
        mut end,
    } = signals;
    let watch = tokio::spawn(manager::watch(workers.clone()));
    let mut fresh = refresh::start(state.clone());
    let mut issued = acme::start(state.clone());
    stapling::start(state.clone());
    timely::start(state.clone());
    let successor = loop {
        tokio::select! {
            Some(news) = fresh.recv() => refresh::publish(state, news).await,
            Some(names) = issued.recv() => acme::publish(state, &names),
            // It may be cut off while it reads and fetches; what it puts in place then, it does
            // without a pause.
            _ = hangup.recv() => tokio::select! {
                () = reload::reload(file, state, &mut listeners) => {}
                () = end.asked() => break None,
            },
            _ = upgrade.recv() => tokio::select! {
                successor = upgrade::upgrade(&program, state, &listeners, admin.as_ref()) => {
                    if successor.is_some() {
                        break successor;
                    }
                }
                () = end.asked() => break None,
            },
            () = end.asked() => break None,
        }
    };
    let snapshot = state.keep_snapshot();
    let process = snapshot.process();
    let Some(successor) = successor else {
        leave::drain(state, &mut listeners, process).await;
        return Ok(());
    };
    // All that is the successor's from here on.
    watch.abort();
    drop((fresh, issued));
    if let Some(admin) = &admin {
        admin.close();
    }
    let left = leave::make_way(state, &mut listeners, process, successor, &mut end).await;
    if let Some(admin) = admin {
        admin.end().await;
    }
    left
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

fn bind_admin(
    snapshot: &Snapshot,
    listeners: &mut Listeners,
) -> Result<Option<(SocketAddr, TcpListener)>, StartError> {
    let Some(address) = snapshot.process().admin else {
        return Ok(None);
    };
    let handed = listeners.handed_admin(address);
    let socket = handed.unwrap_or_else(|| listener::bind(address));
    let socket = socket.map_err(|e| no_admin(address, &e))?;
    Ok(Some((address, socket)))
}

fn no_admin(address: SocketAddr, why: &std::io::Error) -> StartError {
    StartError::Bind(format!(
        "the admin listener cannot listen on {address}: {why}"
    ))
}
