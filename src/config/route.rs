//! `[[route]]`: which requests, under which policy, answered by what.

use crate::method::Method;
use crate::names::{IntegrationName, PolicyName, RouteName};
use crate::pattern::PathPattern;
use crate::shape::PathShapes;

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name, for logs and metrics.
    pub name: RouteName,
    /// The paths it takes.
    pub path: PathPattern,
    /// The methods it takes.
    pub methods: RouteMethods,
    /// The host it is for; `None` for any.
    pub host: Option<RouteHost>,
    /// What it demands.
    pub policy: PolicyName,
    /// What answers.
    pub integration: IntegrationName,
    /// The unusual shapes of paths that it takes.
    pub allow_path: PathShapes,
    /// The largest body it takes; the listener's ceiling when `None`.
    pub max_body_bytes: Option<u64>,
    /// Whether `Authorization` and `X-Amz-Security-Token` travel upstream.
    pub forward_authorization: bool,
    /// Whether the caller's certificate travels upstream as `Client-Cert` (RFC 9440).
    pub client_cert_header: bool,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// A host name, lower case, without port or trailing dot.
pub type RouteHost = String;

/// The methods of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteMethods {
    /// `ANY`: all seven.
    Any,
    /// These; at least one, sorted, none twice.
    Some(Vec<Method>),
}
