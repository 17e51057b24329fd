//! HAProxy as a gateway.

use crate::program::free_address;

use super::{Checks, Failure, Ground, INSTALL, Peer, Stand, find, name, start as start_peer};

/// Starts it.
///
/// # Errors
/// It is missing or does not start.
pub fn start(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    let haproxy = find("haproxy", &["/usr/sbin/haproxy".into()], INSTALL)?;
    let name = name("haproxy", checks);
    let address = free_address()?;
    let verify = match checks.certificate {
        true => format!(
            " ca-file {} verify required",
            ground.material.path("ca.pem").display()
        ),
        false => String::new(),
    };
    let configuration = format!(
        "global
    nbthread 1
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    http-reuse always
frontend public
    bind {address} backlog 4096 ssl crt {both} alpn http/1.1{verify}
    default_backend private
backend private
    server origin {origin} pool-max-conn 1024
",
        both = ground.material.path("server.both").display(),
        origin = ground.origin_address(),
    );
    let file = ground.write(&format!("{name}.cfg"), &configuration)?;
    let peer = Peer {
        label: "HAProxy",
        name: &name,
        program: &haproxy,
        words: &["-db", "-f", &file.display().to_string()],
        environment: &[],
        address,
        checks,
    };
    start_peer(ground, &peer)
}
