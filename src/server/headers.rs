//! The fields that travel upstream: what a caller must not say of itself is removed, what
//! the gateway knows is added. In: the request as Pingora will send it. Out: the same, edited;
//! and an answer that varies by what is added, widened.

use std::net::SocketAddr;

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING, VARY,
};
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use pingora_core::{Error, ErrorType::InternalError, OrErr as _};
use pingora_http::{RequestHeader, ResponseHeader};

use crate::clock::UtcTime;
use crate::field_name::{is_like, is_ours};
use crate::identity::{Shown, Vouched};
use crate::integration::{Told, Upstream};
use crate::names::{ConsumerName, RequestId};
use crate::refusal::Refusal;
use crate::response::REQUEST_ID;
use crate::signature::{self, BodyDuty};
use crate::snapshot::Snapshot;

use super::connection::{Connection, ShownCertificate};
use super::request::Request;

// As texts, of which Pingora makes no copies.
const CONSUMER: &str = "x-consumer";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_PORT: &str = "x-forwarded-port";
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What describes AWS's chunks and no body.
const OF_CHUNKS: [&str; 3] = [
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
];

/// What is known of a request that is passed on.
pub(super) struct Passenger<'a> {
    /// Whether the caller's signature and credentials travel on.
    pub(super) forward_authorization: bool,
    pub(super) id: &'a RequestId,
    pub(super) consumer: Option<&'a ConsumerName>,
    pub(super) peer: SocketAddr,
    pub(super) secure: bool,
    pub(super) authority: &'a str,
    /// The `Host` to send, when it is not the caller's.
    pub(super) host: Option<&'a HeaderValue>,
    pub(super) trusted_peers: &'a [IpNet],
    /// What the upstream is told of the caller's certificate.
    pub(super) certificate: &'a [(HeaderName, HeaderValue)],
    /// What the upstream is told of what an authorizer said.
    pub(super) context: &'a [(HeaderName, HeaderValue)],
    /// Names under which upstreams are told of certificates and of what authorizers said: those
    /// of every integration, of this one as it was when the request was decided, and of every
    /// authorizer.
    pub(super) told_names: [&'a [HeaderName]; 3],
    /// The fields that carried the caller's signature.
    pub(super) carriers: &'a [HeaderName],
    /// The length of the body without AWS's chunks, when it came in them.
    pub(super) decoded_length: Option<u64>,
}

/// Edits the fields of a request for the upstream.
///
/// # Errors
/// Pingora's map of fields is full, which the limit on received fields prevents.
pub(super) fn edit(
    head: &mut RequestHeader,
    passenger: &Passenger<'_>,
) -> pingora_core::Result<()> {
    let ip = passenger.peer.ip().to_canonical();
    let trusted = passenger.trusted_peers.iter().any(|net| net.contains(&ip));
    let before = match trusted {
        true => Chain::of(head),
        false => Chain::default(),
    };
    remove_ours(head, &passenger.told_names);
    head.remove_header(&EXPECT);
    if !passenger.forward_authorization {
        head.remove_header(&AUTHORIZATION);
        head.remove_header(&SECURITY_TOKEN);
        for carrier in passenger.carriers {
            head.remove_header(carrier);
        }
        strip_presigned(head)?;
    }
    if let Some(length) = passenger.decoded_length {
        unchunk(head, length)?;
    }
    join_cookies(head)?;
    if let Some(host) = passenger.host {
        head.insert_header(HOST, host)?;
    }
    let forwarded_for = match before.addresses {
        Some(addresses) => format!("{addresses}, {ip}"),
        None => ip.to_string(),
    };
    head.insert_header(FORWARDED_FOR, forwarded_for)?;
    let scheme = if passenger.secure { "https" } else { "http" };
    head.insert_header(FORWARDED_PROTO, before.proto.as_deref().unwrap_or(scheme))?;
    let host = before.host.as_deref().unwrap_or(passenger.authority);
    head.insert_header(FORWARDED_HOST, host)?;
    if let Some(port) = before.port {
        head.insert_header(FORWARDED_PORT, port)?;
    }
    head.insert_header(REQUEST_ID, passenger.id.as_str())?;
    if let Some(consumer) = passenger.consumer {
        head.insert_header(CONSUMER, consumer.as_str())?;
    }
    for (name, value) in passenger.certificate.iter().chain(passenger.context) {
        head.insert_header(name, value)?;
    }
    Ok(())
}

