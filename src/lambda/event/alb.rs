//! The events of Application Load Balancers (Elastic Load Balancing, "Use Lambda functions as
//! targets of an Application Load Balancer"). Fields and queries are told once or as lists, never
//! both, and queries as they were received.

use serde::Serialize;

use crate::config::Lambda;
use crate::lambda::request::Request;

use super::body::{self, Absent, Content};
use super::fields::{self, NONE, Names};
use super::pairs::{All, Last, Pairs};
use super::{TooLarge, query, whole};

/// A function is told of a request.
pub(super) fn encode(
    lambda: &Lambda,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Vec<u8>, TooLarge> {
    let is_coded = fields::last(request, "content-encoding").is_some();
    let is_text = !is_coded && body::is_text(fields::last(request, "content-type"));
    let content = Content::new(body, is_text, Absent::Empty);
    let parts = Parts {
        fields: fields::of(request, Names::LowerCase, NONE),
        query: query::raw(request.query),
    };
    whole(&parts.head(lambda, request), request, &content, lambda)
}

struct Parts<'a> {
    fields: Pairs<'a>,
    query: Pairs<'a>,
}

impl<'a> Parts<'a> {
    fn head(&'a self, lambda: &'a Lambda, request: &'a Request<'_>) -> Head<'a> {
        let is_multi = lambda.multi_value_headers;
        let elb = Elb {
            target_group_arn: &lambda.target_group_arn,
        };
        Head {
            request_context: RequestContext { elb },
            http_method: request.method,
            path: request.path,
            query_string_parameters: (!is_multi).then(|| self.query.last()),
            multi_value_query_string_parameters: is_multi.then(|| self.query.all()),
            headers: (!is_multi).then(|| self.fields.last()),
            multi_value_headers: is_multi.then(|| self.fields.all()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    request_context: RequestContext<'a>,
    http_method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_query_string_parameters: Option<All<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<All<'a>>,
}

#[derive(Serialize)]
struct RequestContext<'a> {
    elb: Elb<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Elb<'a> {
    target_group_arn: &'a str,
}
