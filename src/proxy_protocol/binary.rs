//! Version 2: a signature, command and family, a length, addresses, and TLVs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tlv;
use super::{BINARY_HEAD, Header, MAX_REST, Malformed, SIGNATURE};

/// Where command, family and length stand, behind the signature.
const COMMAND: usize = 12;
const FAMILY: usize = 13;
const LENGTH: usize = 14;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// TCP over IPv4 and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// How many bytes follow the first `BINARY_HEAD` of a header of version 2.
///
/// # Errors
/// More than `MAX_REST`.
pub fn rest_of(head: &[u8; BINARY_HEAD]) -> Result<usize, Malformed> {
    let length = usize::from(u16::from_be_bytes([head[LENGTH], head[LENGTH + 1]]));
    match length <= MAX_REST {
        true => Ok(length),
        false => Err(Malformed("the header is too long")),
    }
}

/// Reads a whole header of version 2 (§2.2), and checks its CRC-32C if it has one.
///
/// # Errors
/// It is not as long as it says, is no connection over TCP, or its TLVs are not well-formed.
pub fn read_binary(header: &[u8]) -> Result<Header, Malformed> {
    let cut = Malformed("the header is not as long as it says");
    let (head, rest) = header.split_first_chunk::<BINARY_HEAD>().ok_or(cut)?;
    if !head.starts_with(SIGNATURE) {
        return Err(Malformed("the signature of version 2 is missing"));
    }
    if rest_of(head)? != rest.len() {
        return Err(cut);
    }
    match head[COMMAND] {
        // §2.2: the proxy speaks for itself, and whatever else the header says is discarded.
        LOCAL => return Ok(Header::default()),
        PROXY => {}
        _ => return Err(Malformed("the version is not 2 or the command unknown")),
    }
    let (source, tlvs) = match head[FAMILY] {
        TCP4 => source::<4>(rest).map(|(ip, port, rest)| (v4(ip, port), rest)),
        TCP6 => source::<16>(rest).map(|(ip, port, rest)| (v6(ip, port), rest)),
        _ => return Err(Malformed("the family is not TCP over IPv4 or IPv6")),
    }
    .ok_or(Malformed("the addresses are cut short"))?;
    let vpc_endpoint = tlv::read(header, tlvs)?;
    Ok(Header {
        source: Some(source),
        vpc_endpoint,
    })
}

/// The source's address and port, and what follows both addresses and both ports.
fn source<const N: usize>(rest: &[u8]) -> Option<([u8; N], u16, &[u8])> {
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (_, rest) = rest.split_first_chunk::<N>()?;
    let (ports, rest) = rest.split_first_chunk::<4>()?;
    Some((*source, u16::from_be_bytes([ports[0], ports[1]]), rest))
}

fn v4(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), port)
}

fn v6(ip: [u8; 16], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(ip)).to_canonical(), port)
}
