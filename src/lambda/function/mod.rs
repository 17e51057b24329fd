//! A function and its invocation (AWS Lambda API Reference, "Invoke" and
//! "InvokeWithResponseStream"). In: an event. Out: the function's payload, whole or as it comes,
//! or why there is none. Whoever drops an invocation ends it.

mod counts;
mod frames;
mod invoked;
mod service;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use tokio::time::Instant;

use crate::config::{self, Config, IntegrationKind, Invocation};
use crate::lambda::verdict;
use crate::problem::Problems;
use crate::refusal::FunctionFailure;

use counts::Counts;
use invoked::Running;
use service::{Place, Sent, Service, Unsent};

pub use counts::Outcome;
pub use invoked::{Invoked, Reply};

/// Whom a function serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server<'a> {
    /// The integration of this name.
    Integration(&'a str),
    /// The authorizer of this name.
    Authorizer(&'a str),
}

/// Every function of a configuration.
#[derive(Clone, Default)]
pub struct Functions(Vec<Arc<Function>>);

/// A function.
pub struct Function {
    serves: (Kind, String),
    settings: Settings,
    target: String,
    service: Arc<Service>,
    counts: Arc<Counts>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integration,
    Authorizer,
}

#[derive(Clone, PartialEq, Eq)]
struct Settings {
    function: config::Function,
    invocation: Invocation,
    /// The longest silence.
    idle_timeout: Option<Duration>,
    /// The largest answer that is not streamed.
    max_answer_bytes: u64,
}

/// How a function's invocations have gone.
pub struct FunctionCounts<'a> {
    /// Whom it serves.
    pub serves: Server<'a>,
    /// Invocations that are under way.
    pub in_flight: usize,
    /// The others, by how they ended.
    pub ended: Vec<(&'static str, u64)>,
}

impl Functions {
    /// The functions of a valid configuration. What has not changed is taken over from
    /// `previous`, with its connections and counts.
    ///
    /// # Errors
    /// There is no TLS to Lambda.
    pub fn open(config: &Config, previous: Option<&Self>) -> Result<Self, Problems> {
        let none = Self::default();
        let previous = previous.unwrap_or(&none);
        let mut all: Vec<Arc<Function>> = Vec::new();
        for (kind, name, line, settings) in wanted(config) {
            let service = previous.service_for(&settings, &all);
            let service = service.map_or_else(
                || Service::open(Place::of(&settings.function)).map(Arc::new),
                Ok,
            );
            let service = service.map_err(|e| {
                let mut problems = Problems::default();
                problems.add(
                    &config.file,
                    line,
                    format!("there is no TLS to Lambda: {e}"),
                );
                problems
            })?;
            all.push(previous.taken_over(kind, name, settings, service));
        }
        Ok(Self(all))
    }

    /// The function of an integration.
    pub fn of_integration(&self, name: &str) -> Option<&Arc<Function>> {
        self.find(Kind::Integration, name)
    }

    /// The function of an authorizer.
    pub fn of_authorizer(&self, name: &str) -> Option<&Arc<Function>> {
        self.find(Kind::Authorizer, name)
    }

    /// How the invocations of each have gone.
    pub fn counts(&self) -> impl Iterator<Item = FunctionCounts<'_>> {
        self.0.iter().map(|function| function.counts())
    }

    fn find(&self, kind: Kind, name: &str) -> Option<&Arc<Function>> {
        let mut all = self.0.iter();
        all.find(|function| function.serves.0 == kind && function.serves.1 == name)
    }

    fn service_for(&self, settings: &Settings, others: &[Arc<Function>]) -> Option<Arc<Service>> {
        let place = Place::of(&settings.function);
        let mut known = others.iter().chain(&self.0).map(|one| &one.service);
        known.find(|service| service.place == place).cloned()
    }

    fn taken_over(
        &self,
        kind: Kind,
        name: &str,
        settings: Settings,
        service: Arc<Service>,
    ) -> Arc<Function> {
        let before = self.find(kind, name);
        if let Some(before) = before.filter(|before| before.settings == settings) {
            return before.clone();
        }
        Arc::new(Function {
            serves: (kind, name.to_owned()),
            target: target(&settings),
            counts: before.map_or_else(Arc::default, |before| before.counts.clone()),
            settings,
            service,
        })
    }
}

/// What Lambda gives over its round number ("Lambda quotas": 6,291,556 bytes).
const SPARE: u64 = 100;

/// The functions that a configuration names, and the lines where it does.
fn wanted(config: &Config) -> impl Iterator<Item = (Kind, &str, usize, Settings)> {
    let integrations = config.integrations.iter().filter_map(|integration| {
        let IntegrationKind::Lambda(lambda) = &integration.kind else {
            return None;
        };
        let streams = lambda.invocation == Invocation::ResponseStream;
        let settings = Settings {
            function: lambda.function.clone(),
            invocation: lambda.invocation,
            idle_timeout: streams.then_some(lambda.idle_timeout),
            max_answer_bytes: lambda.function.max_payload_bytes + SPARE,
        };
        let name = integration.name.as_str();
        Some((Kind::Integration, name, integration.line, settings))
    });
    let authorizers = config.authorizers.iter().map(|authorizer| {
        let settings = Settings {
            function: authorizer.function.clone(),
            invocation: Invocation::RequestResponse,
            idle_timeout: None,
            max_answer_bytes: verdict::MAX_BYTES,
        };
        let name = authorizer.name.as_str();
        (Kind::Authorizer, name, authorizer.line, settings)
    });
    integrations.chain(authorizers)
}

