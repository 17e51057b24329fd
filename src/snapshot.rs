//! One compiled configuration: everything opened, nothing running. In: a valid `Config` and
//! the snapshot before it. Out: a `Snapshot` that serves until the next one replaces it
//! whole, or every `Problem` found in opening files.

mod fetched;

use std::collections::HashMap;
use std::sync::Arc;

use crate::acme;
use crate::authorize::Authorizer;
use crate::clock::UtcTime;
use crate::config::{Config, Listener, Process, Stage};
use crate::credential::{self, CredentialStore};
use crate::credential_source;
use crate::integration::Integrations;
use crate::lambda::Functions;
use crate::names::ListenerName;
use crate::problem::Problems;
use crate::replay::ReplayMemory;
use crate::route::Routes;
use crate::signature::rfc9421;
use crate::tls::TlsGeneration;
use crate::trust::Trusts;

pub use fetched::Fetched;

/// One compiled configuration.
pub struct Snapshot {
    version: u64,
    config: Arc<Config>,
    /// The credential store in the file, as it was read with the configuration.
    file: Arc<CredentialStore>,
    fetched: Fetched,
    routes: Arc<Routes>,
    authorizer: Authorizer,
    functions: Functions,
    integrations: Arc<Integrations>,
    trusts: Trusts,
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

impl ListenerSnapshot {
    /// The same listener under other trusts.
    fn trusting(&self, trusts: &Trusts) -> Result<(ListenerName, Self), String> {
        let settings = self.settings.clone();
        let opened = self.tls.as_deref().zip(settings.tls.as_ref());
        let tls = opened.map(|(tls, wanted)| tls.trusting(&settings, wanted, trusts));
        let tls = tls.transpose()?.map(Arc::new);
        Ok((settings.name.clone(), Self { settings, tls }))
    }
}

impl Snapshot {
    /// Compiles `config` and what was `fetched` for it. What must outlive a
    /// reload, such as the key for session tickets, is taken over from `previous`.
    ///
    /// # Errors
    /// Every file that cannot be opened and every credential that does not exist.
    pub fn build(
        config: Config,
        fetched: Fetched,
        previous: Option<&Snapshot>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut noted = |found: Problems| problems.extend(found);
        let file = open_store(&config).map_err(&mut noted).ok();
        let store = file.as_ref().and_then(|file| {
            merge(&config, file, &fetched.credentials)
                .map_err(&mut noted)
                .ok()
        });
        check_policies(&config, &mut problems);
        if let Some(Err(found)) = config.acme.as_ref().map(acme::check_account) {
            problems.extend(found);
        }
        let trusts_before = previous.map(|before| &before.trusts);
        let trusts = Trusts::open(&config, &fetched.lists, trusts_before)
            .map_err(|found| problems.extend(found))
            .ok();
        let listeners = trusts.as_ref().and_then(|trusts| {
            let opened = open_listeners(&config, trusts, previous);
            opened.map_err(|found| problems.extend(found)).ok()
        });
        let before = previous.map(|before| &before.functions);
        let functions = Functions::open(&config, before)
            .map_err(|found| problems.extend(found))
            .ok();
        let before = previous.map(|before| before.integrations.as_ref());
        let integrations = functions.as_ref().and_then(|functions| {
            let opened = Integrations::open(&config, functions, before);
            opened.map_err(|found| problems.extend(found)).ok()
        });
        let memory = previous.map(|before| before.authorizer.replay_memory().as_ref());
        let memory = ReplayMemory::open(&config.replay_memory, &config.file, memory)
            .map_err(|found| problems.extend(found))
            .ok();
        problems.or_ok(())?;
        const OPENED: &str = "no problem was found in opening it";
        let before = previous.map(|before| &before.authorizer);
        let functions = functions.expect(OPENED);
        Ok(Self {
            version: previous.map_or(1, |before| before.version + 1),
            routes: Arc::new(Routes::new(&config.routes)),
            authorizer: Authorizer::new(
                &config,
                store.expect(OPENED),
                Arc::new(memory.expect(OPENED)),
                &functions,
                before,
            ),
            functions,
            integrations: Arc::new(integrations.expect(OPENED)),
            trusts: trusts.expect(OPENED),
            listeners: listeners.expect(OPENED),
            file: Arc::new(file.expect(OPENED)),
            fetched,
            config: Arc::new(config),
        })
    }

