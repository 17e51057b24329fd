//! Every way in which the gateway says no to a request: one enum, so that a status, a code
//! and the words a stranger may read are decided in one place.
//! Details that help an operator are carried for the log; secrets never are.

mod function;

use std::borrow::Cow;
use std::sync::Arc;

use crate::distrust::Distrust;

pub use function::{Api, FunctionFailure};

/// Why a request was not served.
///
/// The code ([`Refusal::code`]) is stable: logs, metrics and clients may rely on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not well-formed HTTP, or of a shape that two parsers could read
    /// differently (RFC 9112 §2.2, §6; RFC 9113 §8.1.1).
    Malformed(&'static str),
    /// The path has a shape that the route does not allow by name.
    PathRefused(&'static str),
    /// The header is longer, or has more fields, than the listener takes (RFC 6585 §5).
    HeadersTooLarge,
    /// The header did not arrive whole in time.
    HeaderTimeout,
    /// No route has this path.
    RouteNotFound,
    /// A route has this path, but none this method (RFC 9110 §15.5.6).
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: Arc<str>,
    },
    /// The route needs a client certificate and the connection has none.
    CertificateRequired,
    /// The connection's certificate is not trusted, or not any more.
    CertificateUntrusted(Distrust),
    /// The certificate is trusted but belongs to no consumer.
    CertificateUnknown,
    /// It is a consumer's, but not as the route's policy wants it; the condition that fails
    /// first is named by its key.
    CertificateNotAllowed(&'static str),
    /// The authority is not the one for which the TLS connection was made (RFC 9110 §15.5.20).
    Misdirected,
    /// The route needs a signature and the request has none.
    SignatureRequired(Arc<Challenge>),
    /// The signature cannot be read, or covers less than it must.
    SignatureMalformed(&'static str),
    /// The signature is for another region or service.
    SignatureScope,
    /// The signature is too old.
    SignatureExpired,
    /// The signature is from the future.
    SignatureNotYetValid,
    /// The credential is unknown or out of its time, or the signature is wrong. One word for
    /// all, so that a stranger cannot learn which credentials exist; the reason is for the log.
    SignatureMismatch(&'static str),
    /// The signature is good for a time, and the gateway's clock may be wrong.
    ClockUnsynchronized,
    /// The signature was used before, and the policy takes each only once.
    SignatureReplayed,
    /// It cannot be told whether the signature was used before.
    ReplayMemoryUnavailable(&'static str),
    /// STS, which would say whose a token is, cannot be asked.
    PrincipalUnavailable(&'static str),
    /// The signature leaves the body uncovered in a way that the policy does not allow.
    PayloadModeRefused,
    /// The body is not the one that was signed.
    BodyHashMismatch,
    /// Certificate and signature are of different consumers.
    ConsumerMismatch,
    /// The consumer is known but the policy does not name it.
    ConsumerNotAllowed,
    /// The body is larger than the route takes (RFC 9110 §15.5.14).
    BodyTooLarge,
    /// Too many bodies are held at once to take this one (RFC 9110 §15.6.4).
    BuffersFull,
    /// The body stopped arriving.
    BodyTimeout,
    /// What the upstream is to be told of the caller's certificate does not fit into its fields
    /// (RFC 6585 §5).
    CertificateHeadersTooLarge(&'static str),
    /// The gateway cannot sign the request for the upstream.
    UpstreamNotSigned(&'static str),
    /// No target could be reached.
    UpstreamUnreachable,
    /// The target broke off, or answered what is not HTTP.
    UpstreamFailed,
    /// The target did not answer in time.
    UpstreamTimeout,
    /// The answer of a function cannot be had; told as this API tells it.
    Function(FunctionFailure, Api),
    /// An authorizer does not let the call pass; whether its policy denies it in so many words.
    AuthorizerDenied {
        /// Whether it was denied, and not only left unnamed.
        explicit: bool,
        /// Whose answers callers know.
        api: Api,
    },
    /// What an authorizer would be asked about is missing, or it wants other proof
    /// (RFC 9110 §15.5.2).
    AuthorizerUnauthorized,
    /// An authorizer fails, or answers what is no answer.
    AuthorizerFailed(&'static str),
    /// The caller left before it had an answer, which nobody gets.
    CallerLeft,
    /// The gateway itself failed.
    Internal(&'static str),
}

/// What a 401 asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The value of `WWW-Authenticate` (RFC 9110 §11.6.1).
    pub www_authenticate: String,
    /// The value of `Accept-Signature` (RFC 9421 §5.1), where such signatures are taken.
    pub accept_signature: Option<String>,
}

impl Refusal {
    /// The stable code, in the answer's body, the log and the metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_request",
            Self::PathRefused(_) => "path_refused",
            Self::HeadersTooLarge => "headers_too_large",
            Self::HeaderTimeout => "header_timeout",
            Self::RouteNotFound => "route_not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::CertificateRequired => "certificate_required",
            Self::CertificateUntrusted(_) => "certificate_untrusted",
            Self::CertificateUnknown => "certificate_unknown",
            Self::CertificateNotAllowed(_) => "certificate_not_allowed",
            Self::Misdirected => "misdirected_request",
            Self::SignatureRequired(_) => "signature_required",
            Self::SignatureMalformed(_) => "signature_malformed",
            Self::SignatureScope => "signature_scope",
            Self::SignatureExpired => "signature_expired",
            Self::SignatureNotYetValid => "signature_not_yet_valid",
            Self::SignatureMismatch(_) => "signature_mismatch",
            Self::ClockUnsynchronized => "clock_unsynchronized",
            Self::SignatureReplayed => "signature_replayed",
            Self::ReplayMemoryUnavailable(_) => "replay_memory_unavailable",
            Self::PrincipalUnavailable(_) => "principal_unavailable",
            Self::PayloadModeRefused => "payload_mode_refused",
            Self::BodyHashMismatch => "body_hash_mismatch",
            Self::ConsumerMismatch => "consumer_mismatch",
            Self::ConsumerNotAllowed => "consumer_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::BuffersFull => "buffers_full",
            Self::BodyTimeout => "body_timeout",
            Self::CertificateHeadersTooLarge(_) => "certificate_headers_too_large",
            Self::UpstreamNotSigned(_) => "upstream_not_signed",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Function(failure, _) => failure.code(),
            Self::AuthorizerDenied { .. } => "authorizer_denied",
            Self::AuthorizerUnauthorized => "authorizer_unauthorized",
            Self::AuthorizerFailed(_) => "authorizer_failed",
            Self::CallerLeft => "caller_left",
            Self::Internal(_) => "internal_error",
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::PathRefused(_) => 400,
            Self::SignatureRequired(_) | Self::AuthorizerUnauthorized => 401,
            Self::CertificateRequired
            | Self::CertificateUntrusted(_)
            | Self::CertificateUnknown
            | Self::CertificateNotAllowed(_)
            | Self::SignatureMalformed(_)
            | Self::SignatureScope
            | Self::SignatureExpired
            | Self::SignatureNotYetValid
            | Self::SignatureMismatch(_)
            | Self::SignatureReplayed
            | Self::PayloadModeRefused
            | Self::BodyHashMismatch
            | Self::ConsumerMismatch
            | Self::ConsumerNotAllowed
            | Self::AuthorizerDenied { .. } => 403,
            Self::RouteNotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::HeaderTimeout | Self::BodyTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::Misdirected => 421,
            Self::HeadersTooLarge | Self::CertificateHeadersTooLarge(_) => 431,
            // nginx's own, for logs: it is never sent.
            Self::CallerLeft => 499,
            Self::Internal(_) | Self::AuthorizerFailed(_) => 500,
            Self::Function(failure, api) => failure.status(*api),
            Self::UpstreamUnreachable | Self::UpstreamFailed => 502,
            Self::ReplayMemoryUnavailable(_) | Self::PrincipalUnavailable(_) => 503,
            Self::UpstreamNotSigned(_) | Self::BuffersFull | Self::ClockUnsynchronized => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// What a stranger may read.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Function(failure, api) => failure.message(*api),
            other => Cow::Borrowed(other.words()),
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "The request is malformed.",
            Self::PathRefused(_) => "The path has a form that this route does not allow.",
            Self::HeadersTooLarge => "The request's header is too large.",
            Self::HeaderTimeout => "The request's header did not arrive in time.",
            Self::RouteNotFound => "There is no such route.",
            Self::MethodNotAllowed { .. } => "The route does not take this method.",
            Self::CertificateRequired => "A client certificate is required.",
            Self::CertificateUntrusted(_) => "The client certificate is not trusted.",
            Self::CertificateUnknown => "The client certificate belongs to no consumer.",
            Self::CertificateNotAllowed(_) => "The client certificate may not use this route.",
            Self::Misdirected => "The connection was not made for this host.",
            Self::SignatureRequired(_) => "A request signature is required.",
            Self::SignatureMalformed(_) => "The request signature is malformed or incomplete.",
            Self::SignatureScope => "The signature is scoped to another region or service.",
            Self::SignatureExpired => "The signature has expired.",
            Self::SignatureNotYetValid => "The signature is not yet valid.",
            Self::SignatureMismatch(_) => "The request signature does not match.",
            Self::ClockUnsynchronized => "The gateway does not know the time well enough.",
            Self::SignatureReplayed => "The request signature was used before.",
            Self::ReplayMemoryUnavailable(_) => {
                "It cannot be told whether the request signature was used before."
            }
            Self::PrincipalUnavailable(_) => "It cannot be told who the caller is.",
            Self::PayloadModeRefused => "The signature must cover the body.",
            Self::BodyHashMismatch => "The body is not the one that was signed.",
            Self::ConsumerMismatch => "Certificate and signature are of different consumers.",
            Self::ConsumerNotAllowed => "The consumer may not use this route.",
            Self::BodyTooLarge => "The body is too large.",
            Self::BuffersFull => "The gateway holds too many bodies at once.",
            Self::BodyTimeout => "The body did not arrive in time.",
            Self::CertificateHeadersTooLarge(_) => {
                "The client certificate is too large to be passed on."
            }
            Self::UpstreamNotSigned(_) => "The request cannot be signed for the upstream.",
            Self::UpstreamUnreachable => "The upstream cannot be reached.",
            Self::UpstreamFailed => "The upstream failed.",
            Self::UpstreamTimeout => "The upstream did not answer in time.",
            Self::AuthorizerDenied { api, explicit } => match (api, explicit) {
                (Api::Rest, true) => {
                    "User is not authorized to access this resource with an explicit deny"
                }
                (Api::Rest, false) => "User is not authorized to access this resource",
                (Api::Http | Api::Alb, _) => "Forbidden",
            },
            Self::AuthorizerUnauthorized => "Unauthorized",
            Self::AuthorizerFailed(_) => "Internal Server Error",
            Self::CallerLeft => "The caller left.",
            Self::Function(..) | Self::Internal(_) => "The gateway failed.",
        }
    }

    /// What the operator may read beyond the code; empty when there is no more to say.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Malformed(why)
            | Self::PathRefused(why)
            | Self::CertificateNotAllowed(why)
            | Self::SignatureMalformed(why)
            | Self::SignatureMismatch(why)
            | Self::ReplayMemoryUnavailable(why)
            | Self::PrincipalUnavailable(why)
            | Self::CertificateHeadersTooLarge(why)
            | Self::UpstreamNotSigned(why)
            | Self::AuthorizerFailed(why)
            | Self::Internal(why) => why,
            Self::Function(failure, _) => failure.detail(),
            Self::CertificateUntrusted(why) => why.reason(),
            _ => "",
        }
    }
}