/// Path and query of its invocations.
fn target(settings: &Settings) -> String {
    let (version, verb) = match settings.invocation {
        Invocation::RequestResponse | Invocation::Event => ("2015-03-31", "invocations"),
        Invocation::ResponseStream => ("2021-11-15", "response-streaming-invocations"),
    };
    let mut text = format!("/{version}/functions/");
    encode(&settings.function.name, &mut text);
    let _ = write!(text, "/{verb}");
    if let Some(qualifier) = &settings.function.qualifier {
        text.push_str("?Qualifier=");
        encode(qualifier, &mut text);
    }
    text
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            false => drop(write!(out, "%{byte:02X}")),
        }
    }
}

impl Function {
    /// The largest event, in bytes.
    pub fn max_event_bytes(&self) -> u64 {
        self.settings.function.max_payload_bytes
    }

    /// Its name or ARN, as configured.
    pub fn name(&self) -> &str {
        &self.settings.function.name
    }

    /// Its region.
    pub fn region(&self) -> &str {
        &self.settings.function.region
    }

    /// Counts a request for which it is not invoked.
    pub fn refused(&self, failure: FunctionFailure) {
        self.counts.add(Outcome::Failed(failure));
    }

    /// Invokes it with an event, and waits for the head of Lambda's answer. `trace` is the
    /// value of `X-Amzn-Trace-Id`.
    ///
    /// # Errors
    /// It is not invoked, or Lambda says why it does not answer.
    pub async fn invoke(
        &self,
        event: Bytes,
        trace: Option<&str>,
    ) -> Result<Invoked, FunctionFailure> {
        let most = self.settings.function.max_concurrency;
        let Some(running) = Running::begin(&self.counts, most) else {
            self.refused(FunctionFailure::Busy);
            return Err(FunctionFailure::Busy);
        };
        let invoked = self.send(event, trace).await;
        match invoked {
            Ok(answer) => Ok(Invoked::new(answer, running, &self.settings.limits())),
            Err(failure) => {
                running.end(Outcome::Failed(failure));
                Err(failure)
            }
        }
    }

    async fn send(
        &self,
        event: Bytes,
        trace: Option<&str>,
    ) -> Result<(reqwest::Response, Option<Instant>), FunctionFailure> {
        let until = self.settings.function.timeout;
        let until = until.map(|timeout| Instant::now() + timeout);
        // In a box: whoever may invoke a function, which every request may, would take as much room.
        let sent = Box::pin(self.service.send(Sent {
            target: &self.target,
            invocation_type: match self.settings.invocation {
                Invocation::RequestResponse | Invocation::ResponseStream => "RequestResponse",
                Invocation::Event => "Event",
            },
            trace,
            event,
        }));
        let answer = invoked::in_time(sent, until, self.settings.idle_timeout).await?;
        let answer = answer.map_err(|unsent| match unsent {
            Unsent::NotSigned(why) => FunctionFailure::NotSigned(why.0),
            Unsent::Unreachable(why) => FunctionFailure::Unreachable(why),
            Unsent::BrokenOff => FunctionFailure::BrokenOff,
        })?;
        match failure_of(answer.status(), self.max_event_bytes()) {
            None => Ok((answer, until)),
            Some(failure) => Err(failure),
        }
    }

    fn counts(&self) -> FunctionCounts<'_> {
        let name = self.serves.1.as_str();
        FunctionCounts {
            serves: match self.serves.0 {
                Kind::Integration => Server::Integration(name),
                Kind::Authorizer => Server::Authorizer(name),
            },
            in_flight: self.counts.under_way(),
            ended: self.counts.all().collect(),
        }
    }
}

impl Settings {
    fn limits(&self) -> invoked::Limits {
        invoked::Limits {
            max_answer_bytes: self.max_answer_bytes,
            idle_timeout: self.idle_timeout,
            streams: self.invocation == Invocation::ResponseStream,
        }
    }
}

/// What Lambda's status says (AWS Lambda API Reference, "Invoke", Errors).
fn failure_of(status: StatusCode, max_event_bytes: u64) -> Option<FunctionFailure> {
    match status.as_u16() {
        200 | 202 | 204 => None,
        429 => Some(FunctionFailure::Throttled),
        401 | 403 => Some(FunctionFailure::Denied),
        404 | 409 | 410 => Some(FunctionFailure::Missing),
        413 => Some(FunctionFailure::EventTooLarge(max_event_bytes)),
        _ => Some(FunctionFailure::ServiceFailed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, qualifier: Option<&str>, invocation: Invocation) -> Settings {
        Settings {
            function: config::Function {
                name: name.to_owned(),
                qualifier: qualifier.map(str::to_owned),
                region: "us-west-2".to_owned(),
                endpoint: None,
                connect_timeout: Duration::from_secs(2),
                timeout: None,
                max_concurrency: 1,
                max_payload_bytes: 1024,
            },
            invocation,
            idle_timeout: None,
            max_answer_bytes: 1024,
        }
    }

    #[test]
    fn the_target_names_the_function_and_how_it_is_invoked() {
        let arn = "arn:aws:lambda:us-west-2:123456789012:function:orders";
        for (settings, expected) in [
            (
                settings("orders", None, Invocation::RequestResponse),
                "/2015-03-31/functions/orders/invocations",
            ),
            (
                settings(arn, Some("$LATEST"), Invocation::Event),
                "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Aorders/invocations?Qualifier=%24LATEST",
            ),
            (
                settings("orders:live", None, Invocation::ResponseStream),
                "/2021-11-15/functions/orders%3Alive/response-streaming-invocations",
            ),
        ] {
            assert_eq!(target(&settings), expected);
        }
    }
}
