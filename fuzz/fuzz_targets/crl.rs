//! Certificate revocation lists: never a panic.
#![no_main]

use countersign::clock::UtcTime;
use countersign::revocation::{Certificate, Crl, CrlSet};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

const SUBJECT: &[u8] = include_bytes!("revocation/subject.der");
const ISSUER: &[u8] = include_bytes!("revocation/issuer.der");

fuzz_target!(|bytes: &[u8]| {
    let _ = Certificate::read(bytes);
    let Ok(lists) = Crl::parse(bytes) else {
        return;
    };
    let (Ok(subject), Ok(issuer)) = (Certificate::read(SUBJECT), Certificate::read(ISSUER)) else {
        unreachable!("they are certificates");
    };
    let set = CrlSet::new(lists.into_iter().map(Arc::new).collect());
    let _ = set.check(&subject, &issuer, UtcTime::from_unix(0), None);
});
