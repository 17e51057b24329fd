//! Chunked bodies: never a panic, and the same end wherever the network cuts.
#![no_main]

use countersign::call::{BodyFollower, Framing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut whole = BodyFollower::new(Framing::Chunked);
    let taken = whole.follow(bytes);
    let mut bytewise = BodyFollower::new(Framing::Chunked);
    let each = bytes.iter().try_fold(0, |sum, byte| {
        bytewise
            .follow(std::slice::from_ref(byte))
            .map(|one| sum + one)
    });
    assert_eq!(taken, each);
    if taken.is_ok() {
        assert_eq!(whole.is_done(), bytewise.is_done());
    }
});
