//! The events of HTTP APIs in their format 2.0 (API Gateway Developer Guide, "AWS Lambda proxy
//! integrations for HTTP APIs"). What is absent is left out.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use crate::config::Lambda;
use crate::lambda::request::Request;

use super::body::{self, Absent, Content};
use super::caller::{Caller, Values};
use super::certificate::{self, ClientCert};
use super::fields::{self, COOKIES, Names};
use super::pairs::{Joined, Last, Pairs};
use super::proxy::{Variables, decoded_parameters};
use super::{TooLarge, alone, decoded_path, domain_prefix, query, request_time, whole};

/// A function is told of a request.
pub(super) fn encode(
    lambda: &Lambda,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Vec<u8>, TooLarge> {
    let is_text = body::is_text(fields::last(request, "content-type"));
    let content = Content::new(body, is_text, Absent::Omitted);
    let parts = Parts::of(request);
    whole(&parts.head(request, None), request, &content, lambda)
}

/// An authorizer is asked about a request.
pub(super) fn ask(request: &Request<'_>, route_arn: &str, identity: &[&str]) -> Vec<u8> {
    let question = Question {
        r#type: "REQUEST",
        route_arn,
        identity_source: identity,
    };
    let parts = Parts::of(request);
    alone(&parts.head(request, Some(question)), request)
}

/// What a head is made of that is not in the request as it is told.
struct Parts<'a> {
    route_key: String,
    path: Cow<'a, str>,
    cookies: Vec<&'a str>,
    fields: Pairs<'a>,
    query: Pairs<'a>,
    parameters: Pairs<'a>,
}

impl<'a> Parts<'a> {
    fn of(request: &'a Request<'_>) -> Self {
        Self {
            route_key: format!("{} {}", request.route_method, request.resource),
            path: decoded_path(request),
            cookies: fields::cookies(request),
            fields: fields::of(request, Names::LowerCase, COOKIES),
            query: query::decoded(request.query),
            parameters: decoded_parameters(request),
        }
    }

    fn head(&'a self, request: &'a Request<'a>, question: Option<Question<'a>>) -> Head<'a> {
        let told = |pairs: &Pairs<'_>| !pairs.is_empty();
        let variables = Variables(&request.stage.variables);
        Head {
            version: "2.0",
            question,
            route_key: &self.route_key,
            raw_path: &self.path,
            raw_query_string: request.query.unwrap_or_default(),
            cookies: &self.cookies,
            headers: self.fields.joined(),
            query_string_parameters: told(&self.query).then(|| self.query.joined()),
            request_context: self.context(request),
            path_parameters: told(&self.parameters).then(|| self.parameters.last()),
            stage_variables: (!variables.0.is_empty()).then_some(variables),
        }
    }

    fn context(&'a self, request: &'a Request<'a>) -> RequestContext<'a> {
        let certificate = request.certificate.as_ref().map(certificate::told);
        let caller = Caller::of(request, false, Values::AsTheyAre);
        RequestContext {
            account_id: &request.stage.account_id,
            api_id: &request.stage.api_id,
            authentication: certificate.map(|client_cert| Authentication { client_cert }),
            authorizer: caller.map(Authorizer::of),
            domain_name: request.host,
            domain_prefix: domain_prefix(request),
            http: Http {
                method: request.method,
                path: &self.path,
                protocol: request.protocol,
                source_ip: request.source_ip,
                // Always there: readers of this format take it for text.
                user_agent: fields::last(request, "user-agent").unwrap_or_default(),
            },
            request_id: request.request_id,
            route_key: &self.route_key,
            stage: &request.stage.name,
            time: request_time(request),
            time_epoch: request.time_ms,
        }
    }
}

/// What only authorizers are told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    r#type: &'static str,
    route_arn: &'a str,
    identity_source: &'a [&'a str],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    version: &'static str,
    #[serde(flatten)]
    question: Option<Question<'a>>,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cookies: &'a [&'a str],
    headers: Joined<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<Joined<'a>>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameters: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_variables: Option<Variables<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication: Option<Authentication<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authentication<'a> {
    client_cert: ClientCert<'a>,
}

/// `null` when an authorizer let a caller pass and said no more, as recorded.
#[derive(Serialize)]
struct Authorizer<'a> {
    lambda: Option<Caller<'a>>,
}

impl<'a> Authorizer<'a> {
    fn of(caller: Caller<'a>) -> Self {
        let lambda = caller.is_told().then_some(caller);
        Self { lambda }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: IpAddr,
    user_agent: &'a str,
}
