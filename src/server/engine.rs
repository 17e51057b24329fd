//! Pingora's HTTP engine, set up: the callbacks of `proxy.rs` over the connections of `upstream.rs`.
//! In: the state of the gateway. Out: an `Engine`, which serves streams.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use pingora_core::apps::HttpServerOptions;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, ProcessCustomSession, ProxyServiceBuilder};

use super::exchange;
use super::kept;
use super::proxy::Gateway;
use super::state::State;
use super::upstream::Connector;

/// Pingora as we use it.
pub(super) type Engine = HttpProxy<Gateway, Connector>;

pub(super) fn engine(state: &Arc<State>) -> Engine {
    let conf = ServerConf {
        upstream_keepalive_pool_size: kept::MOST,
        max_retries: exchange::MOST_TRIES,
        ..ServerConf::default()
    };
    let gateway = Gateway {
        state: state.clone(),
    };
    let snapshot = state.snapshot();
    let idle = snapshot
        .listeners()
        .map(|listener| listener.settings.limits.idle_timeout);
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = idle.max();
    // For callers that speak a protocol of their own, of which there are none.
    let on_custom: ProcessCustomSession<_, _> = Arc::new(|_, _, _| Box::pin(async { None }));
    let service = ProxyServiceBuilder::new(&Arc::new(conf), gateway)
        .custom(Connector, on_custom)
        .server_options(options)
        .build();
    // Pingora makes an engine with a connector only inside a service, which does not give it back.
    let service = ManuallyDrop::new(service);
    let engine = service.app_logic();
    let engine = engine.expect("a service that was not started has its application");
    // SAFETY: the engine is moved out of the service: it is read once, and the service, which
    // alone owned it, is neither used nor dropped afterwards. What else is in the service (its
    // name, an empty list of listeners) is leaked, once for each thread that serves.
    unsafe { std::ptr::read(engine) }
}
