//! What answers a route. In: a `Pass`. Out: a `Plan` that the server carries out.
//! A new kind of integration is a file here, a line in `Plan`, and its section in `config/`.

mod certificate_headers;
mod http_proxy;
mod lambda;
mod mock;
mod outgoing;
mod upstream_tls;

use std::sync::Arc;

use http::HeaderName;

use crate::authorize::Leave;
use crate::config::{Config, IntegrationKind, Route};
use crate::lambda::Functions;
use crate::limit::Pass;
use crate::names::{ConsumerName, IntegrationName};
use crate::problem::Problems;
use crate::signature::{BodyDuty, Carriers};
use crate::tls::ServedCertificate;

pub use certificate_headers::{CertificateHeaders, NotTold, Told};
pub use http_proxy::{Attempt, Upstream};
pub use lambda::Lambda;
pub use mock::MockAnswer;
pub use outgoing::{OutgoingRequest, Signer};
pub use upstream_tls::ClientTls;

/// Every integration, by the place of the routes that it answers.
pub struct Integrations {
    of_route: Vec<Answer>,
    /// The names under which upstreams are told of certificates.
    certificate_names: Vec<HeaderName>,
}

/// What answers, compiled.
#[derive(Clone)]
pub enum Answer {
    /// An upstream.
    Proxy(Arc<Upstream>),
    /// A function.
    Lambda(Arc<Lambda>),
    /// The gateway itself.
    Mock(Arc<MockAnswer>),
}

/// A call that is to be answered, and how. Only [`Integrations::plan`] makes one, and only
/// from a `Pass`.
pub struct Plan {
    answer: Answer,
    route: Arc<Route>,
    consumer: Option<ConsumerName>,
    leave: Option<Arc<Leave>>,
    duty: BodyDuty,
    carriers: Carriers,
    scheme: Option<&'static str>,
    principal: Option<Arc<str>>,
    max_body_bytes: u64,
}

impl Plan {
    /// What answers.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The route taken.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Who calls; `None` on an open route.
    pub fn consumer(&self) -> Option<&ConsumerName> {
        self.consumer.as_ref()
    }

    /// What an authorizer said of the caller; `None` when none was asked.
    pub fn leave(&self) -> Option<&Leave> {
        self.leave.as_deref()
    }

    /// What the body still owes.
    pub fn duty(&self) -> &BodyDuty {
        &self.duty
    }

    /// The fields that carried the caller's signature.
    pub fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// The scheme of the caller's signature; `None` when the policy has looked at none.
    pub fn scheme(&self) -> Option<&'static str> {
        self.scheme
    }

    /// The ARN of the principal of AWS IAM who has signed.
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// The largest body.
    pub fn max_body_bytes(&self) -> u64 {
        self.max_body_bytes
    }
}

impl Integrations {
    /// Opens what the integrations of a valid configuration name: authorities, certificates and
    /// addresses. TLS that has not changed is taken over from `previous`.
    ///
    /// # Errors
    /// Every file that cannot be used and every name that has no address.
    pub fn open(
        config: &Config,
        functions: &Functions,
        previous: Option<&Integrations>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut opened = Vec::new();
        for integration in &config.integrations {
            match &integration.kind {
                IntegrationKind::Mock(mock) => {
                    let answer = Answer::Mock(Arc::new(MockAnswer::new(mock)));
                    opened.push((&integration.name, answer));
                }
                IntegrationKind::Lambda(lambda) => {
                    let name = &integration.name;
                    let function = functions.of_integration(name.as_str()).cloned();
                    let function = function.expect("every integration has its function");
                    let lambda = Lambda::new(name, lambda, &config.stage, function);
                    opened.push((name, Answer::Lambda(Arc::new(lambda))));
                }
                IntegrationKind::HttpProxy(proxy) => {
                    let before = previous.and_then(|all| all.upstream(&integration.name));
                    match Upstream::open(&config.file, &integration.name, proxy, before) {
                        Ok(upstream) => {
                            opened.push((&integration.name, Answer::Proxy(Arc::new(upstream))));
                        }
                        Err(found) => problems.extend(found),
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let answers = opened.iter().map(|(_, answer)| answer);
        let certificate_names = answers.flat_map(|answer| match answer {
            Answer::Proxy(upstream) => upstream.certificate_headers().names().to_vec(),
            Answer::Lambda(_) | Answer::Mock(_) => Vec::new(),
        });
        let certificate_names = certificate_names.collect();
        let find = |route: &Route| opened.iter().find(|(name, _)| **name == route.integration);
        let of_route = config.routes.iter().map(|route| {
            let (_, answer) = find(route).expect("Config::load checks the integration");
            answer.clone()
        });
        Ok(Self {
            of_route: of_route.collect(),
            certificate_names,
        })
    }

    /// The certificates that upstreams are shown, each with the integration's name; one that
    /// answers several routes is there as often.
    pub fn shown(&self) -> impl Iterator<Item = (&IntegrationName, &ServedCertificate)> {
        let upstreams = self.upstreams();
        upstreams.filter_map(|upstream| Some((upstream.name(), upstream.shown()?)))
    }

    /// The upstream called `name`, if a route has it.
    fn upstream(&self, name: &IntegrationName) -> Option<&Upstream> {
        self.upstreams().find(|upstream| upstream.name() == name)
    }

    /// The upstreams, each once for every route that it answers.
    fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.of_route.iter().filter_map(|answer| match answer {
            Answer::Proxy(upstream) => Some(upstream.as_ref()),
            Answer::Lambda(_) | Answer::Mock(_) => None,
        })
    }

    /// Every name under which any upstream may be told of a certificate: no caller may use it,
    /// on any route.
    pub fn certificate_names(&self) -> &[HeaderName] {
        &self.certificate_names
    }

    /// Plans the answer to a call that has its pass.
    pub fn plan(&self, pass: Pass<'_>) -> Plan {
        let permit = pass.permit();
        Plan {
            answer: self.of_route[permit.hit().index()].clone(),
            route: permit.hit().route().clone(),
            consumer: permit.consumer().cloned(),
            leave: permit.leave().cloned(),
            duty: permit.duty().clone(),
            carriers: permit.carriers().clone(),
            scheme: permit.scheme(),
            principal: permit.principal().cloned(),
            max_body_bytes: pass.max_body_bytes(),
        }
    }
}
