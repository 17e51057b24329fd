//! Client certificates: never a panic.
#![no_main]

use countersign::identity::Identity;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let _ = Identity::parse(der);
});