/// Edits the fields of a request that has its plan.
///
/// # Errors
/// As [`edit`], and when there is no plan.
pub(super) fn edit_planned(
    head: &mut RequestHeader,
    request: &Request,
    snapshot: &Snapshot,
) -> pingora_core::Result<()> {
    let (Some(connection), Some(plan)) = (&request.connection, &request.plan) else {
        return Err(Error::explain(InternalError, "there is no plan"));
    };
    let upstream = request.upstream();
    let authority = authority_of(head).to_owned();
    let passenger = Passenger {
        forward_authorization: plan.route().forward_authorization,
        consumer: plan.consumer(),
        host: upstream.and_then(|upstream| upstream.host()),
        carriers: plan.carriers(),
        certificate: &request.certificate,
        context: plan.leave().map_or(&[][..], |leave| leave.fields()),
        told_names: [
            snapshot.integrations().certificate_names(),
            upstream.map_or(&[][..], |one| one.certificate_headers().names()),
            snapshot.authorizer().context_names(),
        ],
        decoded_length: match plan.duty() {
            BodyDuty::Chunked(duty) => Some(duty.decoded_length()),
            BodyDuty::None | BodyDuty::Sha256(_) | BodyDuty::Digest(_) => None,
        },
        ..Passenger::new(request, connection, &authority, snapshot)
    };
    edit(head, &passenger)
}

/// Edits the fields of a request about which an authorizer is asked: what its caller shows to be
/// let in stays.
///
/// # Errors
/// As [`edit`], and when the stream is not ours.
pub(super) fn edit_asking(
    head: &mut RequestHeader,
    request: &Request,
    snapshot: &Snapshot,
) -> pingora_core::Result<()> {
    let Some(connection) = &request.connection else {
        return Err(Error::explain(InternalError, "the stream is not ours"));
    };
    let authority = authority_of(head).to_owned();
    edit(
        head,
        &Passenger::new(request, connection, &authority, snapshot),
    )
}

impl<'a> Passenger<'a> {
    /// One of whom nothing is known but where it comes from.
    fn new(
        request: &'a Request,
        connection: &'a Connection,
        authority: &'a str,
        snapshot: &'a Snapshot,
    ) -> Self {
        let listener = snapshot.listener(&connection.listener);
        Self {
            forward_authorization: true,
            id: &request.id,
            consumer: None,
            peer: connection.source.peer,
            secure: connection.tls.is_some(),
            authority,
            host: None,
            trusted_peers: listener.map_or(&[][..], |one| &one.settings.trusted_peers),
            certificate: &[],
            context: &[],
            told_names: [
                snapshot.integrations().certificate_names(),
                &[],
                snapshot.authorizer().context_names(),
            ],
            carriers: &[],
            decoded_length: None,
        }
    }
}

/// Says of a body what it is without AWS's chunks: they are taken off here.
fn unchunk(head: &mut RequestHeader, length: u64) -> pingora_core::Result<()> {
    for name in OF_CHUNKS {
        head.remove_header(name);
    }
    head.remove_header(&TRANSFER_ENCODING);
    head.insert_header(CONTENT_LENGTH, length)?;
    let encodings = head.headers.get_all(CONTENT_ENCODING).iter();
    let encodings = encodings.filter_map(|value| value.to_str().ok());
    let others: Vec<&str> = encodings
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    let others = others.join(", ");
    head.remove_header(&CONTENT_ENCODING);
    if !others.is_empty() {
        head.insert_header(CONTENT_ENCODING, others)?;
    }
    Ok(())
}

/// Takes the signature out of a presigned URL: whoever sees it can use it.
fn strip_presigned(head: &mut RequestHeader) -> pingora_core::Result<()> {
    let Some(query) = head.uri.query().and_then(signature::strip_presigned) else {
        return Ok(());
    };
    let target = match query.is_empty() {
        true => head.uri.path().to_owned(),
        false => format!("{}?{query}", head.uri.path()),
    };
    let mut parts = head.uri.clone().into_parts();
    let target = target
        .try_into()
        .or_err(InternalError, "a part of a target is none")?;
    parts.path_and_query = Some(target);
    let uri = Uri::from_parts(parts).or_err(InternalError, "a URI lost its form")?;
    head.set_uri(uri);
    Ok(())
}

/// What a trusted proxy in front of us said.
#[derive(Default)]
struct Chain {
    addresses: Option<String>,
    proto: Option<String>,
    host: Option<String>,
    port: Option<u16>,
}

