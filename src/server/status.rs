//! The status page: what an operator wants to see at a glance. In: the snapshot that serves and
//! what was counted. Out: a `Status`, which becomes a page or JSON. Every word in it is the
//! gateway's own or a configured name: nothing that a caller sent.

mod ends;
mod meaning;
mod page;

use serde::Serialize;

use crate::clock::UtcTime;
use crate::config::{Integration, IntegrationKind, Listener, Route, RouteMethods};
use crate::snapshot::Snapshot;
use crate::telemetry::{Latency, Tally};

use super::history::History;
use super::state::State;

use ends::End;

/// The gateway at one moment.
#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    /// Its id.
    process: u32,
    /// RFC 3339, as all times here.
    time: String,
    started: String,
    uptime_secs: u64,
    /// Whether callers are wanted; not while the gateway drains or waits for the right time.
    ready: bool,
    clock: ClockStatus,
    last_upgrade: Option<LastUpgrade>,
    /// Since this process started.
    upgrades_failed: u64,
    configuration: Configuration,
    listeners: Vec<ListenerStatus>,
    routes: Vec<RouteStatus>,
    integrations: Vec<IntegrationStatus>,
    refusals: Vec<RefusalStatus>,
    handshake_failures: Vec<Count>,
    connections_refused: Vec<Count>,
    /// In order of urgency.
    ends: Vec<End>,
}

#[derive(Serialize)]
struct Configuration {
    version: u64,
    loaded: String,
    last_reload: Option<LastReload>,
}

/// What the kernel says of the clock by which signatures are judged.
#[derive(Serialize)]
struct ClockStatus {
    synchronized: bool,
    /// The most that it may be wrong; `None` when the kernel does not say.
    max_error_ms: Option<f64>,
    /// Whether signatures with a lifetime are refused without it.
    required: bool,
}

/// A reload that an operator asked for.
#[derive(Serialize)]
struct LastReload {
    time: String,
    /// `published` or `failed`.
    result: &'static str,
}

/// An upgrade that an operator asked for: the one that this process came of, or one that nothing came
/// of since.
#[derive(Serialize)]
struct LastUpgrade {
    time: String,
    /// `succeeded` or `failed`.
    result: &'static str,
    why: Option<String>,
}

#[derive(Serialize)]
struct ListenerStatus {
    name: String,
    address: String,
    /// The mode of client certificates; `None` without TLS.
    client_certificate: Option<&'static str>,
    connections: u64,
    handshakes_failed: u64,
    connections_refused: u64,
}

#[derive(Serialize)]
struct RouteStatus {
    name: String,
    methods: String,
    host: String,
    path: String,
    policy: String,
    integration: String,
    requests: u64,
    /// Those refused, of which some set out first.
    refused: u64,
    /// Answers with a status from 500.
    errors: u64,
}

#[derive(Serialize)]
struct IntegrationStatus {
    name: String,
    kind: &'static str,
    targets: Vec<String>,
    /// `None` when nothing was waited for.
    latency: Option<Milliseconds>,
}

/// How long targets took to answer since the gateway started.
#[derive(Serialize)]
struct Milliseconds {
    answers: u64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Serialize)]
struct RefusalStatus {
    code: String,
    count: u64,
    meaning: &'static str,
}

/// How often something happened at a listener.
#[derive(Serialize)]
struct Count {
    listener: String,
    reason: String,
    count: u64,
}

impl ClockStatus {
    fn of(state: &State) -> Self {
        let error = state.clock.last().map(|clock| clock.max_error);
        Self {
            synchronized: state.clock.is_synchronized(),
            max_error_ms: error.map(|error| error.as_secs_f64() * 1000.0),
            required: state.snapshot().process().require_synchronized_clock,
        }
    }
}

