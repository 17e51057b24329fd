//! Caddy as a gateway.

use crate::program::free_address;

use super::{Checks, Failure, Ground, Peer, Stand, installed, name, start as start_peer};

/// Starts it.
///
/// # Errors
/// It is missing or does not start.
pub fn start(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    let caddy = installed("caddy")?;
    let name = name("caddy", checks);
    let address = free_address()?;
    let verify = match checks.certificate {
        true => format!(
            "        client_auth {{
            mode require_and_verify
            trust_pool file {}
        }}
",
            ground.material.path("ca.pem").display()
        ),
        false => String::new(),
    };
    let configuration = format!(
        "{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
    servers {{
        protocols h1
    }}
}}
https://:{port} {{
    bind 127.0.0.1
    tls {certificate} {key} {{
        protocols tls1.2 tls1.3
{verify}    }}
    reverse_proxy {origin} {{
        transport http {{
            versions 1.1
            compression off
            keepalive 300s
            keepalive_idle_conns 1024
            keepalive_idle_conns_per_host 1024
        }}
    }}
}}
",
        port = address.port(),
        certificate = ground.material.path("server.pem").display(),
        key = ground.material.path("server.key").display(),
        origin = ground.origin_address(),
    );
    let file = ground.write(&format!("{name}.Caddyfile"), &configuration)?;
    let file = file.display().to_string();
    let peer = Peer {
        label: "Caddy",
        name: &name,
        program: &caddy,
        words: &["run", "--adapter", "caddyfile", "--config", &file],
        environment: &[
            ("GOMAXPROCS", "1"),
            ("HOME", &ground.home().display().to_string()),
        ],
        address,
        checks,
    };
    start_peer(ground, &peer)
}
