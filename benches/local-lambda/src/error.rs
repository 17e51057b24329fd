//! The two kinds of failure that Lambda tells: of the service, as a status and an error type, and
//! of a function, as the answer of an invocation that went well.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use crate::http1::{Body, whole};

/// What Lambda itself answers instead of a function.
pub(crate) struct ServiceError {
    status: StatusCode,
    error_type: String,
    body: serde_json::Value,
}

impl ServiceError {
    /// In the shape that most of Lambda's errors have.
    pub fn new(status: StatusCode, error_type: &str, message: &str) -> Self {
        Self {
            status,
            error_type: error_type.to_string(),
            body: json!({"Type": kind_of(status), "Message": message}),
        }
    }

    pub fn not_found(arn: &str) -> Self {
        let message = format!("Function not found: {arn}");
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message)
    }

    pub fn throttled() -> Self {
        let body = json!({
            "Reason": "ConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        });
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            error_type: "TooManyRequestsException".to_string(),
            body,
        }
    }

    /// `limit` in bytes.
    pub fn too_large(limit: usize, operation: &str) -> Self {
        let message =
            format!("Request must be smaller than {limit} bytes for the {operation} operation");
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            error_type: "RequestTooLargeException".to_string(),
            body: json!({"Type": "User", "message": message}),
        }
    }

    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(whole(self.body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert("content-type", crate::http1::JSON);
        if let Ok(value) = self.error_type.parse() {
            headers.insert("x-amzn-errortype", value);
        }
        response
    }
}

fn kind_of(status: StatusCode) -> &'static str {
    match status.is_server_error() {
        true => "Service",
        false => "User",
    }
}

/// How a function failed, as JSON with `errorType` and `errorMessage`.
#[derive(Clone, Debug)]
pub(crate) struct FunctionError(pub Bytes);

impl FunctionError {
    pub fn new(error_type: &str, message: &str) -> Self {
        let body = json!({"errorType": error_type, "errorMessage": message});
        Self(body.to_string().into())
    }

    pub fn timed_out(request_id: &str, timeout_secs: u32) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Task timed out after {timeout_secs}.00 seconds"
        );
        Self::new("Sandbox.Timedout", &message)
    }

    /// `status` as the system words it, e.g. `exit status: 3`.
    pub fn exited(request_id: &str, status: &str) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Runtime exited with error: {}",
            status.replace("status:", "status")
        );
        Self::new("Runtime.ExitError", &message)
    }

    /// `length` and `limit` in bytes.
    pub fn response_too_large(limit: usize) -> Self {
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
        Self::new("Function.ResponseSizeTooLarge", &message)
    }
}
