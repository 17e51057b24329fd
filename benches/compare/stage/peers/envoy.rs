//! Envoy as a gateway.

use crate::program::free_address;

use super::{Checks, Failure, Ground, Peer, Stand, installed, name, start as start_peer};

/// Starts it.
///
/// # Errors
/// It is missing or does not start.
pub fn start(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    let envoy = installed("envoy")?;
    let name = name("envoy", checks);
    let address = free_address()?;
    let (require, verify) = match checks.certificate {
        true => ("require_client_certificate: true", validation(ground)),
        false => ("require_client_certificate: false", String::new()),
    };
    let (origin, port) = (ground.origin_address(), address.port());
    let configuration = format!(
        r#"static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          {require}
          common_tls_context:
            alpn_protocols: [http/1.1]
            tls_params: {{ tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3 }}
            tls_certificates:
            - certificate_chain: {{ filename: {certificate} }}
              private_key: {{ filename: {key} }}
{verify}      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: public
          codec_type: HTTP1
          # Nobody reads it here, as in the other gateways.
          generate_request_id: false
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{ match: {{ prefix: / }}, route: {{ cluster: private, timeout: 0s }} }}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: private
    type: STATIC
    connect_timeout: 10s
    circuit_breakers:
      thresholds: [{{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }}]
    load_assignment:
      cluster_name: private
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: {host}, port_value: {origin_port} }} }} }}
"#,
        certificate = ground.material.path("server.pem").display(),
        key = ground.material.path("server.key").display(),
        host = origin.ip(),
        origin_port = origin.port(),
    );
    let file = ground.write(&format!("{name}.yaml"), &configuration)?;
    let file = file.display().to_string();
    let words = ["-c", &file, "--concurrency", "1", "-l", "error"];
    let peer = Peer {
        label: "Envoy",
        name: &name,
        program: &envoy,
        words: &[&words[..], &["--disable-hot-restart"]].concat(),
        environment: &[],
        address,
        checks,
    };
    start_peer(ground, &peer)
}

fn validation(ground: &Ground) -> String {
    let authority = ground.material.path("ca.pem");
    format!(
        "            validation_context: {{ trusted_ca: {{ filename: {} }} }}\n",
        authority.display()
    )
}
