//! Lambda's own API in one region: connections to it, and the gateway's signature on what it is
//! asked. Shared by all functions there, and kept over reloads with its connections.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
use reqwest::redirect::Policy;

use crate::aws::{NotSigned, Outgoing, Paths, Scope, Signer};
use crate::clock::UtcTime;
use crate::config;
use crate::digest::sha256;

/// Where Lambda is, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    region: String,
    endpoint: Option<String>,
    connect_timeout: Duration,
}

/// Lambda in one region.
pub(super) struct Service {
    pub(super) place: Place,
    base: String,
    authority: String,
    signer: Signer,
    client: Client,
}

/// An invocation that is to be sent.
pub(super) struct Sent<'a> {
    /// Path and query.
    pub(super) target: &'a str,
    /// `X-Amz-Invocation-Type`.
    pub(super) invocation_type: &'static str,
    /// `X-Amzn-Trace-Id`.
    pub(super) trace: Option<&'a str>,
    pub(super) event: Bytes,
}

/// Why an invocation got no answer.
pub(super) enum Unsent {
    NotSigned(NotSigned),
    /// No connection could be made, and why.
    Unreachable(&'static str),
    /// The connection broke.
    BrokenOff,
}

const SERVICE: &str = "lambda";
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);
const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const TRACE: &str = "x-amzn-trace-id";

impl Place {
    pub(super) fn of(function: &config::Function) -> Self {
        Self {
            region: function.region.clone(),
            endpoint: function.endpoint.clone(),
            connect_timeout: function.connect_timeout,
        }
    }
}

impl Service {
    /// A service to which no connection has been made yet.
    ///
    /// # Errors
    /// The system's authorities cannot be read.
    pub(super) fn open(place: Place) -> Result<Self, reqwest::Error> {
        let base = match &place.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => usual_endpoint(&place.region),
        };
        let authority = base
            .split_once("://")
            .map_or(base.as_str(), |(_, host)| host);
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(place.connect_timeout)
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(Self {
            authority: authority.to_owned(),
            signer: Signer::new(Scope {
                service: SERVICE.to_owned(),
                region: place.region.clone(),
                paths: Paths::EncodedTwice,
            }),
            base,
            client,
            place,
        })
    }

    /// Signs and sends; the head of the answer.
    pub(super) async fn send(&self, sent: Sent<'_>) -> Result<reqwest::Response, Unsent> {
        let fields = [
            (INVOCATION_TYPE, sent.invocation_type),
            ("content-type", "application/json"),
        ];
        let outgoing = Outgoing {
            method: "POST",
            authority: &self.authority,
            target: sent.target,
            fields: &fields,
            body_hash: Some(sha256(&sent.event)),
            now: UtcTime::now(),
        };
        let added = self.signer.sign(&outgoing).await;
        let added = added.map_err(Unsent::NotSigned)?;
        let mut request = self.client.post(format!("{}{}", self.base, sent.target));
        for (name, value) in fields {
            request = request.header(name, value);
        }
        for (name, value) in added {
            request = request.header(name, value);
        }
        if let Some(trace) = sent.trace {
            request = request.header(TRACE, trace);
        }
        let answer = request.body(sent.event).send().await;
        answer.map_err(|error| match error.is_connect() {
            true => Unsent::Unreachable(why(&error)),
            false => Unsent::BrokenOff,
        })
    }
}

/// AWS General Reference, "AWS Lambda endpoints and quotas".
fn usual_endpoint(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://lambda.{region}.amazonaws.com{suffix}")
}

/// Why a connection could not be made, for the log, which holds no words of strangers.
fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "connecting takes too long";
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if is_of_tls(inner) {
            return "TLS fails, perhaps for want of an authority";
        }
        if inner.to_string().starts_with("dns error") {
            return "its name is not known";
        }
        let kind = inner.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            return "the connection is refused";
        }
        cause = inner.source();
    }
    "no connection can be made"
}

fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    // An io::Error may hold another error, which its source leaves out.
    let io = error.downcast_ref::<io::Error>();
    let held = io.and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || held.is_some_and(|held| is_of_tls(held))
}
