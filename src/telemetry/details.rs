//! What is known of a request beyond its record, for those who tell more: references, of which nothing
//! is text yet.

use serde_json::Map;

use crate::client_certificate::ClientCertificate;
use crate::config::{Route, Stage};
use crate::refusal::Refusal;

/// What templates may tell of a request beyond its record.
#[derive(Clone, Copy)]
pub struct RequestDetails<'a> {
    /// The stage.
    pub stage: Option<&'a Stage>,
    /// The route.
    pub route: Option<&'a Route>,
    /// The caller's certificate, when it is trusted.
    pub certificate: Option<ClientCertificate<'a>>,
    /// Who an authorizer says the caller is.
    pub principal: Option<&'a str>,
    /// What else it said.
    pub context: Option<&'a Map<String, serde_json::Value>>,
    /// The ARN of the principal of AWS IAM who has signed.
    pub user_arn: Option<&'a str>,
    /// The field `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// The field `Referer`.
    pub referer: Option<&'a [u8]>,
    /// The cipher suite, as OpenSSL calls it.
    pub cipher: Option<&'static str>,
    /// Why it was refused.
    pub refusal: Option<&'a Refusal>,
    /// The status with which Lambda, or whatever the integration asked, answered.
    pub integration_reply: Option<u16>,
}

impl RequestDetails<'_> {
    /// Nothing is known.
    pub const NONE: Self = Self {
        stage: None,
        route: None,
        certificate: None,
        principal: None,
        context: None,
        user_arn: None,
        user_agent: None,
        referer: None,
        cipher: None,
        refusal: None,
        integration_reply: None,
    };
}