impl Chain {
    fn of(head: &RequestHeader) -> Self {
        let joined = |name: &str| {
            let all = head.headers.get_all(name).iter();
            let all: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        Self {
            addresses: joined(FORWARDED_FOR),
            proto: joined(FORWARDED_PROTO),
            host: joined(FORWARDED_HOST),
            port: joined(FORWARDED_PORT).and_then(|port| port.parse().ok()),
        }
    }
}

fn remove_ours(head: &mut RequestHeader, told_names: &[&[HeaderName]]) {
    let told = told_names.iter().copied().flatten();
    let is_told = |name: &str| told.clone().any(|other| is_like(name, other.as_str()));
    let ours = |name: &&HeaderName| is_ours(name.as_str()) || is_told(name.as_str());
    let names: Vec<HeaderName> = head.headers.keys().filter(ours).cloned().collect();
    for name in names {
        head.remove_header(&name);
    }
}

/// What the upstream is to be told of the certificate that `connection` shows, on a request for
/// `host`.
///
/// # Errors
/// It does not fit.
pub(super) fn of_certificate(
    upstream: &Upstream,
    connection: &Connection,
    snapshot: &Snapshot,
    host: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let headers = upstream.certificate_headers();
    let caller = connection.caller(snapshot, UtcTime::now());
    let shown = connection.tls.as_ref();
    let shown = shown.and_then(|tls| tls.certificate.as_ref());
    let chain = shown.map_or(&[][..], |shown| &shown.chain);
    let needed = shown.map(ShownCertificate::needed_chain);
    let needed = needed.unwrap_or_default();
    let told = match caller.certificate {
        // It was shown to another host, and proves nothing to this one.
        _ if !caller.is_for(host) => Told::Nothing,
        Shown::Nothing => Told::Nothing,
        // Nobody has verified what it says.
        Shown::Trusted(Vouched { identity, .. }) if identity.is_key_alone() => {
            Told::Unverified { chain }
        }
        Shown::Trusted(Vouched { identity, .. }) => Told::Verified {
            identity,
            chain: &needed,
        },
        Shown::Unverified => Told::Unverified { chain },
        Shown::Untrusted(why) => Told::Distrusted(why.code()),
    };
    let fields = headers.fields(told);
    fields.map_err(|why| Refusal::CertificateHeadersTooLarge(why.0))
}

/// Says the length of an answer once, which its target may have said twice: whoever reads the first
/// of them, or the last, or the list, must not read another answer than the next one (RFC 9110 §8.6).
/// That they are equal Pingora has seen to.
///
/// # Errors
/// As [`edit`].
pub(super) fn single_length(head: &mut ResponseHeader) -> pingora_core::Result<()> {
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(());
    };
    let mut listed = first.as_bytes().splitn(2, |byte| *byte == b',');
    let one = listed.next().unwrap_or_default().trim_ascii();
    if lengths.next().is_none() && listed.next().is_none() {
        return Ok(());
    }
    let one = HeaderValue::from_bytes(one).or_err(InternalError, "a length is no value")?;
    head.insert_header(CONTENT_LENGTH, one)
}

/// An answer that varies by what callers cannot send is good for nobody else (RFC 9440 §2.4).
pub(super) fn widen_vary(
    head: &mut ResponseHeader,
    upstream: &Upstream,
) -> pingora_core::Result<()> {
    let headers = upstream.certificate_headers();
    let lines = head.headers.get_all(VARY).iter();
    let mut fields = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    match fields.any(|field| headers.varies_by(field.trim())) {
        true => head.insert_header(VARY, "*"),
        false => Ok(()),
    }
}

/// HTTP/2 may send a cookie in crumbs; HTTP/1 has one line (RFC 9113 §8.2.3).
fn join_cookies(head: &mut RequestHeader) -> pingora_core::Result<()> {
    let crumbs: Vec<&[u8]> = head
        .headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if crumbs.len() < 2 {
        return Ok(());
    }
    let whole = crumbs.join(&b"; "[..]);
    head.insert_header("Cookie", whole)
}

/// The authority that a request is for, as it was sent.
pub(super) fn authority_of(head: &RequestHeader) -> &str {
    let host = || head.headers.get(HOST)?.to_str().ok();
    let authority = head.uri.authority().map(|authority| authority.as_str());
    authority.or_else(host).unwrap_or_default()
}