impl Status {
    /// The gateway as it is.
    pub(super) fn read(state: &State) -> Self {
        let snapshot = state.snapshot();
        let (history, now) = (&state.history, UtcTime::now());
        let tally = state.telemetry.metrics().tally();
        let config = snapshot.config();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            process: std::process::id(),
            time: now.to_string(),
            started: history.started().to_string(),
            uptime_secs: history.uptime().as_secs(),
            ready: state.is_ready(),
            clock: ClockStatus::of(state),
            last_upgrade: last_upgrade(history),
            upgrades_failed: history.upgrades_failed(),
            configuration: configuration(&snapshot, history),
            listeners: each(&config.listeners, |one| listener(one, &tally)),
            routes: each(&config.routes, |one| route(one, &tally)),
            integrations: each(&config.integrations, |one| integration(one, &tally)),
            refusals: refusals(&tally),
            handshake_failures: counts(&tally.handshake_failures),
            connections_refused: counts(&tally.connections_refused),
            ends: ends::of(&snapshot, now),
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> Vec<u8> {
        // Texts and numbers have no way to fail.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// As a page.
    pub(super) fn page(&self) -> String {
        page::of(self)
    }
}

fn last_upgrade(history: &History) -> Option<LastUpgrade> {
    let (time, result) = history.last_upgrade()?;
    Some(LastUpgrade {
        time: time.to_string(),
        result: if result.is_ok() {
            "succeeded"
        } else {
            "failed"
        },
        why: result.err(),
    })
}

fn configuration(snapshot: &Snapshot, history: &History) -> Configuration {
    let last = history.last_reload();
    Configuration {
        version: snapshot.version(),
        loaded: history.loaded().to_string(),
        last_reload: last.map(|(time, published)| LastReload {
            time: time.to_string(),
            result: if published { "published" } else { "failed" },
        }),
    }
}

fn listener(listener: &Listener, tally: &Tally) -> ListenerStatus {
    let name = listener.name.as_str();
    let open = tally.connections.iter().find(|(one, _)| one == name);
    ListenerStatus {
        name: name.to_owned(),
        address: listener.address.to_string(),
        client_certificate: listener
            .tls
            .as_ref()
            .map(|tls| tls.client_certificate.mode.as_str()),
        connections: open.map_or(0, |(_, count)| *count),
        handshakes_failed: sum(&tally.handshake_failures, |one, _| one == name),
        connections_refused: sum(&tally.connections_refused, |one, _| one == name),
    }
}

fn route(route: &Route, tally: &Tally) -> RouteStatus {
    let name = route.name.as_str();
    let is_error = |one: &str, status: &str| one == name && status.starts_with('5');
    RouteStatus {
        name: name.to_owned(),
        methods: methods(&route.methods),
        host: route.host.clone().unwrap_or_else(|| "any".to_owned()),
        path: route.path.to_string(),
        policy: route.policy.to_string(),
        integration: route.integration.to_string(),
        requests: sum(&tally.requests, |one, _| one == name),
        refused: sum(&tally.refusals, |one, _| one == name),
        errors: sum(&tally.requests, is_error),
    }
}

fn methods(methods: &RouteMethods) -> String {
    match methods {
        RouteMethods::Any => "ANY".to_owned(),
        RouteMethods::Some(some) => each(some, |one| one.as_str()).join(", "),
    }
}

fn integration(integration: &Integration, tally: &Tally) -> IntegrationStatus {
    let name = integration.name.as_str();
    let (kind, targets) = match &integration.kind {
        IntegrationKind::HttpProxy(proxy) => {
            let target = |host: &str, port| match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            };
            let targets = each(&proxy.targets, |one| target(&one.host, one.port));
            ("http_proxy", targets)
        }
        IntegrationKind::Lambda(lambda) => ("lambda", vec![lambda.function.name.clone()]),
        IntegrationKind::Mock(_) => ("mock", Vec::new()),
    };
    let latency = tally.upstreams.iter().find(|(one, _)| one == name);
    IntegrationStatus {
        name: name.to_owned(),
        kind,
        targets,
        latency: latency.map(|(_, latency)| milliseconds(latency)),
    }
}

fn milliseconds(latency: &Latency) -> Milliseconds {
    let rounded = |seconds: f64| (seconds * 1e5).round() / 1e2;
    Milliseconds {
        answers: latency.count,
        p50_ms: rounded(latency.p50),
        p99_ms: rounded(latency.p99),
    }
}

/// The most frequent first.
fn refusals(tally: &Tally) -> Vec<RefusalStatus> {
    let mut codes = each(&tally.refusals, |(_, code, _)| code.as_str());
    codes.sort_unstable();
    codes.dedup();
    let mut all = each(&codes, |code| RefusalStatus {
        code: (*code).to_owned(),
        count: sum(&tally.refusals, |_, one| one == *code),
        meaning: meaning::of(code),
    });
    all.sort_by_key(|one| std::cmp::Reverse(one.count));
    all
}

fn counts(counted: &[(String, String, u64)]) -> Vec<Count> {
    each(counted, |(listener, reason, count)| Count {
        listener: listener.clone(),
        reason: reason.clone(),
        count: *count,
    })
}

fn sum(counted: &[(String, String, u64)], is: impl Fn(&str, &str) -> bool) -> u64 {
    let wanted = counted
        .iter()
        .filter(|(first, second, _)| is(first, second));
    wanted.map(|(.., count)| count).sum()
}

fn each<'a, T, U>(all: &'a [T], make: impl FnMut(&'a T) -> U) -> Vec<U> {
    all.iter().map(make).collect()
}
