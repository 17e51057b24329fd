//! The events of REST APIs and, in their format 1.0, of HTTP APIs, which are of one shape (API
//! Gateway Developer Guide, "Lambda proxy integrations in API Gateway" and "AWS Lambda proxy
//! integrations for HTTP APIs"). In events of functions what is absent is `null`; in those of
//! authorizers it is an empty object.

use std::borrow::Cow;

use serde::Serialize;

use crate::config::Lambda;
use crate::lambda::request::Request;

use super::body::{self, Absent, Content};
use super::context::{Api, RequestContext};
use super::fields::{self, Dropped, NONE, Names, OF_REST};
use super::pairs::{All, Last, Pairs};
use super::{TooLarge, alone, decoded_path, query, whole};

/// A function of a REST API is told of a request.
pub(super) fn encode_rest(
    lambda: &Lambda,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Vec<u8>, TooLarge> {
    let content_type = fields::last(request, "content-type").unwrap_or_default();
    let is_text = !lambda.binary_media_types.contain(content_type);
    let content = Content::new(body, is_text, Absent::Null);
    let parts = Parts::of_rest(request, OF_REST);
    let head = parts.head(request, Api::Rest, None);
    whole(&head, request, &content, lambda)
}

/// A function of an HTTP API is told of a request in format 1.0.
pub(super) fn encode_v1(
    lambda: &Lambda,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Vec<u8>, TooLarge> {
    let is_text = body::is_text(fields::last(request, "content-type"));
    let content = Content::new(body, is_text, Absent::Null);
    let parts = Parts::of_v1(request);
    let head = parts.head(request, Api::Http, None);
    whole(&head, request, &content, lambda)
}

/// An authorizer of a REST API is asked about a request.
pub(super) fn ask_rest(request: &Request<'_>, method_arn: &str) -> Vec<u8> {
    let question = Question {
        r#type: "REQUEST",
        method_arn,
        identity_source: None,
        authorization_token: None,
    };
    let parts = Parts::of_rest(request, NONE);
    alone(&parts.head(request, Api::Rest, Some(question)), request)
}

/// An authorizer of an HTTP API is asked about a request in format 1.0.
pub(super) fn ask_v1(request: &Request<'_>, method_arn: &str, identity: &[&str]) -> Vec<u8> {
    let identity = identity.join(",");
    let question = Question {
        r#type: "REQUEST",
        method_arn,
        identity_source: Some(&identity),
        authorization_token: Some(&identity),
    };
    let parts = Parts::of_v1(request);
    alone(&parts.head(request, Api::Http, Some(question)), request)
}

/// What a head tells in several ways.
struct Parts<'a> {
    path: Cow<'a, str>,
    fields: Pairs<'a>,
    query: Pairs<'a>,
    parameters: Pairs<'a>,
}

impl<'a> Parts<'a> {
    /// Parameters of the path stay as they were received, but for the slash that a greedy one
    /// may end in.
    fn of_rest(request: &'a Request<'_>, dropped: &Dropped) -> Self {
        let trimmed = |value: &'a str| value.strip_suffix('/').unwrap_or(value);
        let parameters = request.parameters.iter();
        let parameters = parameters.map(|(name, value)| ((*name).into(), trimmed(value).into()));
        Self {
            path: Cow::Borrowed(request.path),
            fields: fields::of(request, Names::AsSent, dropped),
            query: query::decoded(request.query),
            parameters: Pairs::new(parameters.collect()),
        }
    }

    fn of_v1(request: &'a Request<'_>) -> Self {
        Self {
            path: decoded_path(request),
            fields: fields::of(request, Names::OfHttpApi, NONE),
            query: query::decoded(request.query),
            parameters: decoded_parameters(request),
        }
    }

    fn head(
        &'a self,
        request: &'a Request<'a>,
        api: Api,
        question: Option<Question<'a>>,
    ) -> Head<'a> {
        let is_asked = question.is_some();
        let told = |pairs: &Pairs<'_>| is_asked || !pairs.is_empty();
        let has_lists = !is_asked || api == Api::Rest;
        let variables = Variables(&request.stage.variables);
        Head {
            version: (api == Api::Http).then_some("1.0"),
            question,
            resource: request.resource,
            path: &self.path,
            http_method: request.method,
            headers: told(&self.fields).then(|| self.fields.last()),
            multi_value_headers: has_lists.then(|| told(&self.fields).then(|| self.fields.all())),
            query_string_parameters: told(&self.query).then(|| self.query.last()),
            multi_value_query_string_parameters: has_lists
                .then(|| told(&self.query).then(|| self.query.all())),
            path_parameters: told(&self.parameters).then(|| self.parameters.last()),
            stage_variables: (is_asked || !variables.0.is_empty()).then_some(variables),
            request_context: RequestContext::of(request, api, is_asked),
        }
    }
}

/// The parameters of the path, as HTTP APIs tell of them.
pub(super) fn decoded_parameters<'a>(request: &'a Request<'_>) -> Pairs<'a> {
    let parameters = request.parameters.iter();
    let decoded = parameters.map(|(name, value)| ((*name).into(), query::percent_decoded(value)));
    Pairs::new(decoded.collect())
}

/// What only authorizers are told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    r#type: &'static str,
    method_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(flatten)]
    question: Option<Question<'a>>,
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<Option<All<'a>>>,
    query_string_parameters: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_query_string_parameters: Option<Option<All<'a>>>,
    path_parameters: Option<Last<'a>>,
    stage_variables: Option<Variables<'a>>,
    request_context: RequestContext<'a>,
}

/// The variables of a stage, whose names are theirs alone.
pub(super) struct Variables<'a>(pub(super) &'a [(String, String)]);

impl Serialize for Variables<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
