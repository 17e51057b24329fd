//! HAProxy as the stand-in of AWS's load balancer: it passes everything on and checks nothing.

use crate::program::{Cores, Launch, Program, free_address};

use super::{Checks, Failure, Ground, Stand, find};

/// Starts it.
///
/// # Errors
/// It is missing or does not start.
pub fn start(ground: &Ground, _: Checks) -> Result<Stand, Failure> {
    let haproxy = find(
        "haproxy",
        &["/usr/sbin/haproxy".into()],
        "apt-get install haproxy",
    )?;
    let address = free_address()?;
    let configuration = format!(
        "global
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    http-reuse always
frontend public
    bind {address} backlog 4096
    option forwardfor
    default_backend private
backend private
    server origin {origin}
",
        origin = ground.origin_address(),
    );
    let file = ground.write("elb.cfg", &configuration)?;
    let words = ["-db", "-f", &file.display().to_string()].map(str::to_owned);
    let program = Program::start(&Launch {
        name: "elb",
        program: &haproxy,
        words: words.into(),
        environment: Vec::new(),
        directory: ground.home(),
        cores: Cores::Measured,
        ready: address,
    })?;
    Ok(Stand {
        address,
        parts: vec![("HAProxy".to_owned(), program)],
        notes: Vec::new(),
    })
}
