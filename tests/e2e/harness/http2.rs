//! HTTP/2 frames as no library would send them: fields as they are given, in plain HPACK
//! literals (RFC 7541 §6.2.2).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// An answer with this status; 0 for one that is not in HPACK's static table.
    Answered(u16),
    /// The stream was reset or the connection ended.
    Refused,
}

/// Sends one request on a connection of its own.
pub fn ask(
    gateway: SocketAddr,
    config: &Arc<ClientConfig>,
    fields: &[(&[u8], &[u8])],
    body: Option<&[u8]>,
) -> Fate {
    let mut config = Arc::unwrap_or_clone(config.clone());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = "localhost".try_into().expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let socket = TcpStream::connect(gateway).expect("a connection");
    let limit = Some(Duration::from_secs(10));
    socket.set_read_timeout(limit).expect("a timeout");
    let mut stream = StreamOwned::new(session, socket);

    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            push_length(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    let mut bytes = PREFACE.to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    let end = if body.is_none() { END_STREAM } else { 0 };
    frame(&mut bytes, HEADERS, END_HEADERS | end, 1, &block);
    if let Some(body) = body {
        frame(&mut bytes, DATA, END_STREAM, 1, body);
    }
    // The gateway may have ended the connection already.
    let _ = stream.write_all(&bytes);
    fate(&mut stream)
}

/// An integer behind a prefix of seven bits (RFC 7541 §5.1).
fn push_length(out: &mut Vec<u8>, length: usize) {
    const MOST: usize = 127;
    if length < MOST {
        out.push(u8::try_from(length).expect("short"));
        return;
    }
    out.push(127);
    let mut rest = length - MOST;
    while rest >= 128 {
        out.push(u8::try_from(rest % 128 + 128).expect("a byte"));
        rest /= 128;
    }
    out.push(u8::try_from(rest).expect("a byte"));
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

fn fate(stream: &mut impl Read) -> Fate {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return Fate::Refused;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).is_err() {
            return Fate::Refused;
        }
        match head[3] {
            RESET | GOAWAY => return Fate::Refused,
            HEADERS => return Fate::Answered(status(&payload)),
            _ => {}
        }
    }
}

/// The status at the start of a block of fields (RFC 7541 appendix A), after any change of
/// the table's size.
fn status(block: &[u8]) -> u16 {
    match block.iter().find(|byte| **byte & 0xe0 != 0x20) {
        Some(0x88) => 200,
        Some(0x8c) => 400,
        Some(0x8d) => 404,
        _ => 0,
    }
}
