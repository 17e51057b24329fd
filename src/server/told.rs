//! What functions are told of a request: its head as an upstream would get it, and what the
//! gateway knows besides. In: a session whose head was read. Out: a `lambda::Request`.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::HOST;
use pingora_core::Result;
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;

use crate::call::host_of;
use crate::client_certificate::ClientCertificate;
use crate::clock::UtcTime;
use crate::config::{Route, RouteMethods, Stage};
use crate::identity::Shown;
use crate::integration::Plan;
use crate::lambda;
use crate::snapshot::Snapshot;

use super::connection::Connection;
use super::headers::{self, authority_of};
use super::request::Request;
use super::traced;

/// A request, made ready to be told.
pub(super) struct Told {
    head: RequestHeader,
    authority: String,
    trace: String,
    time_ms: i64,
}

/// What the gateway says itself, spelt as API Gateway spells it.
const SPELLINGS: [&str; 6] = [
    "Host",
    "X-Amzn-Trace-Id",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
];
const TRACE: &str = "X-Amzn-Trace-Id";
const PORT: &str = "X-Forwarded-Port";

impl Told {
    /// A request that has its plan: edited as for an upstream.
    pub(super) fn of_planned(
        session: &ServerSession,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Result<Self> {
        let mut head = session.req_header().clone();
        headers::edit_planned(&mut head, request, snapshot)?;
        Self::new(session, head, request)
    }

    /// A request about which an authorizer is asked: with what its caller shows.
    pub(super) fn of_asking(
        session: &ServerSession,
        request: &Request,
        snapshot: &Snapshot,
    ) -> Result<Self> {
        let mut head = session.req_header().clone();
        headers::edit_asking(&mut head, request, snapshot)?;
        Self::new(session, head, request)
    }

    fn new(session: &ServerSession, mut head: RequestHeader, request: &Request) -> Result<Self> {
        let authority = authority_of(session.req_header()).to_owned();
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let time_ms = since.unwrap_or_default().as_millis() as i64;
        traced::put(&mut head, request)?;
        let trace = trace_of(&head).map(str::to_owned);
        let trace = trace.unwrap_or_else(|| new_trace(request, time_ms));
        head.insert_header(TRACE, &trace)?;
        if !head.headers.contains_key(PORT)
            && let Some(port) = port(session)
        {
            head.insert_header(PORT, port)?;
        }
        if !head.headers.contains_key(HOST) {
            head.insert_header(HOST, &authority)?;
        }
        Ok(Self {
            head,
            authority,
            trace,
            time_ms,
        })
    }

    /// The value of `X-Amzn-Trace-Id`.
    pub(super) fn trace(&self) -> &str {
        &self.trace
    }

    /// The request as functions are told of it.
    pub(super) fn request<'a>(
        &'a self,
        request: &'a Request,
        connection: &'a Connection,
        route: &'a Route,
        stage: &'a Stage,
        snapshot: &'a Snapshot,
    ) -> lambda::Request<'a> {
        let path = self.head.uri.path();
        let host = host_of(&self.authority);
        let plan = request.plan.as_ref();
        lambda::Request {
            method: self.head.method.as_str(),
            path,
            query: self.head.uri.query(),
            fields: fields(&self.head),
            host,
            protocol: if connection.http2 {
                "HTTP/2.0"
            } else {
                "HTTP/1.1"
            },
            source_ip: connection.source.peer.ip().to_canonical(),
            request_id: request.id.as_str(),
            time_ms: self.time_ms,
            route_method: match &route.methods {
                RouteMethods::Any => "ANY",
                RouteMethods::Some(_) => self.head.method.as_str(),
            },
            resource: route.path.as_str(),
            parameters: route.path.parameters(path),
            certificate: certificate(connection, snapshot, host),
            consumer: plan.and_then(Plan::consumer).map(|name| name.as_str()),
            context: plan.and_then(Plan::leave).map(|leave| leave.context()),
            stage,
        }
    }
}

/// The fields with their names as they were sent; HTTP/2 sends them in lower case.
fn fields(head: &RequestHeader) -> Vec<(&str, Cow<'_, str>)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let spelt = |name: &str| {
        let mut ours = SPELLINGS.into_iter();
        ours.find(|ours| ours.eq_ignore_ascii_case(name))
    };
    let sent = head.case_header_iter().map(|(name, value)| {
        let name = std::str::from_utf8(name.as_slice()).unwrap_or_default();
        (name, value)
    });
    let lower = head.headers.iter();
    let lower = lower.map(|(name, value)| (name.as_str(), value));
    let lower = lower.filter(|_| !head.has_case());
    let all = sent.chain(lower);
    all.map(|(name, value)| {
        let name = spelt(name).unwrap_or(name);
        (name, Cow::Owned(text(value.as_bytes())))
    })
    .collect()
}

/// What the caller sent to be traced by, if it can be that (AWS X-Ray Developer Guide, "Tracing
/// header").
fn trace_of(head: &RequestHeader) -> Option<&str> {
    const LONGEST: usize = 256;
    let mut values = head.headers.get_all(TRACE).iter();
    let (only, None) = (values.next()?, values.next()) else {
        return None;
    };
    let text = only.to_str().ok()?;
    (text.contains("Root=") && text.len() <= LONGEST).then_some(text)
}

fn new_trace(request: &Request, time_ms: i64) -> String {
    let id = request.id.as_str();
    format!("Root=1-{:08x}-{}", time_ms / 1000, &id[id.len() - 24..])
}

/// The port that the caller came to.
pub(super) fn port(session: &ServerSession) -> Option<u16> {
    let address = session.server_addr()?;
    Some(address.as_inet()?.port())
}

/// The caller's certificate, where it is trusted for this host.
pub(super) fn certificate<'a>(
    connection: &'a Connection,
    snapshot: &'a Snapshot,
    host: &str,
) -> Option<ClientCertificate<'a>> {
    let caller = connection.caller(snapshot, UtcTime::now());
    let Shown::Trusted(vouched) = caller.certificate else {
        return None;
    };
    let identity = vouched.identity;
    let shown = connection.tls.as_ref()?.certificate.as_ref()?;
    let tells = caller.is_for(host) && !identity.is_key_alone();
    tells.then(|| ClientCertificate {
        der: shown.chain.first().map_or(&[][..], |one| one.as_ref()),
        subject: identity.subject_rfc2253(),
        issuer: identity.issuer_rfc2253(),
        serial: identity.serial(),
        not_before: identity.not_before(),
        not_after: identity.not_after(),
    })
}
