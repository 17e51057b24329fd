//! Traefik as a gateway. It knows two files: what it is, and, read while it runs, what it serves.

use crate::program::free_address;

use super::{Checks, Failure, Ground, Peer, Stand, installed, name, start as start_peer};

/// Starts it.
///
/// # Errors
/// It is missing or does not start.
pub fn start(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    let traefik = installed("traefik")?;
    let name = name("traefik", checks);
    let address = free_address()?;
    let routes = ground.write(&format!("{name}-routes.yaml"), &routes(ground, checks))?;
    let configuration = format!(
        "global: {{ checkNewVersion: false, sendAnonymousUsage: false }}
log: {{ level: ERROR }}
entryPoints:
  public:
    address: {address}
    transport:
      respondingTimeouts: {{ readTimeout: 0s, idleTimeout: 300s }}
serversTransport: {{ maxIdleConnsPerHost: 1024 }}
providers:
  file: {{ filename: {routes}, watch: false }}
",
        routes = routes.display(),
    );
    let file = ground.write(&format!("{name}.yaml"), &configuration)?;
    let peer = Peer {
        label: "Traefik",
        name: &name,
        program: &traefik,
        words: &[&format!("--configFile={}", file.display())],
        environment: &[
            ("GOMAXPROCS", "1"),
            ("HOME", &ground.home().display().to_string()),
        ],
        address,
        checks,
    };
    start_peer(ground, &peer)
}

fn routes(ground: &Ground, checks: Checks) -> String {
    let verify = match checks.certificate {
        true => format!(
            "      clientAuth:
        caFiles: [{}]
        clientAuthType: RequireAndVerifyClientCert
",
            ground.material.path("ca.pem").display()
        ),
        false => String::new(),
    };
    format!(
        "http:
  routers:
    all: {{ rule: PathPrefix(`/`), entryPoints: [public], service: private, tls: {{}} }}
  services:
    private:
      loadBalancer: {{ servers: [{{ url: \"http://{origin}\" }}] }}
tls:
  certificates:
  - {{ certFile: {certificate}, keyFile: {key} }}
  options:
    default:
      minVersion: VersionTLS12
      alpnProtocols: [http/1.1]
{verify}",
        origin = ground.origin_address(),
        certificate = ground.material.path("server.pem").display(),
        key = ground.material.path("server.key").display(),
    )
}
