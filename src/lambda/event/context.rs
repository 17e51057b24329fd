//! `requestContext` of the events that `proxy` makes: who calls, when, and by which resource.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use crate::lambda::request::Request;
use crate::pattern::resource_id;

use super::caller::{Caller, Values};
use super::certificate::{self, ClientCert};
use super::{decoded_path, domain_prefix, fields, request_time, staged_path};

/// Whose shape it is, as far as the two differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Rest,
    Http,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_id: Option<&'static str>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    extended_request_id: &'a str,
    http_method: &'a str,
    identity: Identity<'a>,
    path: Cow<'a, str>,
    protocol: &'static str,
    request_id: &'a str,
    request_time: String,
    request_time_epoch: i64,
    resource_id: Option<String>,
    resource_path: &'a str,
    stage: &'a str,
}

/// There is one deployment, which needs no name.
const DEPLOYMENT: &str = "000000";

impl<'a> RequestContext<'a> {
    pub(super) fn of(request: &'a Request<'a>, api: Api, is_asked: bool) -> Self {
        let is_rest = api == Api::Rest;
        Self {
            account_id: &request.stage.account_id,
            api_id: &request.stage.api_id,
            authorizer: Authorizer::of(request, api, is_asked),
            deployment_id: is_rest.then_some(DEPLOYMENT),
            domain_name: request.host,
            domain_prefix: domain_prefix(request),
            extended_request_id: request.request_id,
            http_method: request.method,
            identity: Identity::of(request),
            path: match api {
                Api::Rest => staged_path(request),
                Api::Http => decoded_path(request),
            },
            protocol: request.protocol,
            request_id: request.request_id,
            request_time: request_time(request),
            request_time_epoch: request.time_ms,
            resource_id: is_rest.then(|| resource_id(request.resource)),
            resource_path: request.resource,
            stage: &request.stage.name,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Authorizer<'a> {
    Caller(Caller<'a>),
    /// What HTTP APIs tell of nobody.
    Nobody {
        claims: (),
        scopes: (),
    },
}

impl<'a> Authorizer<'a> {
    fn of(request: &'a Request<'a>, api: Api, is_asked: bool) -> Option<Self> {
        let values = match api {
            Api::Rest => Values::Text,
            // As in an HTTP API's own answers, which may hold lists and objects.
            Api::Http => Values::AsTheyAre,
        };
        let nobody = Self::Nobody {
            claims: (),
            scopes: (),
        };
        let nobody = (api == Api::Http && !is_asked).then_some(nobody);
        let caller = Caller::of(request, true, values);
        caller.map(Self::Caller).or(nobody)
    }
}

/// Of AWS's own ways to know callers the gateway uses none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    access_key: (),
    account_id: (),
    caller: (),
    cognito_authentication_provider: (),
    cognito_authentication_type: (),
    cognito_identity_id: (),
    cognito_identity_pool_id: (),
    principal_org_id: (),
    source_ip: IpAddr,
    user: (),
    user_agent: Option<&'a str>,
    user_arn: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert: Option<ClientCert<'a>>,
}

impl<'a> Identity<'a> {
    fn of(request: &'a Request<'a>) -> Self {
        Self {
            access_key: (),
            account_id: (),
            caller: (),
            cognito_authentication_provider: (),
            cognito_authentication_type: (),
            cognito_identity_id: (),
            cognito_identity_pool_id: (),
            principal_org_id: (),
            source_ip: request.source_ip,
            user: (),
            user_agent: fields::last(request, "user-agent"),
            user_arn: (),
            client_cert: request.certificate.as_ref().map(certificate::told),
        }
    }
}
