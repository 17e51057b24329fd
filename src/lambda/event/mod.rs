//! What a function is told of a request: an event, as API Gateway and load balancers tell it.
//! In: what the gateway knows of a request, and its body. Out: JSON no larger than the function
//! takes. Decides nothing and asks nobody; what only the gateway may say of a caller stands in
//! the request already.

mod alb;
mod body;
mod caller;
mod certificate;
mod context;
mod fields;
mod pairs;
mod proxy;
mod query;
mod v2;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Serialize;

use crate::clock::UtcTime;
use crate::config::{Lambda, PayloadFormat};
use crate::lambda::request::Request;

use body::Content;

pub use query::parameter;

/// An event would be larger than its function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is larger than {0} bytes")]
pub struct TooLarge(
    /// What the function takes, in bytes.
    pub u64,
);

/// The event by which a function is told of a request, in the function's own format.
///
/// # Errors
/// It would be larger than `max_payload_bytes` of the function.
pub fn encode(lambda: &Lambda, request: &Request<'_>, body: &[u8]) -> Result<Vec<u8>, TooLarge> {
    match lambda.payload_format {
        PayloadFormat::Rest => proxy::encode_rest(lambda, request, body),
        PayloadFormat::V1 => proxy::encode_v1(lambda, request, body),
        PayloadFormat::V2 => v2::encode(lambda, request, body),
        PayloadFormat::Alb => alb::encode(lambda, request, body),
    }
}

/// The event by which an authorizer is asked about a whole request, without its body. `identity`
/// holds the values of its identity sources, of which a REST API's is not told (API Gateway
/// Developer Guide, "Input to an API Gateway Lambda authorizer" and "Control access to HTTP APIs
/// with AWS Lambda authorizers").
pub fn authorizer_request(
    format: PayloadFormat,
    request: &Request<'_>,
    method_arn: &str,
    identity: &[&str],
) -> Vec<u8> {
    match format {
        // No authorizer is told anything as a load balancer would: the configuration has none.
        PayloadFormat::Rest | PayloadFormat::Alb => proxy::ask_rest(request, method_arn),
        PayloadFormat::V1 => proxy::ask_v1(request, method_arn, identity),
        PayloadFormat::V2 => v2::ask(request, method_arn, identity),
    }
}

/// The event by which an authorizer is asked about one field.
pub fn authorizer_token(token: &str, method_arn: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Event<'a> {
        r#type: &'a str,
        method_arn: &'a str,
        authorization_token: &'a str,
    }
    let event = Event {
        r#type: "TOKEN",
        method_arn,
        authorization_token: token,
    };
    let mut out = Vec::with_capacity(80 + method_arn.len() + token.len());
    write(&event, &mut out);
    out
}

/// The head of an event, and the body behind it, which is so never copied on its way there.
fn whole(
    head: &impl Serialize,
    request: &Request<'_>,
    content: &Content<'_>,
    lambda: &Lambda,
) -> Result<Vec<u8>, TooLarge> {
    let max = lambda.function.max_payload_bytes;
    let most = usize::try_from(max).unwrap_or(usize::MAX);
    let tail = content.length();
    if tail > most {
        return Err(TooLarge(max));
    }
    let mut out = Vec::with_capacity(usual_head(request).saturating_add(tail).min(most));
    write(head, &mut out);
    // The brace that ends the head: the body still belongs to it.
    out.pop();
    if tail > most.saturating_sub(out.len()) {
        return Err(TooLarge(max));
    }
    out.reserve_exact(tail);
    content.write(&mut out);
    Ok(out)
}

fn alone(head: &impl Serialize, request: &Request<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(usual_head(request));
    write(head, &mut out);
    out
}

fn write(event: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, event).expect("names are text, and memory takes everything");
}

/// What a head takes when it tells everything twice and little of it needs escapes, in bytes.
fn usual_head(request: &Request<'_>) -> usize {
    const WORDS: usize = 1536;
    const AROUND_FIELD: usize = 8;
    let field = |(name, value): &(&str, Cow<'_, str>)| name.len() + value.len() + AROUND_FIELD;
    let fields: usize = request.fields.iter().map(field).sum();
    let query = request.query.map_or(0, str::len);
    let certificate = request.certificate.map_or(0, |known| known.der.len());
    WORDS + 2 * (fields + query + certificate) + 4 * request.path.len()
}

/// The path with the stage before it, when that has a name.
fn staged_path<'a>(request: &Request<'a>) -> Cow<'a, str> {
    match request.stage.is_named() {
        true => Cow::Owned(format!("/{}{}", request.stage.name, request.path)),
        false => Cow::Borrowed(request.path),
    }
}

/// The same as HTTP APIs tell it: percent-decoded, as recorded. A slash stays encoded, where the
/// route allows one at all: it would make another path of it.
fn decoded_path<'a>(request: &Request<'a>) -> Cow<'a, str> {
    let path = staged_path(request);
    let Some(at) = path.find('%') else {
        return path;
    };
    let mut out = path[..at].to_owned();
    let mut rest = &path[at..];
    while let Some(at) = find_slash(rest) {
        out += &query::percent_decoded(&rest[..at]);
        out += &rest[at..at + SLASH.len()];
        rest = &rest[at + SLASH.len()..];
    }
    out += &query::percent_decoded(rest);
    Cow::Owned(out)
}

const SLASH: &str = "%2F";

fn find_slash(path: &str) -> Option<usize> {
    let is_slash = |three: &[u8]| three.eq_ignore_ascii_case(SLASH.as_bytes());
    path.as_bytes().windows(SLASH.len()).position(is_slash)
}

/// The first label of a host.
fn domain_prefix<'a>(request: &Request<'a>) -> &'a str {
    request.host.split('.').next().unwrap_or_default()
}

/// `04/Mar/2020:19:15:17 +0000`
fn request_time(request: &Request<'_>) -> String {
    UtcTime::from_unix(request.time_ms.div_euclid(1000)).common_log()
}
