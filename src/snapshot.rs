//! One compiled configuration: everything opened, nothing running. In: a valid `Config` and
//! the snapshot before it. Out: a `Snapshot` that serves until the next one replaces it
//! whole, or every `Problem` found in opening files.

use std::collections::HashMap;
use std::sync::Arc;

use crate::authorize::Authorizer;
use crate::clock::UtcTime;
use crate::config::{Config, Listener, Process};
use crate::credential::{self, CredentialStore};
use crate::integration::Integrations;
use crate::names::ListenerName;
use crate::problem::Problems;
use crate::route::Routes;
use crate::tls::TlsGeneration;

/// One compiled configuration.
pub struct Snapshot {
    version: u64,
    process: Process,
    routes: Routes,
    authorizer: Authorizer,
    integrations: Integrations,
    listeners: HashMap<ListenerName, ListenerSnapshot>,
}

/// One listener of a snapshot.
#[derive(Clone)]
pub struct ListenerSnapshot {
    /// Its settings.
    pub settings: Arc<Listener>,
    /// Its TLS; `None` for plaintext.
    pub tls: Option<Arc<TlsGeneration>>,
}

impl Snapshot {
    /// Compiles `config`. What must outlive a reload, such as the key for session tickets, is
    /// taken over from `previous`.
    ///
    /// # Errors
    /// Every file that cannot be opened and every credential that does not exist.
    pub fn build(config: &Config, previous: Option<&Snapshot>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let store = open_store(config, &mut problems);
        let listeners = open_listeners(config, previous, &mut problems);
        let integrations = match Integrations::open(config) {
            Ok(integrations) => Some(integrations),
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        problems.or_ok(()).map(|()| Self {
            version: previous.map_or(1, |before| before.version + 1),
            process: config.process.clone(),
            routes: Routes::new(&config.routes),
            authorizer: Authorizer::new(config, store),
            integrations: integrations.expect("no problem was found in opening them"),
            listeners,
        })
    }

    /// Counts up from 1 with every snapshot of a process.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The settings of the process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The routes.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Policies, consumers and keys.
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// The integrations.
    pub fn integrations(&self) -> &Integrations {
        &self.integrations
    }

    /// The listener called `name`; `None` when a reload has removed it.
    pub fn listener(&self, name: &ListenerName) -> Option<&ListenerSnapshot> {
        self.listeners.get(name)
    }

    /// The listeners, in no order.
    pub fn listeners(&self) -> impl Iterator<Item = &ListenerSnapshot> {
        self.listeners.values()
    }
}

fn open_store(config: &Config, problems: &mut Problems) -> Arc<CredentialStore> {
    let store = match config.process.credential_store.as_deref() {
        None => CredentialStore::default(),
        Some(path) => CredentialStore::load(path).unwrap_or_else(|found| {
            problems.extend(found);
            CredentialStore::default()
        }),
    };
    // With a store that cannot be read, every credential would be reported as missing too.
    if problems.is_empty() {
        for consumer in &config.consumers {
            let checked = credential::check_consumer(
                &consumer.name,
                &consumer.credentials,
                &store,
                UtcTime::now(),
            );
            for text in checked.err().into_iter().flatten() {
                problems.add(&config.file, consumer.line, text);
            }
        }
    }
    Arc::new(store)
}

fn open_listeners(
    config: &Config,
    previous: Option<&Snapshot>,
    problems: &mut Problems,
) -> HashMap<ListenerName, ListenerSnapshot> {
    let mut listeners = HashMap::new();
    for settings in &config.listeners {
        let before = previous
            .and_then(|before| before.listener(&settings.name))
            .and_then(|listener| listener.tls.as_deref());
        let tls = settings
            .tls
            .as_ref()
            .map(|tls| TlsGeneration::open(&config.file, settings, tls, before).map(Arc::new));
        match tls.transpose() {
            Ok(tls) => {
                let settings = Arc::new(settings.clone());
                listeners.insert(settings.name.clone(), ListenerSnapshot { settings, tls });
            }
            Err(found) => problems.extend(found),
        }
    }
    listeners
}
