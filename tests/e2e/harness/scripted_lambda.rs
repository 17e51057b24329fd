//! A Lambda that says exactly what it is told to: what AWS's own would not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

/// Serves each invocation of a function by `script`, which is given the function's name and the
/// connection; behind it the connection ends. Answers where it listens.
pub fn serve(script: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let script = script.clone();
            std::thread::spawn(move || {
                if let Some(function) = read_invocation(&mut stream) {
                    script(&function, &mut stream);
                }
            });
        }
    });
    address
}

/// The name of the function that is invoked, once all of the event is here.
fn read_invocation(stream: &mut TcpStream) -> Option<String> {
    let mut inbox = Vec::new();
    let mut more = |inbox: &mut Vec<u8>| {
        let mut scratch = [0; 16384];
        let length = stream
            .read(&mut scratch)
            .ok()
            .filter(|length| *length > 0)?;
        inbox.extend_from_slice(&scratch[..length]);
        Some(())
    };
    let end = loop {
        match inbox.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(&mut inbox)?,
        }
    };
    let head = super::text(&inbox[..end]).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?;
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    while inbox.len() < end + length {
        more(&mut inbox)?;
    }
    head.split('/').nth(3).map(str::to_owned)
}

/// The head of an answer that comes in frames.
pub const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nConnection: close\r\n\r\n";

/// An answer whose payload is whole.
pub fn whole(payload: &str) -> String {
    let length = payload.len();
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{payload}")
}

/// A frame of an event.
pub fn event(kind: &str, payload: impl Into<Vec<u8>>) -> Vec<u8> {
    frame("event", kind, payload)
}

/// A frame.
pub fn frame(message_type: &str, kind: &str, payload: impl Into<Vec<u8>>) -> Vec<u8> {
    let header = |name: &'static str, value: &str| {
        Header::new(name, HeaderValue::String(value.to_owned().into()))
    };
    let message = Message::new(payload.into())
        .add_header(header(":message-type", message_type))
        .add_header(header(":event-type", kind));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("a frame");
    bytes
}

/// The frame that begins a streamed answer, and the beginning of its body.
pub fn prelude(json: &str, body: &str) -> Vec<u8> {
    event("PayloadChunk", format!("{json}{}{body}", "\0".repeat(8)))
}

/// Sends bytes, unless the gateway has left.
pub fn say(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) -> bool {
    stream.write_all(bytes.as_ref()).is_ok()
}

/// Waits until the gateway leaves.
pub fn linger(stream: &mut TcpStream) {
    while matches!(stream.read(&mut [0; 1024]), Ok(length) if length > 0) {}
}
