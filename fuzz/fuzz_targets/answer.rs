//! Answers of functions in every form: never a panic, never a status or a field by which an
//! answer would frame itself.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use countersign::config::{Function, Invocation, Lambda, MediaTypes, PayloadFormat};
use countersign::lambda::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // A byte of choices, and a payload.
    let Some((choices, payload)) = input.split_first() else {
        return;
    };
    let lambda = lambda(*choices);
    let Ok(answer) = read(&lambda, Bytes::copy_from_slice(payload), Some("image/png")) else {
        return;
    };
    assert!((200..600).contains(&answer.status.as_u16()));
    assert!(!matches!(answer.status.as_u16(), 204 | 304) || answer.body.is_empty());
    for (name, _) in &answer.fields {
        let frames = ["content-length", "transfer-encoding", "connection"];
        assert!(!frames.contains(&name.as_str()));
    }
    // No answer is longer than what it was read from, and a media type beside it.
    assert!(answer.body.len() <= payload.len());
    assert!(answer.fields.len() <= 257);
});

fn lambda(choices: u8) -> Lambda {
    Lambda {
        function: Function {
            name: "f".to_owned(),
            qualifier: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            connect_timeout: Duration::from_secs(1),
            timeout: None,
            max_concurrency: 1,
            max_payload_bytes: 1 << 20,
        },
        invocation: Invocation::RequestResponse,
        payload_format: match choices & 3 {
            0 => PayloadFormat::Rest,
            1 => PayloadFormat::V1,
            2 => PayloadFormat::V2,
            _ => PayloadFormat::Alb,
        },
        binary_media_types: MediaTypes::new(vec!["image/*".to_owned()]),
        multi_value_headers: choices & 4 != 0,
        target_group_arn: String::new(),
        idle_timeout: Duration::from_secs(1),
    }
}
