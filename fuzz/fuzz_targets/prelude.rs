//! Heads of streamed answers: never a panic, and the same head and body however they are cut.
#![no_main]

use bytes::Bytes;
use countersign::lambda::{Malformed, Prelude, PreludeReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The size of the pieces, and a stream.
    let Some((size, stream)) = input.split_first() else {
        return;
    };
    let whole = streamed([stream]);
    let pieces = streamed(stream.chunks(usize::from(*size).max(1)));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    let (Ok((one, body)), Ok((other, same))) = (whole, pieces) else {
        return;
    };
    assert_eq!((one.status, &one.fields), (other.status, &other.fields));
    assert_eq!(one.content_length, other.content_length);
    assert_eq!(body, same);
    assert!(stream.ends_with(&body));
});

fn streamed<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Prelude, Vec<u8>), Malformed> {
    let mut reader = PreludeReader::default();
    let mut head: Option<Prelude> = None;
    let mut body = Vec::new();
    for chunk in chunks {
        match &head {
            Some(_) => body.extend_from_slice(chunk),
            None => head = reader.push(Bytes::copy_from_slice(chunk))?,
        }
    }
    let head = head.ok_or(PreludeReader::CUT_SHORT)?;
    let body = [&head.rest[..], &body].concat();
    Ok((head, body))
}
