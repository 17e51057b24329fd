//! The account of what was invoked, how it ended, and what runs. Tests read it and wait on it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use crate::function::Function;

/// Only bounds a test that has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One invocation that a function was given.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// As in `x-amzn-RequestId`.
    pub request_id: String,
    /// Which way it was invoked.
    pub kind: Kind,
    /// The name or ARN in the path, decoded.
    pub named: String,
    /// The `Qualifier` of the query: a version or an alias.
    pub qualifier: Option<String>,
    /// What the caller sent, its signature among it.
    pub headers: HeaderMap,
    /// The payload.
    pub body: Bytes,
    /// How it ended, once it has.
    pub ending: Option<Ending>,
}

/// The ways to invoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Invoke`, and the caller waits for the whole answer.
    RequestResponse,
    /// `Invoke`, and the caller does not wait.
    Event,
    /// `InvokeWithResponseStream`.
    Stream,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The caller, or nobody for an event, was told what the function answered.
    Answered,
    /// As above, of a function that failed.
    FunctionError,
    /// No sandbox could be had, or it was lost.
    ServiceError,
    /// The caller went away before the end of the answer.
    Abandoned,
}

/// What is known of one function.
#[derive(Default)]
pub(crate) struct Page {
    pub invocations: Vec<Invocation>,
    pub cold_starts: usize,
    pub in_flight: usize,
    pub throttled: usize,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pages: Mutex<Pages>,
    changed: Condvar,
}

#[derive(Default)]
struct Pages {
    by_function: HashMap<String, Page>,
    changes: u64,
}

impl Ledger {
    pub fn read<T>(&self, function: &str, read: impl FnOnce(&Page) -> T) -> T {
        let mut pages = self.lock();
        read(pages.by_function.entry(function.to_string()).or_default())
    }

    pub fn write<T>(&self, function: &str, write: impl FnOnce(&mut Page) -> T) -> T {
        let mut pages = self.lock();
        let written = write(pages.by_function.entry(function.to_string()).or_default());
        pages.changes += 1;
        self.changed.notify_all();
        written
    }

    pub fn wait_until(&self, what: &str, shown: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.lock().changes;
            if shown() {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never came: {what}");
            let unchanged = |pages: &mut Pages| pages.changes == seen;
            drop(
                self.changed
                    .wait_timeout_while(self.lock(), left, unchanged),
            );
        }
    }

    /// Opens an entry, which is closed as abandoned unless something else closes it.
    pub fn open(self: &Arc<Self>, function: &Function, invocation: Invocation) -> Entry {
        let enter = |page: &mut Page| {
            page.invocations.push(invocation);
            page.invocations.len() - 1
        };
        Entry {
            ledger: self.clone(),
            function: function.name.clone(),
            place: function
                .is_remembered
                .then(|| self.write(&function.name, enter)),
            ending: Ending::Abandoned,
        }
    }

    /// Counts an invocation as running, until what is returned is dropped.
    pub fn take_off(self: &Arc<Self>, function: &str) -> Flight {
        self.write(function, |page| page.in_flight += 1);
        Flight(self.clone(), function.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Entry {
    ledger: Arc<Ledger>,
    function: String,
    /// None of an invocation that is not remembered.
    place: Option<usize>,
    ending: Ending,
}

impl Entry {
    pub fn close(mut self, ending: Ending) {
        self.ending = ending;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(place) = self.place else {
            return;
        };
        let ending = self.ending.clone();
        self.ledger.write(&self.function, |page| {
            page.invocations[place].ending = Some(ending);
        });
    }
}

pub(crate) struct Flight(Arc<Ledger>, String);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.write(&self.1, |page| page.in_flight -= 1);
    }
}
