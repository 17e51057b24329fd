//! What the gateway knows of a request that a function is to be told of.

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::client_certificate::ClientCertificate;
use crate::config::Stage;

/// A request, with everything that any form of event may tell of it.
pub struct Request<'a> {
    /// The method's token.
    pub method: &'a str,
    /// The path as received, percent-encodings and all.
    pub path: &'a str,
    /// What follows the first `?`, as received.
    pub query: Option<&'a str>,
    /// The fields in order, with their names as they were sent; what only the gateway may say has
    /// been put in its place.
    pub fields: Vec<(&'a str, Cow<'a, str>)>,
    /// The authority without its port.
    pub host: &'a str,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: &'static str,
    /// The caller's address.
    pub source_ip: IpAddr,
    /// The request's id.
    pub request_id: &'a str,
    /// When it came, in milliseconds since 1970.
    pub time_ms: i64,
    /// The method of its route: a token, or `ANY`.
    pub route_method: &'a str,
    /// The path pattern of its route: `/orders/{id}`.
    pub resource: &'a str,
    /// The parameters of the pattern and what stands in their place, percent-encodings and all.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// The caller's certificate, when it is trusted.
    pub certificate: Option<ClientCertificate<'a>>,
    /// The consumer that calls.
    pub consumer: Option<&'a str>,
    /// What an authorizer said of the caller.
    pub context: Option<&'a Context>,
    /// The stage.
    pub stage: &'a Stage,
}

/// What an authorizer said of a caller whom it lets pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Who calls, as an IAM policy's answer says.
    pub principal_id: Option<String>,
    /// What else it said.
    pub values: Map<String, Value>,
}
