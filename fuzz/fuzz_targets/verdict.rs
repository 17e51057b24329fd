//! Answers of authorizers: never a panic, and what is denied stays denied in another spelling.
#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use countersign::config::{Authorizer, AuthorizerForm, Function, PayloadFormat, Stage};
use countersign::lambda::{Allowed, is_unauthorized, method_arn, read_verdict as read};
use countersign::names::AuthorizerName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    static AUTHORIZERS: OnceLock<[Authorizer; 3]> = OnceLock::new();
    let authorizers = AUTHORIZERS.get_or_init(|| {
        [
            authorizer(PayloadFormat::Rest, false),
            authorizer(PayloadFormat::V2, false),
            authorizer(PayloadFormat::V2, true),
        ]
    });
    let _ = is_unauthorized(payload);
    let named = |path| method_arn("us-east-1", &Stage::default(), "GET", path);
    let (Some(plain), Some(other)) = (named("/pets/1"), named("/%70ets/1/")) else {
        unreachable!("they are short");
    };
    for verdict in authorizers.iter().filter_map(|one| read(one, payload).ok()) {
        let never = Allowed::Denied { explicit: true };
        if verdict.allows(&plain) == never {
            assert_eq!(verdict.allows(&other), never);
        }
    }
});

fn authorizer(payload_format: PayloadFormat, simple_responses: bool) -> Authorizer {
    Authorizer {
        name: AuthorizerName::new("a"),
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
        form: AuthorizerForm::Request,
        payload_format,
        simple_responses,
        identity_sources: Vec::new(),
        cache_ttl: Duration::ZERO,
        context_headers: Vec::new(),
        line: 0,
    }
}
