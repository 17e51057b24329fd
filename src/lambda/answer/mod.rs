//! What a function's answer means. In: the payload that a function gave, and how it is to be
//! read. Out: an `Answer`, or why the API that the function was written for would take it for
//! none. Streamed answers begin with a head of their own: `PreludeReader`.
//! Knows nothing of how the function was invoked, nor how the answer travels on: what frames a
//! message and what concerns a connection is left out of it.

mod body;
mod fields;
mod prelude;
mod shape;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::config::{Lambda, MediaTypes, PayloadFormat};

use fields::Fields;
use shape::{Form, Glance, Key, Shape};

pub use prelude::{Prelude, PreludeReader};

/// Why bytes are no answer, in words for the log. They hold nothing of what the function said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// A whole answer.
#[derive(Clone)]
pub struct Answer {
    /// The status: 200 to 599.
    pub status: StatusCode,
    /// The fields in order, without any that frames a message or concerns a connection.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// The body, decoded; empty with 204 and 304.
    pub body: Bytes,
}

/// Reads the payload of a function that did not fail. `accept` is the request's `Accept`.
///
/// A key that is there twice has no meaning on which two readers agree: what the form knows must
/// be there once. Names of fields that differ in case are two keys of one field, as functions
/// write that set two cookies.
///
/// # Errors
/// The payload is no answer of the function's form ("Set up Lambda proxy integrations in API
/// Gateway", "AWS Lambda integrations for HTTP APIs", "Use Lambda functions as targets of an
/// Application Load Balancer", and what was recorded of API Gateway), or HTTP cannot say it.
pub fn read(lambda: &Lambda, payload: Bytes, accept: Option<&str>) -> Result<Answer, Malformed> {
    match lambda.payload_format {
        PayloadFormat::Rest => read_rest(&payload, &lambda.binary_media_types, accept),
        PayloadFormat::V1 => explicit(&payload, &V1),
        PayloadFormat::V2 => read_v2(&payload),
        PayloadFormat::Alb if lambda.multi_value_headers => explicit(&payload, &ALB_LISTS),
        PayloadFormat::Alb => explicit(&payload, &ALB),
    }
}

/// One of the forms in which every part has its key.
struct Explicit {
    form: Form,
    /// Whether an answer may leave its status out, which is 200 then.
    needs_status: bool,
    /// What the content is taken for when the answer does not say.
    content_type: &'static str,
    /// Whether that is said of no content, too.
    always_typed: bool,
}

const PROXY: &[Key] = &[
    Key::Status,
    Key::Headers,
    Key::MultiValueHeaders,
    Key::Body,
    Key::IsBase64,
];
// Recorded of API Gateway: any other key makes the answer malformed.
const REST: Explicit = Explicit {
    form: Form {
        keys: PROXY,
        takes_other_keys: false,
        takes_null: true,
    },
    needs_status: false,
    content_type: "application/json",
    always_typed: true,
};
// Recorded likewise: other keys do not matter, the status is needed. The media type is what AWS's
// Lambda test tool has, whose tests compare it with API Gateway's.
const V1: Explicit = Explicit {
    form: Form {
        keys: PROXY,
        takes_other_keys: true,
        takes_null: true,
    },
    needs_status: true,
    content_type: "text/plain; charset=utf-8",
    always_typed: false,
};
const V2: Explicit = Explicit {
    form: Form {
        keys: &[
            Key::Status,
            Key::Headers,
            Key::Cookies,
            Key::Body,
            Key::IsBase64,
        ],
        ..V1.form
    },
    ..V1
};
// A load balancer takes no null ("body": null is 502), and does not look at that one of "headers"
// and "multiValueHeaders" which is not configured.
const ALB: Explicit = Explicit {
    form: Form {
        keys: &[
            Key::Status,
            Key::Description,
            Key::Headers,
            Key::Body,
            Key::IsBase64,
        ],
        takes_other_keys: true,
        takes_null: false,
    },
    needs_status: true,
    content_type: "application/octet-stream",
    always_typed: false,
};
const ALB_LISTS: Explicit = Explicit {
    form: Form {
        keys: &[
            Key::Status,
            Key::Description,
            Key::MultiValueHeaders,
            Key::Body,
            Key::IsBase64,
        ],
        ..ALB.form
    },
    ..ALB
};

fn read_rest(
    payload: &Bytes,
    binary: &MediaTypes,
    accept: Option<&str>,
) -> Result<Answer, Malformed> {
    // What API Gateway puts in the place of an absent `Accept`.
    let accept = accept.unwrap_or("application/json");
    // Only the first media type counts ("Important notes": binary media types).
    let first = accept.split(',').next().unwrap_or_default();
    let mut shape = shape::read(payload, &REST.form)?;
    if shape.is_empty {
        return Err(Malformed("it holds nothing"));
    }
    if !binary.contain(first) {
        shape.is_base64 = None;
    }
    finish(payload, shape, &REST)
}

fn read_v2(payload: &Bytes) -> Result<Answer, Malformed> {
    let body = match shape::glance(payload)? {
        Glance::Explicit => return explicit(payload, &V2),
        // Recorded of API Gateway, which takes it for what Lambda says of a function that failed.
        Glance::Error => return Err(Malformed("it holds an \"errorMessage\" and no status")),
        Glance::Text(text) => body::as_it_is(payload, text),
        Glance::Other => payload.clone(),
    };
    let mut fields = Fields::default();
    fields.add("content-type", "application/json")?;
    Ok(Answer {
        status: StatusCode::OK,
        fields: fields.into_list(),
        body,
    })
}

fn explicit(payload: &Bytes, form: &Explicit) -> Result<Answer, Malformed> {
    let shape = shape::read(payload, &form.form)?;
    finish(payload, shape, form)
}

fn finish(payload: &Bytes, shape: Shape<'_>, form: &Explicit) -> Result<Answer, Malformed> {
    let status = match shape.status.flatten() {
        Some(status) => status.0,
        None if form.needs_status => return Err(Malformed("it has no \"statusCode\"")),
        None => StatusCode::OK,
    };
    let mut fields = Fields::merged(shape.multi, shape.single, shape.cookies)?;
    let text = shape.body.flatten().map(|text| text.0);
    let mut body = match (text, shape.is_base64.flatten()) {
        (None, _) => Bytes::new(),
        (Some(text), Some(true)) => body::decoded(&text)?,
        (Some(text), _) => body::as_it_is(payload, text),
    };
    match has_no_content(status) {
        true => body.clear(),
        false if form.always_typed || !body.is_empty() => {
            fields.add_content_type(form.content_type)?;
        }
        false => {}
    }
    Ok(Answer {
        status,
        fields: fields.into_list(),
        body,
    })
}

/// RFC 9110 §15.3.5 and §15.4.5.
fn has_no_content(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
