//! The variables of a template by their names. In: a name. Out: a variable, or the nearest name. The
//! names are those behind `$context.`: every one of API Gateway's for REST APIs and for HTTP
//! APIs ("Variables for access logging", "Customizing HTTP API access logs"), and what else the
//! gateway knows, under `countersign`.

use crate::problem::suggestion;

use super::variable::{LogVariable as V, RecordField as R};

/// What an authorizer said, under the name that it gave.
const AUTHORIZER: &str = "authorizer.";
/// What is called as the API calls it, and is never there.
const FREE: [&str; 5] = [
    "authorizer.claims.",
    "requestOverride.header.",
    "requestOverride.path.",
    "requestOverride.querystring.",
    "responseOverride.header.",
];

/// By their names.
static VARIABLES: [(&str, V); 99] = [
    ("accountId", V::AccountId),
    ("apiId", V::ApiId),
    ("authenticate.error", V::Nothing),
    ("authenticate.latency", V::Nothing),
    ("authenticate.status", V::Nothing),
    ("authorize.error", V::Nothing),
    ("authorize.latency", V::Nothing),
    ("authorize.status", V::Nothing),
    ("authorizer.error", V::AuthorizerError),
    ("authorizer.integrationLatency", V::Nothing),
    ("authorizer.integrationStatus", V::Nothing),
    ("authorizer.latency", V::Nothing),
    ("authorizer.principalId", V::Principal),
    ("authorizer.requestId", V::Nothing),
    ("authorizer.status", V::Nothing),
    ("awsEndpointRequestId", V::Nothing),
    ("awsEndpointRequestId2", V::Nothing),
    ("cipherSuite", V::CipherSuite),
    ("customDomain.basePathMatched", V::Nothing),
    ("customDomain.routingRuleIdMatched", V::Nothing),
    ("dataProcessed", V::DataProcessed),
    ("deploymentId", V::Nothing),
    ("domainName", V::DomainName),
    ("domainPrefix", V::DomainPrefix),
    ("endpointType", V::Nothing),
    ("error.message", V::ErrorMessage),
    ("error.messageString", V::ErrorMessageString),
    ("error.responseType", V::ErrorResponseType),
    ("error.validationErrorString", V::Nothing),
    ("extendedRequestId", V::RequestId),
    ("httpMethod", V::Method),
    ("identity.accountId", V::UserAccount),
    ("identity.apiKey", V::Nothing),
    ("identity.apiKeyId", V::Nothing),
    ("identity.caller", V::User),
    ("identity.clientCert.clientCertPem", V::CertificatePem),
    ("identity.clientCert.issuerDN", V::CertificateIssuer),
    ("identity.clientCert.serialNumber", V::CertificateSerial),
    ("identity.clientCert.subjectDN", V::CertificateSubject),
    (
        "identity.clientCert.validity.notAfter",
        V::CertificateNotAfter,
    ),
    (
        "identity.clientCert.validity.notBefore",
        V::CertificateNotBefore,
    ),
    ("identity.cognitoAuthenticationProvider", V::Nothing),
    ("identity.cognitoAuthenticationType", V::Nothing),
    ("identity.cognitoIdentityId", V::Nothing),
    ("identity.cognitoIdentityPoolId", V::Nothing),
    ("identity.principalOrgId", V::Nothing),
    ("identity.sourceIp", V::SourceIp),
    ("identity.user", V::User),
    ("identity.userAgent", V::UserAgent),
    ("identity.userArn", V::UserArn),
    ("identity.vpcId", V::Nothing),
    ("identity.vpceId", V::VpcEndpoint),
    ("integration.error", V::IntegrationError),
    ("integration.integrationStatus", V::IntegrationReply),
    ("integration.latency", V::IntegrationLatency),
    ("integration.requestId", V::Nothing),
    ("integration.responseTransferMode", V::Nothing),
    ("integration.status", V::IntegrationStatus),
    ("integration.timeToAllHeaders", V::IntegrationLatency),
    ("integration.timeToFirstContent", V::Nothing),
    ("integrationErrorMessage", V::IntegrationError),
    ("integrationLatency", V::IntegrationLatency),
    ("integrationStatus", V::IntegrationReply),
    ("isCanaryRequest", V::Nothing),
    ("path", V::Path),
    ("protocol", V::Protocol),
    ("requestId", V::RequestId),
    ("requestTime", V::RequestTime),
    ("requestTimeEpoch", V::RequestTimeEpoch),
    ("resourceId", V::ResourceId),
    ("resourcePath", V::ResourcePath),
    ("responseLatency", V::ResponseLatency),
    ("responseLength", V::ResponseLength),
    ("responseOverride.status", V::Nothing),
    ("routeKey", V::RouteKey),
    ("stage", V::Stage),
    ("status", V::Status),
    ("tlsVersion", V::TlsVersion),
    ("waf.error", V::Nothing),
    ("waf.latency", V::Nothing),
    ("waf.status", V::Nothing),
    ("wafResponseCode", V::Nothing),
    ("webaclArn", V::Nothing),
    ("xrayTraceId", V::XrayTraceId),
    ("countersign.bytes_in", V::Record(R::BytesIn)),
    (
        "countersign.certificate_verdict",
        V::Record(R::CertificateVerdict),
    ),
    ("countersign.consumer", V::Record(R::Consumer)),
    ("countersign.decide_us", V::Record(R::DecideMicros)),
    ("countersign.detail", V::Record(R::Detail)),
    ("countersign.host", V::Record(R::Host)),
    ("countersign.listener", V::Record(R::Listener)),
    ("countersign.path", V::Record(R::Path)),
    ("countersign.policy", V::Record(R::Policy)),
    ("countersign.referer", V::Record(R::Referer)),
    ("countersign.refusal", V::Record(R::Refusal)),
    ("countersign.route", V::Record(R::Route)),
    ("countersign.target", V::Record(R::Target)),
    ("countersign.trace_id", V::Record(R::TraceId)),
    ("countersign.via", V::Record(R::Via)),
];

/// Finds the variable called `name`.
///
/// # Errors
/// There is none.
pub(super) fn find(name: &str) -> Result<V, String> {
    if let Some((_, found)) = VARIABLES.iter().find(|(known, _)| *known == name) {
        return Ok(found.clone());
    }
    let is_free = |family: &&str| {
        let property = name.strip_prefix(*family);
        property.is_some_and(|property| !property.is_empty() && !property.contains('.'))
    };
    if FREE.iter().any(is_free) {
        return Ok(V::Nothing);
    }
    if is_free(&AUTHORIZER) {
        return Ok(V::Authorizer(name[AUTHORIZER.len()..].to_owned()));
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
                Some(V::Authorizer("tenant".to_owned())),
            ),
            ("authorizer.claims.sub", Some(V::Nothing)),
            ("requestOverride.header.X", Some(V::Nothing)),
            ("authorizer.a.b", None),
            ("authorizer.", None),
            ("authorizer", None),
            ("requestOverride.body.x", None),
        ] {
            assert_eq!(find(name).ok(), expected, "{name}");
        }
    }
}
