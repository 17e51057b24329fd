//! Where the two are known to differ, and who is right.

use super::Known;

/// Who tells what API Gateway tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// The gateway.
    Gateway,
    /// Neither: what both say is a name or a value of their own, as API Gateway's would be.
    Own,
    /// Nobody on purpose: the gateway tells more, or what is safer.
    Apart,
    /// Neither, or it has not been recorded.
    Open,
}

use Right::{Apart, Gateway, Open, Own};

const ALL: &[&str] = &["rest", "v1", "v2"];
const ONE: &[&str] = &["rest", "v1"];
const HTTP: &[&str] = &["v1", "v2"];
const REST: &[&str] = &["rest"];
const V1: &[&str] = &["v1"];
const V2: &[&str] = &["v2"];

/// In which requests.
#[derive(Clone, Copy, Debug)]
pub enum In {
    Every,
    Only(&'static [&'static str]),
    But(&'static [&'static str]),
}

use In::{But, Every, Only};

const WITH_BODY: &[&str] = &["json", "text", "form", "binary", "untyped", "chunked"];
const QUERIES: &[&str] = &["query twice", "query encoded", "query bad"];

/// What differs (a field by its name, anything else by its path), in which formats, in which
/// requests, who is right, and why.
#[rustfmt::skip] // A table.
pub const KNOWN: &[Known] = &[
    ("requestContext.accountId", ALL, Every, Own, "a name"),
    ("requestContext.apiId", ALL, Every, Own, "a name"),
    ("requestContext.requestId", ALL, Every, Own, "a name"),
    ("requestContext.extendedRequestId", ONE, Every, Own, "a name"),
    ("requestContext.resourceId", REST, Every, Own, "a name"),
    ("requestContext.stage", REST, Every, Own, "the stage is called otherwise"),
    ("requestContext.resourceId", V1, Every, Gateway, "null in the manual's sample"),
    ("requestContext.domainName", ALL, Every, Gateway, "it is the host"),
    ("requestContext.domainPrefix", ALL, Every, Gateway, "it is the host's first label"),
    ("requestContext.deploymentId", REST, Every, Gateway, "recorded events have it"),
    ("requestContext.identity.accountId", ONE, Every, Gateway, "null unless IAM says who calls"),
    ("requestContext.identity.caller", ONE, Every, Gateway, "null unless IAM says who calls"),
    ("requestContext.identity.user", ONE, Every, Gateway, "null unless IAM says who calls"),
    ("requestContext.identity.userArn", ONE, Every, Gateway, "null unless IAM says who calls"),
    ("requestContext.identity.apiKey", ONE, Every, Gateway, "absent without an API key"),
    ("requestContext.identity.apiKeyId", ONE, Every, Gateway, "absent without an API key"),
    ("requestContext.identity.cognitoAuthenticationProvider", ONE, Every, Gateway, "null without Cognito"),
    ("requestContext.identity.cognitoAuthenticationType", ONE, Every, Gateway, "null without Cognito"),
    ("requestContext.identity.cognitoIdentityId", ONE, Every, Gateway, "null without Cognito"),
    ("requestContext.identity.cognitoIdentityPoolId", ONE, Every, Gateway, "null without Cognito"),
    ("requestContext.identity.userAgent", ONE, But(&["fields"]), Open, "no recorded request had none"),
    ("requestContext.authorizer.claims", V1, Every, Gateway, "null in the manual's sample"),
    ("requestContext.authorizer.scopes", V1, Every, Gateway, "null in the manual's sample"),
    ("requestContext.resourcePath", ONE, Only(&["greedy", "slash"]), Gateway, "it is written {proxy+}"),
    ("resource", V1, Every, Gateway, "it is the path of the route, not its key"),
    ("version", V1, Every, Gateway, "format 1.0 says so"),
    ("names of fields", V1, Every, Gateway, "in lower case but for those that API Gateway writes itself, as recorded; never as they were sent"),
    ("path", REST, Only(&["path encoded", "slash"]), Gateway, "encodings and a last slash stay, as recorded"),
    ("requestContext.path", REST, Only(&["path encoded", "slash"]), Gateway, "encodings and a last slash stay, as recorded"),
    ("pathParameters.id", REST, Only(&["path encoded"]), Gateway, "encodings stay, as recorded"),
    ("pathParameters.proxy", REST, Only(&["greedy"]), Gateway, "encodings stay, as recorded"),
    ("path", V1, Only(&["greedy", "path encoded", "slash"]), Gateway, "HTTP APIs decode all of it, as recorded, and keep a last slash"),
    ("requestContext.path", V1, Only(&["greedy", "path encoded", "slash"]), Gateway, "as path"),
    ("rawPath", V2, Only(&["greedy", "path encoded", "slash"]), Gateway, "as path of format 1.0"),
    ("requestContext.http.path", V2, Only(&["greedy", "path encoded", "slash"]), Gateway, "as path of format 1.0"),
    ("rawQueryString", V2, Only(QUERIES), Gateway, "it is raw"),
    ("queryStringParameters", V2, But(QUERIES), Gateway, "what is absent is left out"),
    ("stageVariables", V2, Every, Gateway, "what is absent is left out"),
    ("cookies", V2, But(&["cookie", "cookies"]), Gateway, "what is absent is left out"),
    ("body", V2, But(WITH_BODY), Gateway, "what is absent is left out"),
    ("body", HTTP, Only(&["form", "binary", "untyped"]), Gateway, "base64 but for known text, as measured"),
    ("isBase64Encoded", HTTP, Only(&["form", "binary", "untyped"]), Gateway, "base64 but for known text, as measured"),
    ("body", REST, Only(&["binary"]), Apart, "API Gateway would put other bytes in the place of what is no UTF-8"),
    ("isBase64Encoded", REST, Only(&["binary"]), Apart, "API Gateway would put other bytes in the place of what is no UTF-8"),
    ("field x-amzn-trace-id", ALL, But(&["forwarded"]), Gateway, "it is added"),
    ("field x-forwarded-for", ALL, But(&["forwarded"]), Gateway, "it is added"),
    ("field x-forwarded-port", ALL, Every, Gateway, "it is added"),
    ("field x-forwarded-proto", ALL, But(&["forwarded"]), Gateway, "it is added"),
    ("field x-forwarded-for", ALL, Only(&["forwarded"]), Apart, "API Gateway adds to what anybody sends; only trusted_peers are believed"),
    ("field x-forwarded-proto", ALL, Only(&["forwarded"]), Gateway, "it is the gateway's own word"),
    ("field x-forwarded-host", ALL, Every, Apart, "upstreams are told, so functions are"),
    ("field x-request-id", ALL, Every, Apart, "upstreams are told, so functions are"),
    ("field connection", ALL, Only(&["hops"]), Gateway, "it is dropped"),
    ("field te", ALL, Only(&["hops"]), Gateway, "it is dropped"),
    ("field transfer-encoding", ALL, Only(&["chunked"]), Gateway, "it is dropped"),
    ("field content-length", REST, Only(WITH_BODY), Gateway, "no recorded event has it"),
    ("field content-length", HTTP, Only(&["chunked"]), Open, "no recorded request was chunked"),
    ("field content-type", ALL, Only(&["untyped"]), Gateway, "a body without a type is told as one"),
    ("field x-twice", V2, Only(&["fields"]), Gateway, "values of one name are joined"),
    ("field x-same", V2, Only(&["fields"]), Gateway, "values of one name are joined"),
    ("field cookie", ONE, Only(&["cookies"]), Open, "several are joined, as RFC 9113 does; none was recorded"),
    ("field cookie", V2, Only(&["cookies", "cookie"]), Gateway, "they are in cookies"),
];
