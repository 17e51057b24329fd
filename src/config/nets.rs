//! Lists of addresses and networks. In: texts with their lines. Out: the networks, an address
//! being one of its own.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::document::{Document, Placed};

/// The networks of `texts`; `what` is what each is called in problems.
pub(super) fn read(document: &Document<'_>, texts: Vec<Placed<String>>, what: &str) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for net in texts {
        match parse(&net.value, what) {
            Ok(net) => nets.push(net),
            Err(problem) => document.note(net.line, problem),
        }
    }
    nets
}

fn parse(text: &str, what: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let net: IpNet = text.parse().map_err(|_| {
        format!("{what} \"{text}\" is no address and no network such as \"10.0.0.0/8\"")
    })?;
    match net.trunc() == net {
        true => Ok(net),
        false => Err(format!(
            "{what} \"{text}\" has bits beyond its prefix; write \"{}\"",
            net.trunc()
        )),
    }
}
