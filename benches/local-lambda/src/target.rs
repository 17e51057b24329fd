//! What a request invokes: the operation, the function and the qualifier, from the method and the
//! path. Lambda's clients percent-encode ARNs.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::error::ServiceError;
use crate::function::arn;
use crate::http1::{Body, text, whole};
use crate::ledger::Kind;

/// What a request invokes.
pub(crate) struct Target {
    pub kind: Kind,
    /// As in the path, decoded.
    pub named: String,
    pub function: String,
    pub qualifier: Option<String>,
}

impl Target {
    /// # Errors
    /// What Lambda answers to a request that invokes nothing.
    pub fn find(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, ServiceError> {
        let segments: Vec<_> = uri.path().split('/').collect();
        let (name, kind) = match segments[..] {
            _ if method != Method::POST => return Err(unknown()),
            ["", "2015-03-31", "functions", name, "invocations"] => (name, asked_kind(headers)?),
            [
                "",
                "2021-11-15",
                "functions",
                name,
                "response-streaming-invocations",
            ] => (name, Kind::Stream),
            _ => return Err(unknown()),
        };
        let named = percent_decode_str(name).decode_utf8_lossy().into_owned();
        let (function, in_name) = split_name(&named);
        Ok(Self {
            kind,
            function: function.to_string(),
            qualifier: qualifier(uri).or(in_name.map(str::to_string)),
            named,
        })
    }

    /// With the qualifier, as a function is told it.
    pub fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", arn(&self.function)),
            None => arn(&self.function),
        }
    }

    pub fn accepted(&self) -> Response<Body> {
        self.answered(StatusCode::ACCEPTED, whole(""))
    }

    /// An answer of this operation, with the version that it came from.
    pub fn answered(&self, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if self.kind != Kind::Event {
            let version = HeaderValue::from_str(self.version());
            let headers = response.headers_mut();
            headers.insert(
                "x-amz-executed-version",
                version.unwrap_or_else(|_| HeaderValue::from_static("$LATEST")),
            );
        }
        response
    }

    /// A version is asked for by its number; every alias here leads to the latest.
    fn version(&self) -> &str {
        match self.qualifier.as_deref() {
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => "$LATEST",
        }
    }
}

fn unknown() -> ServiceError {
    let what = "There is no such operation.";
    ServiceError::new(StatusCode::NOT_FOUND, "UnknownOperationException", what)
}

fn asked_kind(headers: &HeaderMap) -> Result<Kind, ServiceError> {
    match text(headers, "x-amz-invocation-type").as_deref() {
        None | Some("RequestResponse") => Ok(Kind::RequestResponse),
        Some("Event") => Ok(Kind::Event),
        Some(other) => Err(ServiceError::new(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            &format!("The invocation type {other} is not known here."),
        )),
    }
}

/// The name in a name, a partial or a whole ARN, and the qualifier behind it.
fn split_name(named: &str) -> (&str, Option<&str>) {
    let tail = match named.rsplit_once("function:") {
        Some((_, tail)) => tail,
        None => named,
    };
    match tail.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (tail, None),
    }
}

fn qualifier(uri: &Uri) -> Option<String> {
    let mut pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == "Qualifier")?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn a_function_is_named_alone_or_by_an_arn_and_with_or_without_a_qualifier() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:";
        for (named, expected) in [
            ("echo".to_string(), ("echo", None)),
            ("echo:live".to_string(), ("echo", Some("live"))),
            (format!("{arn}echo"), ("echo", None)),
            (format!("{arn}echo:7"), ("echo", Some("7"))),
            ("123456789012:function:echo".to_string(), ("echo", None)),
        ] {
            assert_eq!(split_name(&named), expected, "{named}");
        }
    }
}
