//! The configuration, valid: what `gateway.toml` says, with every name it uses defined and
//! every value within its bounds. In: a file. Out: a `Config`, or every `Problem` at once.
//! Opens nothing but the TOML file itself: certificates, keys and the credential store are
//! opened when a snapshot is built.

mod consumer;
mod integration;
mod listener;
mod policy;
mod process;
mod route;

use std::path::PathBuf;

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
