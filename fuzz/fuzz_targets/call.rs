//! Targets and authorities: never a panic, and what is admitted has the parts it was given.
#![no_main]

use countersign::call::{Call, Parts};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], bool)| {
    let (authority, target, ended) = input;
    let headers = HeaderMap::new();
    let call = Call::admit(&Parts {
        method: "GET",
        target,
        authority: Some(authority),
        headers: &headers,
        ended,
    });
    if let Ok(call) = call {
        assert_eq!(call.target().as_bytes(), target);
        assert!(call.path().starts_with('/'));
        assert!(authority.starts_with(call.host()));
    }
});
