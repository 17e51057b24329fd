//! OCSP answers: never a panic.
#![no_main]

use countersign::clock::UtcTime;
use countersign::revocation::ocsp;
use libfuzzer_sys::fuzz_target;

const SUBJECT: &[u8] = include_bytes!("revocation/subject.der");
const ISSUER: &[u8] = include_bytes!("revocation/issuer.der");
/// When the seed was answered.
const NOW: i64 = 1_795_648_879;

fuzz_target!(|bytes: &[u8]| {
    let _ = ocsp::verify(bytes, SUBJECT, ISSUER, UtcTime::from_unix(NOW));
    let _ = ocsp::verify(bytes, bytes, bytes, UtcTime::from_unix(NOW));
    let _ = ocsp::request(bytes, ISSUER);
    let _ = ocsp::responder_of(bytes);
});