    /// The same configuration with what was `fetched` for it since.
    ///
    /// # Errors
    /// A credential that a consumer names and that is gone.
    pub fn refreshed(&self, fetched: Fetched) -> Result<Self, Problems> {
        let store = merge(&self.config, &self.file, &fetched.credentials)?;
        let trusts = self.trusts.with_lists(&fetched.lists);
        let listeners = self.listeners.values().map(|one| one.trusting(&trusts));
        let listeners = listeners.collect::<Result<_, _>>();
        let listeners = listeners.map_err(|e| Problems::with_file(&self.config.file, e))?;
        Ok(Self {
            version: self.version + 1,
            config: self.config.clone(),
            file: self.file.clone(),
            fetched,
            routes: self.routes.clone(),
            authorizer: Authorizer::new(
                &self.config,
                store,
                self.authorizer.replay_memory().clone(),
                &self.functions,
                Some(&self.authorizer),
            ),
            functions: self.functions.clone(),
            integrations: self.integrations.clone(),
            trusts,
            listeners,
        })
    }

    /// The same configuration with its certificates as they are in their files by now.
    ///
    /// # Errors
    /// Every file that cannot be used.
    pub fn reopened(&self) -> Result<Self, Problems> {
        let listeners = open_listeners(&self.config, &self.trusts, Some(self))?;
        let refreshed = self.refreshed(self.fetched.clone())?;
        Ok(Self {
            listeners,
            ..refreshed
        })
    }

    /// What was fetched for it.
    pub fn fetched(&self) -> &Fetched {
        &self.fetched
    }

    /// Counts up from 1 with every snapshot of a process.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The configuration itself.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is told of the deployment.
    pub fn stage(&self) -> &Stage {
        &self.config.stage
    }

    /// The settings of the process.
    pub fn process(&self) -> &Process {
        &self.config.process
    }

    /// The routes.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Policies, consumers and keys.
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// The trust stores that listeners use.
    pub fn trusts(&self) -> &Trusts {
        &self.trusts
    }

    /// The functions that integrations and authorizers invoke.
    pub fn functions(&self) -> &Functions {
        &self.functions
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

/// Notes what a policy demands and no request could have.
fn check_policies(config: &Config, problems: &mut Problems) {
    for policy in &config.policies {
        let signature = policy.demand.signature();
        let Some(demand) = signature.and_then(|demand| demand.rfc9421.as_ref()) else {
            continue;
        };
        if let Err(why) = rfc9421::check_demand(demand) {
            let text = format!("\"rfc9421\" of policy \"{}\": {why}", policy.name);
            problems.add(&config.file, demand.line, text);
        }
    }
}

fn open_store(config: &Config) -> Result<CredentialStore, Problems> {
    match config.process.credential_store.as_deref() {
        None => Ok(CredentialStore::default()),
        Some(path) => CredentialStore::load(path),
    }
}

/// The store of the file and those of the sources, if every consumer finds its credentials in
/// them.
fn merge(
    config: &Config,
    file: &CredentialStore,
    fetched: &[credential_source::Fetched],
) -> Result<Arc<CredentialStore>, Problems> {
    let mut problems = Problems::default();
    let sources = fetched.iter().map(|one| one.store().as_ref());
    let store = file.merged(sources).unwrap_or_else(|twice| {
        for id in twice {
            let text = format!(
                "credential \"{id}\" is in two of the credential store and the credential sources"
            );
            problems.add(&config.file, 0, text);
        }
        CredentialStore::default()
    });
    // With a store that cannot be had, every credential would be reported as missing too.
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
        for policy in &config.policies {
            let demand = policy.demand.signature();
            let Some(hmac) = demand.and_then(|demand| demand.hmac.as_ref()) else {
                continue;
            };
            let checked = credential::check_hmac(&policy.name, &hmac.credentials, &store);
            for text in checked.err().into_iter().flatten() {
                problems.add(&config.file, hmac.line, text);
            }
        }
    }
    problems.or_ok(Arc::new(store))
}

fn open_listeners(
    config: &Config,
    trusts: &Trusts,
    previous: Option<&Snapshot>,
) -> Result<HashMap<ListenerName, ListenerSnapshot>, Problems> {
    let mut problems = Problems::default();
    let mut listeners = HashMap::new();
    for settings in &config.listeners {
        let before = previous
            .and_then(|before| before.listener(&settings.name))
            .and_then(|listener| listener.tls.as_deref());
        let tls = settings.tls.as_ref().map(|tls| {
            TlsGeneration::open(&config.file, settings, tls, trusts, before).map(Arc::new)
        });
        match tls.transpose() {
            Ok(tls) => {
                let settings = Arc::new(settings.clone());
                listeners.insert(settings.name.clone(), ListenerSnapshot { settings, tls });
            }
            Err(found) => problems.extend(found),
        }
    }
    problems.or_ok(listeners)
}
