//! The functions that policies ask whether a call may take its route. In: a call. Out: leave,
//! from what is known, or the wish to ask. What a function said holds for the same identity as
//! long as the configuration says, and for every route that asks it (API Gateway Developer
//! Guide, "Use API Gateway Lambda authorizers").

mod identity;
mod known;

use std::sync::Arc;

use http::HeaderName;

use crate::clock::UtcTime;
use crate::config::{self, AuthorizerForm, Config, PayloadFormat, Policy, Stage};
use crate::identity::Caller;
use crate::lambda::{self, Allowed, Function, Functions, Verdict};
use crate::refusal::{Api, FunctionFailure, Refusal};
use crate::route::Hit;
use crate::signature::Evidence;

use super::leave::Leave;
use identity::Identity;
use known::Known;

/// The functions that policies ask.
pub(super) struct AskedFunctions {
    /// That of each route, by the route's place in the configuration.
    of_route: Vec<Option<Arc<Asked>>>,
    /// Every name under which an upstream may be told of a context.
    names: Vec<HeaderName>,
}

/// One of them.
struct Asked {
    settings: config::Authorizer,
    stage: Stage,
    function: Arc<Function>,
    known: Arc<Known>,
}

/// How a call stands with the function of its policy.
pub(super) enum Standing {
    /// The function lets it pass.
    Given(Arc<Leave>),
    /// The function must be asked.
    Ask(Box<Inquiry>),
}

/// What a function is to be asked.
pub(super) struct Inquiry {
    asked: Arc<Asked>,
    identity: Identity,
    arn: String,
}

/// What a function said about one identity.
pub(super) struct Told {
    asked: Arc<Asked>,
    key: [u8; 32],
    said: Arc<Said>,
}

/// What a function said.
struct Said {
    verdict: Verdict,
    /// What comes of it where it allows.
    leave: Arc<Leave>,
}

impl std::fmt::Debug for Inquiry {
    /// What callers are known by stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inquiry").finish_non_exhaustive()
    }
}

impl AskedFunctions {
    /// Compiles a valid configuration; what is known is taken over from `previous` where nothing
    /// about the function and its stage has changed.
    pub(super) fn new(
        config: &Config,
        policies: &[Arc<Policy>],
        functions: &Functions,
        previous: Option<&Self>,
    ) -> Self {
        let before = previous
            .iter()
            .flat_map(|before| &before.of_route)
            .flatten();
        let before: Vec<&Arc<Asked>> = before.collect();
        let all = config.authorizers.iter().map(|settings| {
            let function = functions.of_authorizer(settings.name.as_str());
            let function = function.expect("every authorizer has its function");
            let settings = without_line(settings);
            let mut before = before.iter();
            let same = before.find(|one| one.settings == settings && one.stage == config.stage);
            Arc::new(Asked {
                settings,
                stage: config.stage.clone(),
                function: function.clone(),
                known: same.map_or_else(Arc::default, |same| same.known.clone()),
            })
        });
        let all: Vec<Arc<Asked>> = all.collect();
        let of_route = policies.iter().map(|policy| {
            let name = policy.demand.authorizer()?;
            let found = all.iter().find(|one| one.settings.name == *name);
            Some(found.expect("Config::load checks the authorizer").clone())
        });
        let names = all.iter().flat_map(|one| &one.settings.context_headers);
        Self {
            of_route: of_route.collect(),
            names: names.map(|(name, _)| name.clone()).collect(),
        }
    }

    pub(super) fn names(&self) -> &[HeaderName] {
        &self.names
    }

    /// How a call stands with the function of its route's policy; `None` when there is none.
    ///
    /// # Errors
    /// The function does not let it pass, or there is nothing to ask it about.
    pub(super) fn check(
        &self,
        hit: &Hit<'_>,
        caller: &Caller<'_>,
        evidence: &Evidence<'_>,
        told: Option<&Told>,
    ) -> Result<Option<Standing>, Refusal> {
        let Some(asked) = &self.of_route[hit.index()] else {
            return Ok(None);
        };
        let identity = Identity::of(&asked.settings, &asked.stage, hit, caller, evidence.call)?;
        let told = told.filter(|told| told.is_about(asked, &identity));
        let said = match told {
            Some(told) => Some(told.said.clone()),
            None => asked.known.find(identity.key(), evidence.now),
        };
        let path = evidence.call.path();
        let method = evidence.call.method().as_str();
        match said {
            Some(said) => {
                let leave = asked.judge(&said, method, path)?;
                Ok(Some(Standing::Given(leave)))
            }
            None => Ok(Some(Standing::Ask(Box::new(Inquiry {
                arn: asked.arn(method, path)?,
                asked: asked.clone(),
                identity,
            })))),
        }
    }
}

