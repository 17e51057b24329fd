//! What a variable of a template stands for. In: a variable and what is known of a request. Out: its
//! value, made only now, when it is written.

use std::borrow::Cow;

use crate::client_certificate::ClientCertificate;
use crate::clock::UtcTime;
use crate::config::{LogVariable, RecordField, Route, RouteMethods, Stage};
use crate::pattern::resource_id;
use crate::refusal::Refusal;
use crate::telemetry::details::RequestDetails;
use crate::telemetry::record::{RequestRecord, shortened};

/// The value of a variable.
pub(super) enum Value<'a> {
    Nothing,
    Text(Cow<'a, str>),
    /// The same with quotes around it.
    Quoted(Cow<'a, str>),
    Number(u64),
    Json(&'a serde_json::Value),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Cow::Borrowed(text).into()
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Cow::<str>::Owned(text).into()
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text.is_empty() {
            true => Self::Nothing,
            false => Self::Text(text),
        }
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// The value of `variable`.
pub(super) fn of<'a>(
    variable: &LogVariable,
    record: &'a RequestRecord<'a>,
    details: &'a RequestDetails<'a>,
) -> Value<'a> {
    use LogVariable as V;
    let certificate = details.certificate.as_ref();
    let stage = details.stage;
    match variable {
        V::Nothing => Value::Nothing,
        V::AccountId => stage.map(|stage| stage.account_id.as_str()).into(),
        V::ApiId => stage.map(|stage| stage.api_id.as_str()).into(),
        V::Stage => stage.map(|stage| stage.name.as_str()).into(),
        V::RequestId => record.request_id.into(),
        V::RequestTime => {
            let seconds = came_at_ms(record).div_euclid(1000);
            UtcTime::from_unix(seconds).common_log().into()
        }
        V::RequestTimeEpoch => u64::try_from(came_at_ms(record)).ok().into(),
        V::Method => record.method.into(),
        V::Path => staged_path(record, stage),
        V::Protocol if record.protocol == "HTTP/2" => "HTTP/2.0".into(),
        V::Protocol => record.protocol.into(),
        V::DomainName => host_of(record.host).into(),
        V::DomainPrefix => host_of(record.host).split('.').next().into(),
        V::ResourceId => details
            .route
            .map(|one| resource_id(one.path.as_str()))
            .into(),
        V::ResourcePath => details.route.map(|one| one.path.as_str()).into(),
        V::RouteKey => details.route.map(|one| route_key(one, record)).into(),
        V::Status => status(record.status),
        V::ResponseLatency => whole(record.duration_ms).into(),
        V::ResponseLength => record.bytes_out.into(),
        V::DataProcessed => (record.bytes_in + record.bytes_out).into(),
        V::TlsVersion => record.tls.map(|tls| tls.replacen(' ', "v", 1)).into(),
        V::CipherSuite => details.cipher.into(),
        V::XrayTraceId => record.trace_id.and_then(xray).into(),
        V::SourceIp => record.peer.ip().to_canonical().to_string().into(),
        V::User => record.consumer.into(),
        V::UserArn => details.user_arn.into(),
        // arn:partition:service:region:account:resource
        V::UserAccount => details
            .user_arn
            .and_then(|arn| arn.split(':').nth(4))
            .into(),
        V::UserAgent => details.user_agent.map(text_of).into(),
        V::VpcEndpoint => record.vpc_endpoint.into(),
        V::CertificatePem => certificate.map(ClientCertificate::pem).into(),
        V::CertificateSubject => certificate.map(|one| shortened(one.subject)).into(),
        V::CertificateIssuer => certificate.map(|one| shortened(one.issuer)).into(),
        V::CertificateSerial => certificate
            .map(ClientCertificate::serial_with_colons)
            .into(),
        V::CertificateNotBefore => certificate.map(|one| one.not_before.asn1_print()).into(),
        V::CertificateNotAfter => certificate.map(|one| one.not_after.asn1_print()).into(),
        V::Principal => details.principal.or(record.consumer).into(),
        V::Authorizer(name) => said(name, record, details),
        V::AuthorizerError => match details.refusal {
            Some(Refusal::AuthorizerFailed(why)) => (*why).into(),
            _ => Value::Nothing,
        },
        V::ErrorMessage => details.refusal.map(Refusal::message).into(),
        V::ErrorMessageString => match details.refusal {
            Some(refusal) => Value::Quoted(refusal.message()),
            None => Value::Nothing,
        },
        V::ErrorResponseType => details.refusal.map(Refusal::response_type).into(),
        V::IntegrationStatus => match (record.upstream_ms, details.refusal) {
            (Some(_), None) => status(record.status),
            _ => Value::Nothing,
        },
        V::IntegrationReply => details.integration_reply.map(u64::from).into(),
        V::IntegrationLatency => record.upstream_ms.map(whole).into(),
        V::IntegrationError => {
            let refusal = details.refusal.filter(|one| one.is_of_integration());
            refusal.map(Refusal::code).into()
        }
        V::Record(field) => of_record(*field, record, details),
    }
}

fn of_record<'a>(
    field: RecordField,
    record: &'a RequestRecord<'a>,
    details: &'a RequestDetails<'a>,
) -> Value<'a> {
    use RecordField as R;
    match field {
        R::BytesIn => record.bytes_in.into(),
        R::CertificateVerdict => record.certificate_verdict.into(),
        R::Consumer => record.consumer.into(),
        R::DecideMicros => whole(record.decide_us).into(),
        R::Detail => record.detail.into(),
        R::Host => record.host.into(),
        R::Listener => record.listener.into(),
        R::Path => record.path.into(),
        R::Policy => details.route.map(|one| one.policy.as_str()).into(),
        R::Referer => details.referer.map(without_query).into(),
        R::Refusal => record.refusal.into(),
        R::Route => record.route.into(),
        R::Target => record.target.map(|target| target.to_string()).into(),
        R::TraceId => record.trace_id.into(),
        R::Via => record.via.map(|via| via.to_string()).into(),
    }
}

