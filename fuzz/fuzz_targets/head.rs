//! HTTP/1 heads: never a panic, and the same verdict whole and in two parts.
#![no_main]

use countersign::call::{HeadLimits, read_head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = HeadLimits {
        max_bytes: 4096,
        max_fields: 50,
    };
    let whole = read_head(bytes, 0, &limits);
    let half = bytes.len() / 2;
    if let Ok(None) = read_head(&bytes[..half], 0, &limits) {
        assert_eq!(read_head(bytes, half, &limits), whole);
    }
});
