//! The configuration, valid: what `gateway.toml` says, with every name it uses defined and
//! every value within its bounds. In: a file. Out: a `Config`, or every `Problem` at once.
//! Opens nothing but the TOML file itself: certificates, keys and the credential store are
//! opened when a snapshot is built.

mod acme;
mod authorizer;
mod certificate_headers;
mod certificate_rule;
mod client_certificate;
mod consumer;
mod credential_source;
mod declared;
mod endpoint;
mod function;
mod hash;
mod identity_source;
mod integration;
mod lambda;
mod listener;
mod log_format;
mod nets;
mod outgoing;
mod policy;
mod process;
mod proxy_protocol;
mod replay_memory;
mod request_limits;
mod revocation;
mod route;
mod signature;
mod stage;
mod traces;
mod trust_store;
mod upstream_tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::document::{self, Document, Table};
use crate::problem::Problems;

use certificate_rule::CertificateRules;

pub use acme::{Acme, AcmeCertificate, AcmeChallenge};
pub use authorizer::{Authorizer, AuthorizerForm, ContextSource, IdentitySource};
pub use certificate_headers::{CertificateForm, CertificateHeaders, XfccField};
pub use certificate_rule::{CertificateCondition, CertificateRule, SpiffePath};
pub use client_certificate::{ClientCertificate, ClientCertificateMode, TlsHost};
pub use consumer::Consumer;
pub use credential_source::CredentialSource;
pub use function::Function;
pub use integration::{HttpProxy, Integration, IntegrationKind, Mock, TargetAddress};
pub use lambda::{Invocation, Lambda, MediaTypes, PayloadFormat};
pub use listener::{CertificateFiles, Listener, ListenerTls, StapleFrom, TlsVersion};
pub use log_format::{Escaping, LogFormat, LogPart, LogTemplate, LogVariable, RecordField};
pub use outgoing::{Outgoing, OutgoingRfc9421, OutgoingScheme, OutgoingSigV4};
pub use policy::{Demand, Policy, Proof};
pub use process::{AccessLog, Process};
pub use proxy_protocol::ProxyProtocol;
pub use replay_memory::{OnStoreDown, ReplayMemory, ReplayStore, StoreServer};
pub use request_limits::RequestLimits;
pub use revocation::{Ocsp, Revocation};
pub use route::{Route, RouteHost, RouteMethods};
pub use signature::{
    HmacDemand, HmacEncoding, HmacForm, HmacHash, HmacPreset, HmacTimestamp, MAX_EXPIRES_SECS,
    Rfc9421Demand, SigV4Algorithm, SigV4Demand, SignatureDemand, SignatureProfile, SignedPart,
    SignedTemplate, StreamingMode, StsDemand, TimestampPlace, TimestampUnit,
};
pub use stage::{DEFAULT_STAGE, Stage};
pub use traces::{Propagation, Traces};
pub use upstream_tls::UpstreamTls;

pub use trust_store::{Pin, TrustStore};

/// A valid configuration. Paths in it are absolute or relative to the working directory:
/// what the file says relative to itself has been resolved.
#[derive(Debug)]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// What holds for the process: threads, drain, admin listener, access log.
    pub process: Process,
    /// How requests are traced; `None` when they are not.
    pub traces: Option<Traces>,
    /// How used signatures are remembered.
    pub replay_memory: ReplayMemory,
    /// The authority that listeners have certificates from by themselves.
    pub acme: Option<Acme>,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// Where credentials are kept besides the store in a file.
    pub credential_sources: Vec<CredentialSource>,
    /// The known callers.
    pub consumers: Vec<Consumer>,
    /// What functions are told of the deployment.
    pub stage: Stage,
    /// The functions that policies ask.
    pub authorizers: Vec<Authorizer>,
    /// What routes may demand; always holds `open`, which is first.
    pub policies: Vec<Policy>,
    /// At least one.
    pub routes: Vec<Route>,
    /// What answers.
    pub integrations: Vec<Integration>,
}

impl Config {
    /// The trust stores that listeners use, as often as they use them.
    pub fn trust_stores(&self) -> impl Iterator<Item = &Arc<TrustStore>> {
        let tls = self.listeners.iter().filter_map(|one| one.tls.as_ref());
        tls.flat_map(|tls| {
            let hosts = tls.hosts.iter().map(|host| &host.client_certificate);
            std::iter::once(&tls.client_certificate).chain(hosts)
        })
        .filter_map(|client| client.trust_store.as_ref())
    }

    /// Reads `file`. Paths in it are relative to the directory that holds it.
    ///
    /// # Errors
    /// Every mistake in the file, in the order of its lines.
    pub fn load(file: &Path) -> Result<Self, Problems> {
        let text = document::read(file)?;
        let document = Document::new(file, &text);
        let config = read(document.root()?);
        document.or_ok(config)
    }
}

/// Reads every section. What is wrong is noted in the document and stands in as something
/// harmless, so that one mistake is not reported as many.
fn read(mut root: Table<'_>) -> Config {
    let file = root.document().file().to_owned();
    let base = file.parent().unwrap_or(Path::new("")).to_owned();
    let process = process::read(&mut root, &base);
    let traces = traces::read(&mut root);
    let replay_memory = replay_memory::read(&mut root, &base);
    let stores = trust_store::read(&mut root, &base);
    let acme_line = root.line_of("acme");
    let acme = acme::read(&mut root, &base);
    let sources = listener::Sources {
        stores: &stores,
        acme: acme.as_ref(),
    };
    let listeners = listener::read(&mut root, &base, &sources, process.admin);
    acme::check(root.document(), acme.as_ref(), acme_line, &listeners);
    let credential_sources = credential_source::read(&mut root);
    let has_store = process.credential_store.is_some() || !credential_sources.is_empty();
    let stage = stage::read(&mut root);
    let (authorizers, authorizer_names) = authorizer::read(&mut root, &stage);
    let mut rules = CertificateRules::read(&mut root, stores.names().clone());
    let (consumers, consumer_names) = consumer::read(&mut root, has_store, &mut rules);
    let mut known = policy::Known {
        consumers: &consumer_names,
        authorizers: &authorizer_names,
        listeners: &listeners,
        rules: &mut rules,
    };
    let (policies, policy_names) = policy::read(&mut root, &mut known);
    policy::check_credentials(root.document(), &policies, &consumers);
    let (integrations, integration_names) = integration::read(&mut root, &base, &stage);
    certificate_headers::check_contexts(root.document(), &authorizers, &integrations);
    identity_source::check(root.document(), &authorizers, &integrations);
    let known = route::Known {
        policies: &policies,
        policy_names: &policy_names,
        integration_names: &integration_names,
    };
    let routes = route::read(&mut root, &known);
    root.finish();
    Config {
        file,
        process,
        traces,
        replay_memory,
        acme,
        listeners,
        credential_sources,
        consumers,
        stage,
        authorizers,
        policies,
        routes,
        integrations,
    }
}
