//! The frames of an answer that Lambda streams (AWS Lambda API Reference,
//! "InvokeWithResponseStream"; `application/vnd.amazon.eventstream`), read by AWS's own
//! `aws-smithy-eventstream`. In: bytes as they come. Out: the function's bytes, and its end.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bytes::{Buf as _, Bytes, BytesMut};

use crate::refusal::FunctionFailure;

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Bytes of the function's.
    Payload(Bytes),
    /// The function has ended, and all is told.
    Complete,
}

/// Reads frames.
#[derive(Default)]
pub(super) struct Frames {
    decoder: MessageFrameDecoder,
    buffer: BytesMut,
    /// Set behind the first four bytes of a frame, which say how long it is.
    is_measured: bool,
}

/// Lambda's own frames are smaller than what it answers at most in one piece (6 MB).
const LONGEST_FRAME: u32 = 8 * 1024 * 1024;

impl Frames {
    /// Takes bytes in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// The function or Lambda failed on the way, or the bytes are no frames.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, FunctionFailure> {
        loop {
            if !self.is_measured && self.buffer.len() >= 4 {
                let length = (&self.buffer[..4]).get_u32();
                if length > LONGEST_FRAME {
                    return Err(FunctionFailure::BrokenOff);
                }
                self.is_measured = true;
            }
            let decoded = self.decoder.decode_frame(&mut self.buffer);
            match decoded.map_err(|_| FunctionFailure::BrokenOff)? {
                DecodedFrame::Incomplete => return Ok(None),
                DecodedFrame::Complete(message) => {
                    self.is_measured = false;
                    if let Some(frame) = meaning(message)? {
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }
}

/// `None` for a kind of event that says nothing to us.
fn meaning(message: Message) -> Result<Option<Frame>, FunctionFailure> {
    let header = |name: &str| {
        let mut headers = message.headers().iter();
        let found = headers.find(|header| header.name().as_str() == name)?;
        found.value().as_string().ok().map(|text| text.as_str())
    };
    if header(":message-type") != Some("event") {
        return Err(FunctionFailure::ServiceFailed);
    }
    match header(":event-type") {
        Some("PayloadChunk") => Ok(Some(Frame::Payload(message.payload().clone()))),
        Some("InvokeComplete") => complete(message.payload()).map(Some),
        _ => Ok(None),
    }
}

fn complete(payload: &[u8]) -> Result<Frame, FunctionFailure> {
    #[derive(serde::Deserialize)]
    struct Complete {
        #[serde(rename = "ErrorCode")]
        error_code: Option<serde::de::IgnoredAny>,
    }
    let complete: Complete =
        serde_json::from_slice(payload).map_err(|_| FunctionFailure::BrokenOff)?;
    match complete.error_code {
        None => Ok(Frame::Complete),
        Some(_) => Err(FunctionFailure::Error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn frame(
        message_type: &'static str,
        event_type: &'static str,
        payload: &'static [u8],
    ) -> Vec<u8> {
        let header = |name: &'static str, value: &'static str| {
            Header::new(name, HeaderValue::String(value.into()))
        };
        let message = Message::new(payload)
            .add_header(header(":message-type", message_type))
            .add_header(header(":event-type", event_type));
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8], cut: usize) -> Result<Vec<Frame>, FunctionFailure> {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        for piece in bytes.chunks(cut) {
            frames.push(piece);
            while let Some(frame) = frames.next()? {
                all.push(frame);
            }
        }
        Ok(all)
    }

    #[test]
    fn frames_are_read_wherever_they_are_cut() {
        let mut bytes = frame("event", "PayloadChunk", b"one");
        bytes.extend(frame("event", "Unheard", b"{}"));
        bytes.extend(frame("event", "PayloadChunk", b"two"));
        bytes.extend(frame("event", "InvokeComplete", b"{}"));
        let expected = vec![
            Frame::Payload(Bytes::from_static(b"one")),
            Frame::Payload(Bytes::from_static(b"two")),
            Frame::Complete,
        ];
        for cut in [1, 3, 4, 11, 12, 13, 64, bytes.len()] {
            assert_eq!(read(&bytes, cut).as_ref(), Ok(&expected), "{cut}");
        }
    }

    #[test]
    fn a_failure_in_the_stream_is_one() {
        let failed = br#"{"ErrorCode":"Unhandled","ErrorDetails":"x","LogResult":""}"#;
        let exception = frame("exception", "x", b"{}");
        let mut broken = frame("event", "PayloadChunk", b"one");
        broken[14] ^= 1;
        for (bytes, failure) in [
            (
                frame("event", "InvokeComplete", failed),
                FunctionFailure::Error,
            ),
            (
                frame("event", "InvokeComplete", b"no JSON"),
                FunctionFailure::BrokenOff,
            ),
            (exception, FunctionFailure::ServiceFailed),
            (broken, FunctionFailure::BrokenOff),
            (vec![0xff; 16], FunctionFailure::BrokenOff),
            (vec![0; 16], FunctionFailure::BrokenOff),
        ] {
            assert_eq!(read(&bytes, 5), Err(failure), "{bytes:?}");
        }
    }

    /// The sum by which a frame is checked (CRC-32 of IEEE 802.3).
    fn sum(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |sum: u32, byte| {
            let bit = |sum: u32, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1));
            (0..8).fold(sum ^ u32::from(*byte), bit)
        })
    }

    /// A frame whose sums are right, whatever it says.
    fn summed(length: u32, headers_length: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = [length.to_be_bytes(), headers_length.to_be_bytes()].concat();
        bytes.extend(sum(&bytes).to_be_bytes());
        bytes.extend(rest);
        bytes.extend(sum(&bytes).to_be_bytes());
        bytes
    }

    fn any_header() -> impl Strategy<Value = Vec<u8>> {
        let name = prop_oneof![
            Just(b":message-type".to_vec()),
            Just(b":event-type".to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        let parts = (name, 0..12_u8, prop::collection::vec(any::<u8>(), 0..20));
        parts.prop_map(|(name, kind, value)| {
            [&[name.len() as u8], &name[..], &[kind], &value].concat()
        })
    }

    proptest! {
        #[test]
        fn no_frame_makes_a_panic(
            headers in prop::collection::vec(any_header(), 0..3),
            payload in prop::collection::vec(any::<u8>(), 0..8),
            wrong in prop_oneof![Just((0, 0)), (-20..20_i32, -20..20_i32)],
            cut in 1..40_usize,
        ) {
            let headers = headers.concat();
            let rest = [&headers[..], &payload].concat();
            let length = (rest.len() as u32 + 16).saturating_add_signed(wrong.0);
            let headers_length = (headers.len() as u32).saturating_add_signed(wrong.1);
            let _ = read(&summed(length, headers_length, &rest), cut);
        }
    }
}
