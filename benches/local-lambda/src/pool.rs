//! The sandboxes of one function. In: work and a place to do it. Out: the parts of the answer.
//! A sandbox is kept for the next invocation, and replaced when a function broke it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::function::Function;
use crate::ledger::Ledger;
use crate::process::Processes;
use crate::sandbox::Sandbox;
use crate::work::{Last, Outcome, Part, Work};

/// How many chunks may wait for a slow caller before the function waits too.
const CHUNKS_AHEAD: usize = 4;

pub(crate) struct Pool {
    pub function: Function,
    pub ledger: Arc<Ledger>,
    processes: Arc<Processes>,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Sandbox>>,
}

impl Pool {
    pub fn new(function: Function, ledger: Arc<Ledger>, processes: Arc<Processes>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(function.sandboxes)),
            idle: Mutex::default(),
            function,
            ledger,
            processes,
        }
    }

    /// A place for a caller, who waits as long as the function lets it.
    pub async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) if self.function.max_wait.is_zero() => None,
            Err(_) => timeout(self.function.max_wait, self.queue())
                .await
                .ok()
                .flatten(),
        };
        if place.is_none() {
            let name = &self.function.name;
            self.ledger.write(name, |page| page.throttled += 1);
        }
        place
    }

    /// A place for an event, whenever there is one.
    pub async fn queue(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Starts the work. It goes on to its end when nobody takes its parts.
    pub fn run(self: &Arc<Self>, place: OwnedSemaphorePermit, work: Work) -> Receiver<Part> {
        let (parts, taken) = mpsc::channel(CHUNKS_AHEAD);
        let pool = self.clone();
        let flight = self.ledger.take_off(&self.function.name);
        tokio::spawn(async move {
            let last = pool.work(&work, &parts).await;
            // The sandbox is free before its caller hears the end and comes again.
            drop((place, flight));
            let _ = parts.send(Part::Last(last)).await;
        });
        taken
    }

    async fn work(&self, work: &Work, parts: &mpsc::Sender<Part>) -> Last {
        let idle = self.idle().pop();
        let began = Instant::now();
        let is_cold = idle.is_none();
        let mut sandbox = match idle {
            Some(sandbox) => sandbox,
            None => match self.start().await {
                Ok(sandbox) => sandbox,
                Err(error) => return Last::Broken(error.to_string()),
            },
        };
        let Outcome { last, reusable } = sandbox.run(work, parts).await;
        if is_cold {
            self.has_started(&sandbox, began);
        }
        if reusable {
            self.idle().push(sandbox);
        }
        last
    }

    async fn start(&self) -> std::io::Result<Sandbox> {
        let name = &self.function.name;
        self.ledger.write(name, |page| page.cold_starts += 1);
        Sandbox::start(&self.function, &self.processes).await
    }

    fn has_started(&self, sandbox: &Sandbox, began: Instant) {
        sandbox.process().hold_to_share(self.function.memory_mb);
        if let Some(tell) = &self.function.cold_starts {
            let _ = tell.send(began.elapsed());
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sandbox>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