/// The record is of the end of a request.
fn came_at_ms(record: &RequestRecord<'_>) -> i64 {
    record.time.unix_ms() - whole(record.duration_ms).cast_signed()
}

/// Milliseconds or the like as API Gateway writes them.
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// None was sent when it is 0.
fn status<'a>(status: u16) -> Value<'a> {
    (status > 0).then_some(u64::from(status)).into()
}

fn staged_path<'a>(record: &'a RequestRecord<'a>, stage: Option<&Stage>) -> Value<'a> {
    match stage {
        Some(stage) if stage.is_named() && !record.path.is_empty() => {
            format!("/{}{}", stage.name, record.path).into()
        }
        _ => record.path.into(),
    }
}

/// The authority without its port.
fn host_of(authority: &str) -> &str {
    let end = authority
        .rfind(':')
        .filter(|at| !authority[*at..].contains(']'));
    &authority[..end.unwrap_or(authority.len())]
}

fn route_key(route: &Route, record: &RequestRecord<'_>) -> String {
    match &route.methods {
        RouteMethods::Any => format!("ANY {}", route.path),
        RouteMethods::Some(_) => format!("{} {}", record.method, route.path),
    }
}

/// What an authorizer said, beside the gateway's own word, as functions are told it.
fn said<'a>(
    name: &str,
    record: &'a RequestRecord<'a>,
    details: &'a RequestDetails<'a>,
) -> Value<'a> {
    if name == "consumer" {
        return record.consumer.into();
    }
    match details.context.and_then(|context| context.get(name)) {
        None | Some(serde_json::Value::Null) => Value::Nothing,
        Some(serde_json::Value::String(text)) => text.as_str().into(),
        Some(other) => Value::Json(other),
    }
}

/// The value of a field, which may be no text, and as long as a whole head.
fn text_of(value: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => shortened(text),
        Cow::Owned(text) => Cow::Owned(shortened(&text).into_owned()),
    }
}

/// The query of the page before may hold a secret as well as this one's.
fn without_query(value: &[u8]) -> Cow<'_, str> {
    let end = value.iter().position(|byte| b"?#".contains(byte));
    text_of(&value[..end.unwrap_or(value.len())])
}

/// `1-8 digits-24 digits` ("Sending trace data to AWS X-Ray", trace ID format).
fn xray(trace_id: &str) -> Option<String> {
    let (time, rest) = trace_id.split_at_checked(8)?;
    Some(format!("1-{time}-{rest}"))
}
