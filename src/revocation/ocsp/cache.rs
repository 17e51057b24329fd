//! Asks responders in the background and remembers what they said. In: certificates that have
//! been verified. Out: what is known of them, at once. Outlives snapshots. Everything is
//! bounded: callers choose which certificates are asked about, and certificates whom to ask.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use reqwest::Client;
use tokio::sync::{Semaphore, mpsc};

use crate::clock::UtcTime;
use crate::crl_source::shown;
use crate::revocation::http;

use super::ask::{self, TIMEOUT};
use super::entries::{Begin, Entries, OcspKey, OcspStatus};
use super::responders::Responders;
use super::{OcspAnswer, responder_of, verify};

/// What OCSP responders have said.
pub struct OcspCache {
    entries: Mutex<Entries>,
    responders: Responders,
    queue: mpsc::Sender<Job>,
    jobs: Mutex<Option<mpsc::Receiver<Job>>>,
    fetched: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// How asking has gone, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspCounts {
    /// Answers that can be believed.
    pub fetched: u64,
    /// Questions that brought none.
    pub failed: u64,
    /// Questions that were not put because too many waited, or too much is known.
    pub dropped: u64,
    /// Certificates of which something is known or asked.
    pub entries: usize,
}

struct Job {
    key: OcspKey,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    responder: Option<String>,
}

const MAX_ENTRIES: usize = 100_000;
const MAX_QUEUED: usize = 1024;
const MAX_AT_ONCE: usize = 8;

impl Default for OcspCache {
    fn default() -> Self {
        Self::with_room(MAX_ENTRIES, MAX_QUEUED)
    }
}

impl OcspCache {
    fn with_room(entries: usize, queued: usize) -> Self {
        let (queue, jobs) = mpsc::channel(queued);
        Self {
            entries: Mutex::new(Entries::new(entries)),
            responders: Responders::default(),
            queue,
            jobs: Mutex::new(Some(jobs)),
            fetched: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// What is known of a certificate.
    pub fn status(&self, key: &OcspKey, now: UtcTime) -> OcspStatus {
        self.entries().status(key, now)
    }

    /// Makes sure that something will be known of the certificate `subject`, which has been
    /// verified to be signed by `issuer`: asks `responder`, or else the one that the certificate
    /// names, unless what is known suffices for now. Call it whenever the certificate is used:
    /// that keeps what is known fresh. Never waits; when there is no place, the question is
    /// dropped and counted.
    pub fn want(
        &self,
        key: &OcspKey,
        subject: &[u8],
        issuer: &[u8],
        responder: Option<&str>,
        now: UtcTime,
    ) {
        let begin = self.entries().begin(key, now);
        let queued = match begin {
            Begin::NotNow => return,
            Begin::Full => false,
            Begin::Now => self.queue.try_reserve().is_ok_and(|place| {
                let responder = responder.map(str::to_owned);
                place.send(Job {
                    key: *key,
                    subject: subject.to_vec(),
                    issuer: issuer.to_vec(),
                    responder: responder.or_else(|| responder_of(subject)),
                });
                true
            }),
        };
        if !queued {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if begin == Begin::Now {
                self.entries().give_up(key);
            }
        }
    }

    /// Waits until a question that is being put for the first time is answered or has failed;
    /// not at all when there is none. Its end is that of [`OcspCache::run`]: bound the wait.
    pub async fn settled(&self, key: &OcspKey, now: UtcTime) -> OcspStatus {
        let waiter = self.entries().waiter(key, now);
        if let Some(mut waiter) = waiter {
            // Nothing is ever sent: it ends when the question does.
            let _ = waiter.changed().await;
        }
        self.status(key, now)
    }

    /// How asking has gone.
    pub fn counts(&self) -> OcspCounts {
        OcspCounts {
            fetched: self.fetched.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            entries: self.entries().len(),
        }
    }

    /// Puts the questions, for as long as the program runs. The first to call it does; any
    /// other call ends at once.
    pub async fn run(self: Arc<Self>) {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut jobs) = jobs else { return };
        let client = http::guarded_client(TIMEOUT);
        if let Err(why) = &client {
            tracing::error!("OCSP responders cannot be asked: {why}");
        }
        let client = client.ok();
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        while let Some(job) = jobs.recv().await {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let (cache, client) = (self.clone(), client.clone());
            tokio::spawn(async move {
                cache.put(&job, client.as_ref()).await;
                drop(place);
            });
        }
    }

    async fn put(&self, job: &Job, client: Option<&Client>) {
        let answer = self.ask(job, client).await;
        let count = match &answer {
            Ok(_) => &self.fetched,
            Err(why) => {
                let responder = job.responder.as_deref().map(shown);
                tracing::warn!(responder, "An OCSP responder gives no answer: {why}");
                &self.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        let answer = answer.ok();
        self.entries()
            .end(&job.key, answer.as_ref(), UtcTime::now());
    }

    async fn ask(&self, job: &Job, client: Option<&Client>) -> Result<OcspAnswer, String> {
        let client = client.ok_or("there is no HTTP client")?;
        let url = ask::target(job.responder.as_deref())?;
        let name = url.origin().ascii_serialization();
        if self.responders.is_down(&name, Instant::now()) {
            return Err("it failed a moment ago".to_owned());
        }
        match ask::post(client, url, &job.subject, &job.issuer).await {
            Ok(answer) => {
                self.responders.is_up(&name);
                let answer = verify(&answer, &job.subject, &job.issuer, UtcTime::now());
                answer.map_err(|e| e.to_string())
            }
            Err(why) => {
                self.responders.failed(&name, Instant::now());
                Err(why)
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
