//! Whatever callers send, an event is JSON, tells the body as it was, and keeps to its bound.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use crate::config::{MediaTypes, PayloadFormat, Stage};
use crate::lambda::Request;
use crate::lambda::event::{TooLarge, authorizer_request, encode};

use super::FORMATS;
use super::requests::{bare, lambda};

/// What a caller chooses of a request.
#[derive(Debug)]
struct Sent {
    fields: Vec<(String, Vec<u8>)>,
    path: String,
    query: Option<String>,
    parameters: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn request<'a>(&'a self, stage: &'a Stage) -> Request<'a> {
        let fields = self.fields.iter();
        let parameters = self.parameters.iter();
        Request {
            path: &self.path,
            query: self.query.as_deref(),
            fields: fields
                .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value)))
                .map(|(name, value)| (name, Cow::Owned(value.into_owned())))
                .collect(),
            parameters: parameters
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            ..bare(stage)
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let name = prop_oneof![
        "[Cc]ontent-(type|Type|encoding|length)",
        "[Cc]ookie",
        "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}",
    ];
    let value = prop_oneof![
        Just(b"text/plain".to_vec()),
        Just(b"application/json".to_vec()),
        any::<Vec<u8>>(),
    ];
    let body = prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        "[\\x00-\\x7f]{0,200}".prop_map(String::into_bytes),
    ];
    let fields = prop::collection::vec((name, value), 0..8);
    let query = prop::option::of(prop_oneof!["[%&=+a-f0-9]{0,60}", ".{0,20}"]);
    let parameters = prop::collection::vec(("[a-c]", "[%a-f0-9/]{0,12}"), 0..3);
    let path = "/[%a-f0-9/\u{e9}\"]{0,20}";
    (fields, path, query, parameters, body).prop_map(|(fields, path, query, parameters, body)| {
        Sent {
            fields,
            path,
            query,
            parameters,
            body,
        }
    })
}

fn body_of(event: &Value) -> Vec<u8> {
    let text = match &event["body"] {
        Value::String(text) => text.as_str(),
        _ => "",
    };
    match &event["isBase64Encoded"] {
        Value::Bool(true) => STANDARD.decode(text).expect("base64"),
        _ => text.as_bytes().to_vec(),
    }
}

proptest! {
    #[test]
    fn an_event_tells_the_body_as_it_was(sent in sent(), lists: bool, named: bool, all: bool) {
        let mut stage = Stage::default();
        if named {
            stage.name = "prod".to_owned();
        }
        for format in FORMATS {
            let mut lambda = lambda(format, u64::MAX);
            lambda.multi_value_headers = lists;
            if all {
                lambda.binary_media_types = MediaTypes::new(vec!["*/*".to_owned()]);
            }
            let event = encode(&lambda, &sent.request(&stage), &sent.body).expect("an event");
            let event: Value = serde_json::from_slice(&event).expect("JSON");
            prop_assert_eq!(body_of(&event), &sent.body[..], "{:?}", format);
        }
    }

    #[test]
    fn an_event_is_never_larger_than_its_bound(sent in sent(), below in 0usize..4000) {
        let stage = Stage::default();
        let request = sent.request(&stage);
        for format in FORMATS {
            let whole = encode(&lambda(format, u64::MAX), &request, &sent.body).expect("an event");
            let bounds = [whole.len(), whole.len() - 1, whole.len().saturating_sub(below)];
            for bound in bounds.map(|bound| bound as u64) {
                let want = match whole.len() as u64 <= bound {
                    true => Ok(whole.clone()),
                    false => Err(TooLarge(bound)),
                };
                prop_assert_eq!(encode(&lambda(format, bound), &request, &sent.body), want);
            }
        }
    }

    #[test]
    fn what_an_authorizer_is_asked_is_json(sent in sent(), identity in any::<[String; 2]>()) {
        let stage = Stage::default();
        let request = sent.request(&stage);
        let identity = [identity[0].as_str(), identity[1].as_str()];
        for format in [PayloadFormat::Rest, PayloadFormat::V1, PayloadFormat::V2] {
            let event = authorizer_request(format, &request, "arn", &identity);
            let event: Value = serde_json::from_slice(&event).expect("JSON");
            prop_assert_eq!(&event["type"], "REQUEST");
            prop_assert_eq!((event.get("body"), event.get("isBase64Encoded")), (None, None));
        }
    }
}
