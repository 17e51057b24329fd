//! The configuration, valid: what `gateway.toml` says, with every name it uses defined and
//! every value within its bounds. In: a file. Out: a `Config`, or every `Problem` at once.
//! Opens nothing but the TOML file itself: certificates, keys and the credential store are
//! opened when a snapshot is built.

mod consumer;
mod declared;
mod integration;
mod listener;
mod policy;
mod process;
mod route;

use std::path::{Path, PathBuf};

use crate::document::{self, Document, Table};
use crate::problem::Problems;
use crate::shape::PathShapes;

use declared::Declared;

pub use consumer::{CertificateMatch, Consumer};
pub use integration::{HttpProxy, Integration, IntegrationKind, Mock, TargetAddress, UpstreamTls};
pub use listener::{
    CertificateFiles, ClientCertificate, ClientCertificateMode, Listener, ListenerTls,
    RequestLimits, TlsVersion,
};
pub use policy::{Demand, Policy, Proof, SignatureDemand, SignatureProfile};
pub use process::{AccessLog, Process};
pub use route::{Route, RouteHost, RouteMethods};

/// A valid configuration. Paths in it are absolute or relative to the working directory:
/// what the file says relative to itself has been resolved.
#[derive(Debug)]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// What holds for the process: threads, drain, admin listener, access log.
    pub process: Process,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// The known callers.
    pub consumers: Vec<Consumer>,
    /// What routes may demand; always holds `open`, which is first.
    pub policies: Vec<Policy>,
    /// At least one.
    pub routes: Vec<Route>,
    /// What answers.
    pub integrations: Vec<Integration>,
}

impl Config {
    /// Reads `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines and cures.
    pub fn load(file: &Path) -> Result<Self, Problems> {
        let text = document::read(file)?;
        let document = Document::new(file, &text);
        let mut root = document.root()?;
        let config = read(&mut root, file);
        root.finish();
        check_together(&document, &config);
        document.or_ok(config)
    }

    /// The policy called `name`.
    pub fn policy(&self, route: &Route) -> Option<&Policy> {
        self.policies
            .iter()
            .find(|policy| policy.name == route.policy)
    }
}

fn read(root: &mut Table<'_>, file: &Path) -> Config {
    let base = file.parent().unwrap_or(Path::new(""));
    let process = process::read(root, base);
    let listeners = listener::read(root, base, process.admin);
    let mut consumer_names = Declared::new("consumer");
    let consumers = consumer::read(root, &mut consumer_names);
    let mut policy_names = Declared::new("policy");
    policy_names.reserve(policy::OPEN);
    let policies = policy::read(root, &mut policy_names, &consumer_names);
    let mut integration_names = Declared::new("integration");
    let integrations = integration::read(root, base, &mut integration_names);
    let routes = route::read(root, &policy_names, &integration_names);
    Config {
        file: file.to_owned(),
        process,
        listeners,
        consumers,
        policies,
        routes,
        integrations,
    }
}

/// What no section can see alone.
fn check_together(document: &Document<'_>, config: &Config) {
    if config.listeners.is_empty() {
        document.note(0, "there is no usable [[listener]], so nobody could call");
    }
    if config.routes.is_empty() {
        document.note(
            0,
            "there is no usable [[route]], so nothing would be served",
        );
    }
    let asks = config
        .listeners
        .iter()
        .filter_map(|listener| listener.tls.as_ref());
    let asks = asks.map(|tls| tls.client_certificate.mode);
    let asks = asks
        .into_iter()
        .any(|mode| mode != ClientCertificateMode::Off);
    for route in &config.routes {
        let Some(policy) = config.policy(route) else {
            continue;
        };
        let (proof, all) = match &policy.demand {
            Demand::Open => continue,
            Demand::AllOf(proof) => (proof, true),
            Demand::AnyOf(proof) => (proof, proof.signature.is_none()),
        };
        if proof.certificate && all && !asks {
            document.note(route.line, format!(
                "route \"{}\" demands a certificate, but no listener asks for one; give a listener client_certificate = {{ mode = \"optional\", trust = [\"…\"] }}",
                route.name
            ));
        }
        let hidden = PathShapes::DOT_SEGMENT | PathShapes::EMPTY_SEGMENT;
        let aws = proof
            .signature
            .as_ref()
            .is_some_and(|demand| demand.profile == SignatureProfile::Aws);
        if aws && route.allow_path.intersects(hidden) {
            document.note(route.line, format!(
                "route \"{}\" allows dot or empty segments, which a signature of the \"aws\" profile does not cover; use profile = \"s3\" or take them from allow_path",
                route.name
            ));
        }
    }
}
