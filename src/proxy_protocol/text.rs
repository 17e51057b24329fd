//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 51000 443` and CR LF.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, MAX_TEXT, Malformed};

/// Reads a header of version 1, from `PROXY` to its CR LF (§2.1).
///
/// # Errors
/// It is longer than `MAX_TEXT` bytes, is not spelt as the specification says, or is one of
/// `UNKNOWN`, in which the proxy does not say who calls.
pub fn read_text(line: &[u8]) -> Result<Header, Malformed> {
    if line.len() > MAX_TEXT {
        return Err(Malformed("the line is too long"));
    }
    let line = line.strip_suffix(b"\r\n");
    let line = line.ok_or(Malformed("the line does not end with CR LF"))?;
    let line = std::str::from_utf8(line).map_err(|_| Malformed("the line is not ASCII"))?;
    let words: Vec<&str> = line.split(' ').collect();
    let ["PROXY", family, source, destination, from, to] = words[..] else {
        return Err(Malformed(match words.get(1) {
            Some(&"UNKNOWN") => "the proxy does not know who calls",
            _ => "the line has not six words",
        }));
    };
    let source = address(family, source)?;
    address(family, destination)?;
    port(to)?;
    Ok(Header {
        source: Some(SocketAddr::new(source.to_canonical(), port(from)?)),
        vpc_endpoint: None,
    })
}

fn address(family: &str, text: &str) -> Result<IpAddr, Malformed> {
    let parsed = match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6),
        "UNKNOWN" => return Err(Malformed("the proxy does not know who calls")),
        _ => return Err(Malformed("the family is neither TCP4 nor TCP6")),
    };
    parsed.map_err(|_| Malformed("an address is none of its family"))
}

/// Digits only, without zeros before them.
fn port(text: &str) -> Result<u16, Malformed> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let short = text == "0" || !text.starts_with('0');
    let port = text.parse().ok().filter(|_| plain && short);
    port.ok_or(Malformed("a port is none"))
}
