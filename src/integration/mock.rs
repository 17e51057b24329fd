//! The `mock` integration: a fixed answer, made once.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::config::Mock;

/// An answer that waits to be given.
#[derive(Debug)]
pub struct MockAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields, without `Content-Length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
}

impl MockAnswer {
    /// Compiles a valid mock.
    pub fn new(mock: &Mock) -> Self {
        let field = |(name, value): &(String, String)| {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.expect("Config::load checks the field's name");
            let value = HeaderValue::from_str(value);
            (name, value.expect("Config::load checks the field's value"))
        };
        Self {
            status: StatusCode::from_u16(mock.status).expect("Config::load checks the status"),
            headers: mock.headers.iter().map(field).collect(),
            body: Bytes::copy_from_slice(mock.body.as_bytes()),
        }
    }
}
