//! How a function's failure looks to a caller: as the API did that the function was written for,
//! so that clients who know its answers need not change.

use std::borrow::Cow;

/// Whose answers callers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// A REST API of API Gateway.
    Rest,
    /// An HTTP API of API Gateway.
    Http,
    /// An Application Load Balancer.
    Alb,
}

/// Why a function's answer cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionFailure {
    /// It failed: it threw, ended, or ran out of its own time.
    Error,
    /// Its answer is none that the API takes.
    Malformed(&'static str),
    /// Its stream does not begin as one, so that head and body cannot be told apart.
    NoPrelude(&'static str),
    /// Its answer is larger than this many bytes.
    AnswerTooLarge(u64),
    /// Too many invocations of this integration are under way in this gateway.
    Busy,
    /// Lambda runs as many of it as it may.
    Throttled,
    /// Lambda does not let the gateway invoke it.
    Denied,
    /// Lambda does not know it, or it cannot be run.
    Missing,
    /// Lambda itself failed.
    ServiceFailed,
    /// Lambda could not be reached, and why.
    Unreachable(&'static str),
    /// The connection to Lambda broke.
    BrokenOff,
    /// It did not answer in time.
    TimedOut,
    /// The invocation cannot be signed.
    NotSigned(&'static str),
    /// The gateway holds too much at once to hold its answer as well.
    BuffersFull,
    /// The request makes an event of more than so many bytes.
    EventTooLarge(u64),
}

impl FunctionFailure {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Error => "function_error",
            Self::Malformed(_) | Self::NoPrelude(_) => "function_answer_malformed",
            Self::AnswerTooLarge(_) => "function_answer_too_large",
            Self::Busy => "function_busy",
            Self::Throttled => "function_throttled",
            Self::Denied => "function_denied",
            Self::Missing => "function_missing",
            Self::ServiceFailed => "function_service_failed",
            Self::Unreachable(_) => "function_unreachable",
            Self::BrokenOff => "function_broken_off",
            Self::TimedOut => "function_timeout",
            Self::NotSigned(_) => "function_not_signed",
            Self::BuffersFull => "buffers_full",
            Self::EventTooLarge(_) => "event_too_large",
        }
    }

    /// The status, as the API gives it.
    pub(super) fn status(self, api: Api) -> u16 {
        match (self, api) {
            (Self::EventTooLarge(_), _) => 413,
            // The gateway's own bounds: the caller may come again.
            (Self::Busy | Self::BuffersFull, _) => 503,
            (Self::Error | Self::Malformed(_) | Self::AnswerTooLarge(_), Api::Rest | Api::Alb) => {
                502
            }
            (Self::TimedOut, Api::Rest | Api::Alb) => 504,
            (Self::BrokenOff, Api::Rest) => 504,
            (
                Self::Throttled
                | Self::ServiceFailed
                | Self::Unreachable(_)
                | Self::BrokenOff
                | Self::TimedOut,
                Api::Http,
            ) => 503,
            (_, Api::Alb) => 502,
            (_, Api::Rest | Api::Http) => 500,
        }
    }

    /// The words, as the API has them.
    pub(super) fn message(self, api: Api) -> Cow<'static, str> {
        let text = match (self, api, self.status(api)) {
            (Self::EventTooLarge(most), ..) => {
                return Cow::Owned(format!(
                    "The request makes an event of more than {most} bytes, which its function does not take."
                ));
            }
            (Self::BrokenOff, Api::Rest, _) => "Network error communicating with endpoint",
            (_, Api::Rest, 504) => "Endpoint request timed out",
            (_, Api::Rest, 500 | 502) => "Internal server error",
            (_, Api::Http, 500) => "Internal Server Error",
            (_, Api::Alb, 502) => "Bad Gateway",
            (_, Api::Alb, 504) => "Gateway Timeout",
            _ => "Service Unavailable",
        };
        Cow::Borrowed(text)
    }

    /// What the operator may read beyond the code.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Malformed(why)
            | Self::NoPrelude(why)
            | Self::NotSigned(why)
            | Self::Unreachable(why) => why,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// API Gateway Developer Guide, "Gateway responses" and "Troubleshooting HTTP API Lambda
    /// integrations".
    #[test]
    fn failures_look_as_the_api_has_them() {
        use FunctionFailure as F;
        for (failure, api, status, message) in [
            (F::Error, Api::Rest, 502, "Internal server error"),
            (F::Malformed("x"), Api::Rest, 502, "Internal server error"),
            (F::NoPrelude("x"), Api::Rest, 500, "Internal server error"),
            (F::Throttled, Api::Rest, 500, "Internal server error"),
            (F::Denied, Api::Rest, 500, "Internal server error"),
            (F::Unreachable("x"), Api::Rest, 500, "Internal server error"),
            (
                F::BrokenOff,
                Api::Rest,
                504,
                "Network error communicating with endpoint",
            ),
            (F::TimedOut, Api::Rest, 504, "Endpoint request timed out"),
            (F::Error, Api::Http, 500, "Internal Server Error"),
            (F::Malformed("x"), Api::Http, 500, "Internal Server Error"),
            (F::Throttled, Api::Http, 503, "Service Unavailable"),
            (F::Unreachable("x"), Api::Http, 503, "Service Unavailable"),
            (F::TimedOut, Api::Http, 503, "Service Unavailable"),
            (F::Error, Api::Alb, 502, "Bad Gateway"),
            (F::TimedOut, Api::Alb, 504, "Gateway Timeout"),
            (F::Busy, Api::Rest, 503, "Service Unavailable"),
        ] {
            assert_eq!(
                (failure.status(api), &*failure.message(api)),
                (status, message),
                "{failure:?} {api:?}"
            );
        }
    }
}
