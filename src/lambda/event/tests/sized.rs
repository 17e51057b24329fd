//! Bodies that are too large, and the memory that an event takes.

use crate::config::Stage;
use crate::lambda::event::{TooLarge, encode};

use super::FORMATS;
use super::requests::{bare, lambda};

#[test]
fn a_body_that_cannot_fit_is_refused() {
    let stage = Stage::default();
    let mut request = bare(&stage);
    request.fields.push(("Content-Type", "text/plain".into()));
    // As it is, in base64, and with an escape for each byte.
    for body in [vec![b'x'; 5000], vec![0xff; 4000], vec![0; 900]] {
        for format in FORMATS {
            let got = encode(&lambda(format, 5000), &request, &body);
            assert_eq!(got.err(), Some(TooLarge(5000)), "{format:?}");
        }
    }
}

#[test]
fn an_event_takes_little_more_memory_than_it_has_bytes() {
    let stage = Stage::default();
    let text = "{\"name\": \"value\"}\n".repeat(10_000);
    let mut request = bare(&stage);
    request
        .fields
        .push(("Content-Type", "application/json".into()));
    for format in FORMATS {
        let event = encode(&lambda(format, 6 << 20), &request, text.as_bytes()).expect("an event");
        assert!(event.capacity() < event.len() + 4096, "{format:?}");
    }
}
