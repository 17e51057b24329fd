//! The variables of a template. In: a name behind `$context.`. Out: a variable, or the nearest name.

use crate::problem::suggestion;

use super::names::{AUTHORIZER, FREE, VARIABLES};

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogVariable {
    /// One of API Gateway's of which the gateway has nothing.
    Nothing,
    /// `[stage] account_id`.
    AccountId,
    /// `[stage] api_id`.
    ApiId,
    /// The name of the stage.
    Stage,
    /// The request's id.
    RequestId,
    /// When it came: `04/Mar/2020:19:15:17 +0000`.
    RequestTime,
    /// The same in milliseconds since 1970.
    RequestTimeEpoch,
    /// The method.
    Method,
    /// The path as sent, with the stage's name before it.
    Path,
    /// `HTTP/1.1` or `HTTP/2.0`.
    Protocol,
    /// The host.
    DomainName,
    /// Its first label.
    DomainPrefix,
    /// What stands for the id of the route's pattern.
    ResourceId,
    /// The route's pattern.
    ResourcePath,
    /// `METHOD /pattern`, or `ANY /pattern`.
    RouteKey,
    /// The status that was sent.
    Status,
    /// Milliseconds from the head to the end of the answer.
    ResponseLatency,
    /// Bytes of the answer's body.
    ResponseLength,
    /// Bytes of both bodies.
    DataProcessed,
    /// `TLSv1.2` or `TLSv1.3`.
    TlsVersion,
    /// The cipher suite as OpenSSL calls it.
    CipherSuite,
    /// The id of the trace, as X-Ray writes it.
    XrayTraceId,
    /// The caller's address.
    SourceIp,
    /// The consumer.
    User,
    /// The ARN of the principal of AWS IAM who has signed.
    UserArn,
    /// Its account.
    UserAccount,
    /// The field `User-Agent`.
    UserAgent,
    /// The VPC endpoint that the connection came through.
    VpcEndpoint,
    /// The caller's certificate in PEM, when it is trusted.
    CertificatePem,
    /// Its subject.
    CertificateSubject,
    /// Its issuer.
    CertificateIssuer,
    /// Its serial number.
    CertificateSerial,
    /// The first second of its validity.
    CertificateNotBefore,
    /// The last.
    CertificateNotAfter,
    /// Who calls, as an authorizer says, or the consumer.
    Principal,
    /// What an authorizer said under this key.
    Authorizer(String),
    /// Why an authorizer said nothing.
    AuthorizerError,
    /// What the caller was told of a refusal.
    ErrorMessage,
    /// The same in quotes.
    ErrorMessageString,
    /// The kind of gateway response that it would have been.
    ErrorResponseType,
    /// The status that the integration answered with.
    IntegrationStatus,
    /// The same, but of Lambda where that is asked.
    IntegrationReply,
    /// Milliseconds until the head of its answer.
    IntegrationLatency,
    /// Why it did not answer.
    IntegrationError,
    /// What the gateway's own record says.
    Record(RecordField),
}

/// What only the gateway knows, called as in the JSON of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordField {
    /// Bytes of the request's body.
    BytesIn,
    /// How the caller's certificate was judged.
    CertificateVerdict,
    /// The consumer.
    Consumer,
    /// Microseconds of deciding.
    DecideMicros,
    /// What an operator should know about a refusal.
    Detail,
    /// The authority, as sent.
    Host,
    /// The listener.
    Listener,
    /// The path as sent.
    Path,
    /// The policy.
    Policy,
    /// The field `Referer` without its query.
    Referer,
    /// The refusal's code.
    Refusal,
    /// The route's name.
    Route,
    /// The target that was tried last.
    Target,
    /// The id of the trace, as W3C writes it.
    TraceId,
    /// The proxy that passed the connection on.
    Via,
}

/// Finds the variable called `name`.
///
/// # Errors
/// There is none.
pub(super) fn find(name: &str) -> Result<LogVariable, String> {
    if let Some((_, found)) = VARIABLES.iter().find(|(known, _)| *known == name) {
        return Ok(found.clone());
    }
    let is_free = |family: &&str| {
        let property = name.strip_prefix(*family);
        property.is_some_and(|property| !property.is_empty() && !property.contains('.'))
    };
    if FREE.iter().any(is_free) {
        return Ok(LogVariable::Nothing);
    }
    if is_free(&AUTHORIZER) {
        return Ok(LogVariable::Authorizer(name[AUTHORIZER.len()..].to_owned()));
    }
    if name.is_empty() {
        return Err("names no variable behind $context.".to_owned());
    }
    let known = VARIABLES.iter().map(|(known, _)| *known);
    Err(format!(
        "names $context.{name}, which is not known{}",
        suggestion(name, known)
    ))
}

/// How much of `text` is a name: words of letters, digits and `_`, with dots between them. Only what
/// an authorizer calls something may hold a `-`.
pub(super) fn length_of_name(text: &str) -> usize {
    let hyphens = text.starts_with(AUTHORIZER);
    let is_joint = |byte: u8| byte == b'.' || hyphens && byte == b'-';
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let is_of_name = |at: &usize| {
        let next = bytes.get(at + 1);
        is_of_word(bytes[*at])
            || *at > 0 && is_joint(bytes[*at]) && next.is_some_and(|next| is_of_word(*next))
    };
    (0..bytes.len())
        .find(|at| !is_of_name(at))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_explained() {
        let explained = include_str!("../../../docs/access-log.md");
        let families = FREE.iter().map(|family| match family.contains("Override") {
            true => format!("{family}NAME"),
            false => format!("{family}PROPERTY"),
        });
        let names = VARIABLES.iter().map(|(name, _)| (*name).to_owned());
        for name in names.chain(families) {
            assert!(explained.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn what_is_called_as_one_likes_is_known_by_its_family() {
        for (name, expected) in [
            (
                "authorizer.tenant",
                Some(LogVariable::Authorizer("tenant".to_owned())),
            ),
            ("authorizer.claims.sub", Some(LogVariable::Nothing)),
            ("requestOverride.header.X", Some(LogVariable::Nothing)),
            ("authorizer.a.b", None),
            ("authorizer.", None),
            ("authorizer", None),
            ("requestOverride.body.x", None),
        ] {
            assert_eq!(find(name).ok(), expected, "{name}");
        }
    }
}
