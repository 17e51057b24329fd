//! The threads that serve. Each has a runtime of its own, and lanes with connections to targets of
//! its own: what a connection needs is woken, run and freed on the thread that it was given to, as
//! nginx and HAProxy do it. In: connections that were accepted. Out: nothing; they are served.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::lanes::Lanes;
use super::state::State;

/// How long tasks are waited for that are left when the gateway has drained.
const LEFT: Duration = Duration::from_millis(100);

/// The threads.
pub(super) struct Workers(Vec<Worker>);

struct Worker {
    runtime: Handle,
    lanes: Arc<Lanes>,
    connections: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A connection's place at a worker; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// The system has no thread, or no poll of events, to give.
    pub(super) fn start(state: &Arc<State>, threads: usize) -> io::Result<Self> {
        let start = |number| Worker::start(state, number);
        (0..threads).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Gives a connection to the worker that has the fewest.
    pub(super) fn serve<F>(&self, serve: impl FnOnce(Arc<Lanes>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let load = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let Some(worker) = self.0.iter().min_by_key(load) else {
            return;
        };
        let place = Place::take(&worker.connections);
        let lanes = worker.lanes.clone();
        worker.runtime.spawn(async move {
            serve(lanes).await;
            drop(place);
        });
    }

    /// Returns when every worker has come to do something new: at once, if none is stuck.
    pub(super) async fn answer(&self) {
        for worker in &self.0 {
            // It is gone when the gateway ends, which is no matter of being stuck.
            let _ = worker.runtime.spawn(async {}).await;
        }
    }

    /// Ends them, and what they still do.
    pub(super) fn stop(self) {
        let stopped = self.0.into_iter().map(|worker| {
            // One that has ended needs not be told.
            let _ = worker.stop.send(());
            worker.thread
        });
        let threads: Vec<_> = stopped.collect();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("A thread that served has panicked.");
            }
        }
    }
}

impl Worker {
    fn start(state: &Arc<State>, number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let lanes = {
            let _entered = handle.enter();
            Arc::new(Lanes::new(state))
        };
        let (stop, stopped) = oneshot::channel();
        let name = format!("worker-{number}");
        let thread = thread::Builder::new().name(name).spawn(move || {
            // Whoever could send is gone as well when this fails.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(LEFT);
        })?;
        Ok(Self {
            runtime: handle,
            lanes,
            connections: Arc::default(),
            stop,
            thread,
        })
    }
}

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
