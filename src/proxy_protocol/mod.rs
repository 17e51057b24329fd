//! The PROXY protocol (HAProxy's `proxy-protocol.txt`), versions 1 and 2: how a proxy that passes
//! TCP on tells whose connection it is. In: the bytes of one header, which come from the network.
//! Out: a `Header`, or `Malformed`. How many bytes to read is told here; the reading is the
//! server's. Nothing that the specification leaves open is guessed: it is malformed.

mod binary;
#[cfg(test)]
mod tests;
mod text;
mod tlv;

use std::net::SocketAddr;

pub use binary::{read_binary, rest_of};
pub use text::read_text;

/// Bytes that tell the version. No header of either version is shorter.
pub const START: usize = 12;
/// The longest header of version 1, with its CR LF (§2.1).
pub const MAX_TEXT: usize = 107;
/// Bytes of version 2 up to and including the length of the rest (§2.2).
pub const BINARY_HEAD: usize = 16;
/// The longest rest of a version 2 header that is taken: addresses and TLVs.
pub const MAX_REST: usize = 4096;

const SIGNATURE: &[u8; START] = b"\r\n\r\n\0\r\nQUIT\n";

/// The version of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Version 1: a line, which ends with CR LF.
    Text,
    /// Version 2: `BINARY_HEAD` bytes, and as many more as `rest_of` tells.
    Binary,
}

/// What a proxy says of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The client's address; `None` when the proxy speaks for itself, as in a health check
    /// (`LOCAL`): then it is the address of the connection.
    pub source: Option<SocketAddr>,
    /// The id of the VPC endpoint that the connection came through, as AWS's load balancers
    /// tell it.
    pub vpc_endpoint: Option<String>,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// The version of the header that begins so.
///
/// # Errors
/// It is none.
pub fn version(start: &[u8; START]) -> Result<Version, Malformed> {
    match start {
        start if start.starts_with(b"PROXY ") => Ok(Version::Text),
        start if start == SIGNATURE => Ok(Version::Binary),
        _ => Err(Malformed("the connection begins with no PROXY header")),
    }
}
