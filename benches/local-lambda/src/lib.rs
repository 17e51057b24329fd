//! AWS Lambda on a loopback address: its API in front of functions that AWS's own runtimes run.
//!
//! In: functions with their commands. Out: an address that speaks `Invoke` and
//! `InvokeWithResponseStream` as Lambda does, and an account of what was invoked there. Signatures
//! are taken as they come: what a caller sent is in the account, for a test to judge.

mod error;
mod front;
mod function;
mod http1;
mod ledger;
mod pool;
mod process;
mod rie;
mod runtime_api;
mod sandbox;
mod share;
mod stream;
mod target;
mod work;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::process::Processes;

pub use crate::function::{Emulator, Function, ServiceFailure};
pub use crate::ledger::{Ending, Invocation, Kind};
pub use crate::share::processor_shares_are_permitted;

/// A running Lambda. Whatever it started ends when it is dropped.
pub struct LocalLambda {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    processes: Arc<Processes>,
    runtime: Option<Runtime>,
}

impl LocalLambda {
    /// Serves the functions. Sandboxes start when they are needed first, as Lambda's do.
    ///
    /// # Panics
    /// When a port or a thread cannot be had, or AWS's emulator is not installed.
    pub fn start(functions: Vec<Function>) -> Self {
        Self::start_on(0, functions)
    }

    /// As [`Self::start`], on a port of one's own choice.
    ///
    /// # Panics
    /// As [`Self::start`] does.
    pub fn start_on(port: u16, functions: Vec<Function>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let ledger = Arc::new(Ledger::default());
        let processes = Arc::new(Processes::default());
        let mut pools = HashMap::new();
        for function in functions {
            function.assert_runnable();
            let name = function.name.clone();
            let pool = Pool::new(function, ledger.clone(), processes.clone());
            pools.insert(name, Arc::new(pool));
        }
        runtime.spawn(front::serve(listener, Arc::new(pools)));
        Self {
            address,
            ledger,
            processes,
            runtime: Some(runtime),
        }
    }

    /// Where Lambda's API is served, without TLS.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a function was given so far, in the order in which it came.
    pub fn invocations(&self, function: &str) -> Vec<Invocation> {
        self.ledger.read(function, |page| page.invocations.clone())
    }

    /// How many sandboxes were started for a function.
    pub fn cold_starts(&self, function: &str) -> usize {
        self.ledger.read(function, |page| page.cold_starts)
    }

    /// How many invocations of a function its sandboxes work on, whether or not the caller is
    /// still there.
    pub fn in_flight(&self, function: &str) -> usize {
        self.ledger.read(function, |page| page.in_flight)
    }

    /// How many callers were refused because all sandboxes were busy.
    pub fn throttled(&self, function: &str) -> usize {
        self.ledger.read(function, |page| page.throttled)
    }

    /// Waits until the account shows something; it is looked at after each change.
    ///
    /// # Panics
    /// When it does not come within 30 seconds.
    pub fn wait_until(&self, what: &str, shown: impl Fn(&Self) -> bool) {
        self.ledger.wait_until(what, || shown(self));
    }
}

impl Drop for LocalLambda {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.processes.end_all();
    }
}

/// A program of this workspace's debug build, which stands beside the running test.
///
/// # Panics
/// When it was not built.
pub fn binary(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("the running program has a path");
    let home = running
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps"))
        .expect("a program is in a directory");
    let path = home.join(name);
    assert!(
        path.is_file(),
        "{} is missing: `cargo build -p countersign-local-lambda` makes it",
        path.display()
    );
    path
}