/// An authorizer that has only moved in its file is the same.
fn without_line(settings: &config::Authorizer) -> config::Authorizer {
    config::Authorizer {
        line: 0,
        ..settings.clone()
    }
}

impl Asked {
    fn arn(&self, method: &str, path: &str) -> Result<String, Refusal> {
        let region = self.function.region();
        let arn = lambda::method_arn(region, &self.stage, method, path);
        arn.ok_or(Refusal::PathRefused(
            "it makes an ARN of more than 1,600 bytes",
        ))
    }

    /// What is said of a path. It is allowed as it is written, and denied in every spelling.
    fn judge(&self, said: &Said, method: &str, path: &str) -> Result<Arc<Leave>, Refusal> {
        if let Allowed::Denied { explicit } = said.verdict.allows(&self.arn(method, path)?) {
            let api = self.api();
            return Err(Refusal::AuthorizerDenied { explicit, api });
        }
        Ok(said.leave.clone())
    }

    fn api(&self) -> Api {
        match self.settings.payload_format {
            PayloadFormat::Rest | PayloadFormat::Alb => Api::Rest,
            PayloadFormat::V1 | PayloadFormat::V2 => Api::Http,
        }
    }

    /// What the function is told.
    fn event(
        &self,
        identity: &Identity,
        arn: &str,
        request: &lambda::Request<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let settings = &self.settings;
        let event = match settings.form {
            AuthorizerForm::Token(_) => lambda::authorizer_token(identity.token(), arn),
            AuthorizerForm::Request => {
                let values = identity.values();
                lambda::authorizer_request(settings.payload_format, request, arn, &values)
            }
        };
        let largest = self.function.max_event_bytes();
        if event.len() as u64 > largest {
            let failure = FunctionFailure::EventTooLarge(largest);
            self.function.refused(failure);
            return Err(failed(failure));
        }
        Ok(event)
    }

    /// Has the function say what it says.
    async fn invoke(&self, event: Vec<u8>) -> Result<Said, Refusal> {
        let invoked = self.function.invoke(event.into(), None).await;
        let reply = invoked.map_err(failed)?.whole(|_| Ok(())).await;
        let mut reply = reply.map_err(failed)?;
        if reply.is_error && lambda::is_unauthorized(&reply.payload) {
            return Err(Refusal::AuthorizerUnauthorized);
        }
        if reply.is_error {
            return Err(failed(FunctionFailure::Error));
        }
        let verdict = lambda::read_verdict(&self.settings, &reply.payload).map_err(|why| why.0);
        let said = verdict.and_then(|verdict| Said::new(verdict, &self.settings.context_headers));
        said.map_err(|why| {
            reply.failed(FunctionFailure::Malformed(why));
            Refusal::AuthorizerFailed(why)
        })
    }
}

impl Said {
    /// # Errors
    /// Its context cannot be told in these fields.
    fn new(verdict: Verdict, told: &[(HeaderName, String)]) -> Result<Self, &'static str> {
        let leave = Leave::new(verdict.context(), told)?;
        Ok(Self {
            verdict,
            leave: Arc::new(leave),
        })
    }
}

fn failed(failure: FunctionFailure) -> Refusal {
    Refusal::AuthorizerFailed(failure.code())
}

impl Inquiry {
    pub(super) fn stage(&self) -> &Stage {
        &self.asked.stage
    }

    /// Asks the function: once for all who ask about the same identity at once.
    ///
    /// # Errors
    /// It says no by failing in so many words, or fails otherwise.
    pub(super) async fn ask(
        self,
        request: &lambda::Request<'_>,
        now: UtcTime,
    ) -> Result<Told, Refusal> {
        let asked = &self.asked;
        let key = *self.identity.key();
        // One that is too large fails alone, and not those who ask at the same time.
        let event = asked.event(&self.identity, &self.arn, request)?;
        let ask = || asked.invoke(event);
        let said = match asked.settings.cache_ttl.is_zero() {
            true => Arc::new(ask().await?),
            false => {
                let until = now.plus(asked.settings.cache_ttl);
                asked.known.find_or_ask(key, now, until, ask).await?
            }
        };
        Ok(Told {
            asked: self.asked,
            key,
            said,
        })
    }
}

impl Told {
    fn is_about(&self, asked: &Arc<Asked>, identity: &Identity) -> bool {
        Arc::ptr_eq(&self.asked, asked) && self.key == *identity.key()
    }
}
