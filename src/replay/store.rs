//! The memory that sibling gateways share: a Valkey or Redis that forgets by itself.
//! In: an entry and the time. Out: whether it is new, or nothing when the store did not say.
//! One question is one round trip: `SET key 1 NX PX ttl`, which only the first can do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use crate::clock::UtcTime;
use crate::config::{OnStoreDown, ReplayStore};
use crate::digest::hex;
use crate::problem::Problems;
use crate::replay::Entry;
use crate::replay::connection::Way;
use crate::replay::files::Files;
use crate::replay::link::Link;

/// A store.
pub(super) struct Store {
    settings: ReplayStore,
    /// A hash of what the files hold.
    held: [u8; 32],
    link: Arc<Link>,
}

/// An entry is remembered this much longer than the signature is good: siblings' clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

impl Store {
    /// Opens the files; connects to nothing.
    pub(super) fn open(settings: &ReplayStore, file: &Path) -> Result<Self, Problems> {
        let files = Files::open(settings, file)?;
        let way = Way::new(settings, &files).map_err(|error| {
            let mut problems = Problems::default();
            problems.add(
                file,
                settings.line,
                format!("the store cannot be used: {error}"),
            );
            problems
        })?;
        Ok(Self {
            settings: settings.clone(),
            held: files.hash(),
            link: Arc::new(Link::new(way)),
        })
    }

    /// Whether the other one does the same, so that its connection is as good.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.settings == other.settings && self.held == other.held
    }

    /// What is answered when the store cannot be asked.
    pub(super) fn on_down(&self) -> OnStoreDown {
        self.settings.on_down
    }

    /// Whether the store can be reached.
    pub(super) async fn is_ready(&self) -> bool {
        self.link.is_up().await
    }

    /// Whether `entry` is new; `None` when the store did not say.
    pub(super) async fn remember(&self, entry: &Entry, now: UtcTime) -> Option<bool> {
        let left = entry.good_until.unix().saturating_sub(now.unix());
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
        let ttl = u64::try_from((left + MARGIN).as_millis()).unwrap_or(u64::MAX >> 1);
        let mut question = redis::cmd("SET");
        question.arg(self.name_of(entry)).arg(1).arg("NX");
        question.arg("PX").arg(ttl);
        match self.link.ask(&question, self.settings.timeout).await? {
            Value::Okay => Some(true),
            Value::Nil => Some(false),
            _ => None,
        }
    }

    fn name_of(&self, entry: &Entry) -> String {
        format!("{}{}", self.settings.key_prefix, hex(&entry.key))
    }
}
