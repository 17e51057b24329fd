//! PROXY headers: never a panic, and no header of version 2 that reads on beyond its length.
#![no_main]

use countersign::proxy_protocol::{BINARY_HEAD, MAX_TEXT, read_binary, read_text, rest_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if read_text(bytes).is_ok() {
        assert!(bytes.len() <= MAX_TEXT && bytes.ends_with(b"\r\n"));
    }
    let Some(head) = bytes.first_chunk::<BINARY_HEAD>() else {
        return;
    };
    if read_binary(bytes).is_ok() {
        assert_eq!(rest_of(head), Ok(bytes.len() - BINARY_HEAD));
    }
});
