//! What templates of the access log may tell of a request beyond its record. In: a request that has
//! ended. Out: references to what is known of it, of which nothing is text yet.

use http::header::{HeaderMap, HeaderName, REFERER, USER_AGENT};
use pingora_core::protocols::http::ServerSession;

use crate::call::host_of;
use crate::config::Invocation;
use crate::integration::{Answer, Plan};
use crate::snapshot::Snapshot;
use crate::telemetry::RequestDetails;

use super::connection::Connection;
use super::headers::authority_of;
use super::request::Request;
use super::told;

/// The details of a request that has ended.
pub(super) fn details<'a>(
    request: &'a Request,
    connection: &'a Connection,
    session: &'a ServerSession,
    snapshot: &'a Snapshot,
) -> RequestDetails<'a> {
    let head = session.req_header();
    let host = host_of(authority_of(head));
    let tls = connection.tls.as_ref();
    let context = request.plan.as_ref().and_then(Plan::leave);
    let context = context.map(|leave| leave.context());
    RequestDetails {
        stage: Some(snapshot.stage()),
        route: request.route.as_deref(),
        certificate: told::certificate(connection, snapshot, host),
        principal: context.and_then(|context| context.principal_id.as_deref()),
        context: context.map(|context| &context.values),
        user_arn: request.plan.as_ref().and_then(Plan::principal),
        user_agent: value(&head.headers, &USER_AGENT),
        referer: value(&head.headers, &REFERER),
        cipher: tls.and_then(|tls| tls.cipher),
        refusal: request.refusal.as_ref(),
        integration_reply: reply(request, session),
    }
}

fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    Some(headers.get(name)?.as_bytes())
}

/// The status of whatever the integration asked: Lambda's own where it is a function.
fn reply(request: &Request, session: &ServerSession) -> Option<u16> {
    request.upstream_took?;
    match request.plan.as_ref()?.answer() {
        Answer::Lambda(lambda) if lambda.invocation() == Invocation::Event => Some(202),
        Answer::Lambda(_) => Some(200),
        Answer::Proxy(_) if request.refusal.is_some() => None,
        Answer::Proxy(_) => Some(session.response_written()?.status.as_u16()),
        Answer::Mock(_) => None,
    }
}
