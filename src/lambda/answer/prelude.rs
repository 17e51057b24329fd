//! The head of a streamed answer ("Lambda proxy integration format for response streaming"): JSON
//! with the status and the fields, eight NUL bytes, then the body. In: chunks, cut anywhere. Out:
//! a `Prelude` as soon as it is whole, or why it is none.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use memchr::memchr;

use super::fields::Fields;
use super::shape::{self, Form, Key};
use super::{Malformed, has_no_content};

/// The head of a streamed answer.
#[derive(Clone)]
pub struct Prelude {
    /// The status: 200 to 599.
    pub status: StatusCode,
    /// The fields in order, without any that frames a message or concerns a connection. No media
    /// type is added: a stream without one has none.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// The length of the body as the function states it, which may be wrong: whoever frames the
    /// answer by it must see to it that so many bytes come. `None` with 204 and 304.
    pub content_length: Option<u64>,
    /// The beginning of the body.
    pub rest: Bytes,
}

/// Reads the head of a streamed answer from its chunks.
#[derive(Default)]
pub struct PreludeReader {
    /// What came so far, without a whole head.
    seen: Vec<u8>,
    done: bool,
}

/// The longest JSON before the delimiter.
const MAX_JSON: usize = 16 * 1024;
/// NUL bytes that end it.
const DELIMITER: usize = 8;
const FORM: Form = Form {
    keys: &[
        Key::Status,
        Key::Headers,
        Key::MultiValueHeaders,
        Key::Cookies,
    ],
    takes_other_keys: false,
    takes_null: true,
};

impl PreludeReader {
    /// What an answer is that ends before its head is whole.
    pub const CUT_SHORT: Malformed = Malformed("it ends before eight NUL bytes");

    /// Takes the next chunk. Once there is a `Prelude`, the chunks that follow are the body's and
    /// are not for the reader.
    ///
    /// # Errors
    /// There is no delimiter behind at most 16 KiB, or what stands before it is no such JSON.
    pub fn push(&mut self, chunk: Bytes) -> Result<Option<Prelude>, Malformed> {
        if self.done {
            return Err(Malformed("its head was read already"));
        }
        match self.seen.is_empty() {
            true => self.push_first(chunk),
            false => self.push_next(&chunk),
        }
    }

    /// The whole head is usually in the first chunk, and read where it stands.
    fn push_first(&mut self, chunk: Bytes) -> Result<Option<Prelude>, Malformed> {
        let Some(end) = end_of_json(&chunk)? else {
            self.seen.extend_from_slice(&chunk);
            return Ok(None);
        };
        self.done = true;
        let rest = chunk.slice(end + DELIMITER..);
        read(&chunk[..end], rest).map(Some)
    }

    fn push_next(&mut self, chunk: &Bytes) -> Result<Option<Prelude>, Malformed> {
        let before = self.seen.len();
        // No more of it can belong to the head.
        let most = (MAX_JSON + DELIMITER).saturating_sub(before);
        self.seen.extend_from_slice(&chunk[..chunk.len().min(most)]);
        let Some(end) = end_of_json(&self.seen)? else {
            return Ok(None);
        };
        self.done = true;
        let rest = chunk.slice(end + DELIMITER - before..);
        read(&self.seen[..end], rest).map(Some)
    }
}

/// Where the delimiter starts, if all of it is there. JSON holds no NUL: the first one starts it.
fn end_of_json(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let within = &bytes[..bytes.len().min(MAX_JSON + 1)];
    let Some(end) = memchr(0, within) else {
        return match within.len() > MAX_JSON {
            true => Err(Malformed("no eight NUL bytes stand behind 16 KiB of it")),
            false => Ok(None),
        };
    };
    let found = &bytes[end..bytes.len().min(end + DELIMITER)];
    match found.iter().all(|byte| *byte == 0) {
        true => Ok((found.len() == DELIMITER).then_some(end)),
        false => Err(Malformed(
            "a NUL byte stands in it that is not one of eight",
        )),
    }
}

fn read(json: &[u8], rest: Bytes) -> Result<Prelude, Malformed> {
    let shape = shape::read(json, &FORM)?;
    let status = shape.status.flatten();
    let status = status.map_or(StatusCode::OK, |status| status.0);
    let fields = Fields::merged(shape.multi, shape.single, shape.cookies)?;
    let content_length = fields.content_length()?;
    Ok(Prelude {
        status,
        content_length: content_length.filter(|_| !has_no_content(status)),
        fields: fields.into_list(),
        rest,
    })
}
