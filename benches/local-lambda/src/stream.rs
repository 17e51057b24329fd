//! The answer of `InvokeWithResponseStream`: the parts of a function's answer as events of
//! `application/vnd.amazon.eventstream`, each sent as it comes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use crate::ledger::{Ending, Entry};
use crate::work::{Last, Part};

/// A body that takes parts and makes events of them. Dropped early, it was abandoned.
pub(crate) struct EventStream {
    first: Option<Part>,
    parts: Receiver<Part>,
    /// Gone when the last event is out.
    entry: Option<Entry>,
}

impl EventStream {
    /// `first` was taken from `parts` already.
    pub fn new(first: Part, parts: Receiver<Part>, entry: Entry) -> Self {
        Self {
            first: Some(first),
            parts,
            entry: Some(entry),
        }
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(first);
        }
        let part = ready!(self.parts.poll_recv(context));
        let lost = || Part::Last(Last::Broken("the sandbox is gone".to_string()));
        Poll::Ready(part.unwrap_or_else(lost))
    }

    fn end(&mut self, last: Last) -> Bytes {
        let (ending, told) = match last {
            Last::Complete => (Ending::Answered, json!({})),
            Last::Failed(error) => {
                let details = String::from_utf8_lossy(&error.0).into_owned();
                let told = json!({"ErrorCode": "Unhandled", "ErrorDetails": details});
                (Ending::FunctionError, told)
            }
            Last::Broken(what) => {
                let told = json!({"ErrorCode": "ServiceException", "ErrorDetails": what});
                (Ending::ServiceError, told)
            }
        };
        if let Some(entry) = self.entry.take() {
            entry.close(ending);
        }
        complete(&told)
    }
}

impl http_body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while self.entry.is_some() {
            let event = match ready!(self.poll_part(context)) {
                Part::ContentType(_) => continue,
                Part::Chunk(bytes) => chunk(bytes),
                Part::Last(last) => self.end(last),
            };
            return Poll::Ready(Some(Ok(Frame::data(event))));
        }
        Poll::Ready(None)
    }
}

fn chunk(bytes: Bytes) -> Bytes {
    event("PayloadChunk", "application/octet-stream", bytes)
}

fn complete(told: &Value) -> Bytes {
    let told = told.to_string().into();
    event("InvokeComplete", "application/json", told)
}

fn event(name: &'static str, content_type: &'static str, payload: Bytes) -> Bytes {
    let message = [
        (":event-type", name),
        (":content-type", content_type),
        (":message-type", "event"),
    ]
    .into_iter()
    .fold(Message::new(payload), |message, (header, value)| {
        message.add_header(Header::new(header, HeaderValue::String(value.into())))
    });
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("payloads here are far below 16 MiB");
    bytes.into()
}
