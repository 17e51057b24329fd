//! What API Gateway would call a refusal, for logs that are read as its own are.

use super::{FunctionFailure, Refusal};

impl Refusal {
    /// The nearest kind of gateway response (API Gateway Developer Guide, "Gateway response
    /// types").
    pub fn response_type(&self) -> &'static str {
        match self {
            Self::CertificateRequired
            | Self::CertificateUntrusted(_)
            | Self::CertificateUnknown
            | Self::CertificateNotAllowed(_)
            | Self::ConsumerMismatch
            | Self::ConsumerNotAllowed
            | Self::AuthorizerDenied { .. } => "ACCESS_DENIED",
            Self::AuthorizerFailed(_) => "AUTHORIZER_FAILURE",
            Self::AuthorizerUnauthorized => "UNAUTHORIZED",
            Self::SignatureRequired(_) => "MISSING_AUTHENTICATION_TOKEN",
            Self::SignatureExpired => "EXPIRED_TOKEN",
            Self::SignatureMalformed(_)
            | Self::SignatureScope
            | Self::SignatureNotYetValid
            | Self::SignatureMismatch(_)
            | Self::SignatureReplayed
            | Self::PayloadModeRefused
            | Self::BodyHashMismatch => "INVALID_SIGNATURE",
            Self::RouteNotFound | Self::MethodNotAllowed { .. } => "RESOURCE_NOT_FOUND",
            Self::BodyTooLarge | Self::Function(FunctionFailure::EventTooLarge(_), _) => {
                "REQUEST_TOO_LARGE"
            }
            Self::UpstreamTimeout | Self::Function(FunctionFailure::TimedOut, _) => {
                "INTEGRATION_TIMEOUT"
            }
            Self::UpstreamNotSigned(_)
            | Self::UpstreamUnreachable
            | Self::UpstreamFailed
            | Self::Function(..) => "INTEGRATION_FAILURE",
            other if other.status() >= 500 => "DEFAULT_5XX",
            _ => "DEFAULT_4XX",
        }
    }

    /// Whether it is the integration that did not answer.
    pub fn is_of_integration(&self) -> bool {
        matches!(
            self.response_type(),
            "INTEGRATION_FAILURE" | "INTEGRATION_TIMEOUT"
        )
    }
}
