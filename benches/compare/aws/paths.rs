//! The paths of the stack in `deploy/infra/bench/`. In: what its outputs name. Out: how each path
//! is called, and what AWS counts of it.

use crate::checks::{Checks, Scheme};
use crate::results::Family;

/// A path of the stack.
#[derive(Debug)]
pub struct Remote {
    /// As `--only` has it; the same as on one machine where it is the same path.
    pub name: &'static str,
    /// The output with its URL.
    pub output: &'static str,
    /// As a chart writes it.
    pub label: &'static str,
    pub family: Family,
    pub checks: Checks,
    /// Of the gateway's listener.
    pub port: Option<u16>,
    /// The API that counts its requests.
    pub api: Option<Api>,
    /// Of the function that answers, in MB.
    pub memory_mb: Option<u32>,
}

/// A kind of API Gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Rest,
    Http,
}

const N: Checks = Checks::NONE;
const T: Checks = Checks::TLS;
const G: Checks = Checks::CERTIFICATE;
#[rustfmt::skip] // A table.
const PLAIN: Remote = Remote { name: "", output: "", label: "", family: Family::Baseline, checks: N, port: None, api: None, memory_mb: None };
const OURS: Remote = Remote {
    family: Family::Gateway,
    ..PLAIN
};
const FUNCTION: Remote = Remote {
    family: Family::Lambda,
    checks: G,
    ..PLAIN
};
const REST: Remote = Remote {
    family: Family::Aws,
    checks: T,
    api: Some(Api::Rest),
    ..PLAIN
};
const HTTP: Remote = Remote {
    api: Some(Api::Http),
    ..REST
};

/// Every path, in the order in which they are drawn.
#[rustfmt::skip] // A table.
pub const ALL: &[Remote] = &[
    Remote { name: "direct", output: "Direct", label: "nginx, nothing before it", ..PLAIN },
    Remote { name: "elb", output: "LoadBalancer", label: "ALB → nginx", ..PLAIN },
    Remote { name: "gateway-plain", output: "GatewayPlain", label: "Countersign", port: Some(8080), ..OURS },
    Remote { name: "gateway-tls", output: "GatewayTls", label: "Countersign, TLS", checks: T, port: Some(8443), ..OURS },
    Remote { name: "gateway-mtls", output: "GatewayMtls", label: "Countersign, certificate", checks: G, port: Some(8444), ..OURS },
    Remote { name: "gateway-mtls-sigv4", output: "GatewayMtlsSigV4", label: "Countersign, certificate + SigV4", checks: G.and(Scheme::SigV4), port: Some(8445), ..OURS },
    Remote { name: "gateway-mtls-rfc9421", output: "GatewayMtlsRfc9421", label: "Countersign, certificate + RFC 9421", checks: G.and(Scheme::Rfc9421), port: Some(8446), ..OURS },
    Remote { name: "lambda-128", output: "GatewayLambda128", label: "Countersign, certificate → Lambda, 128 MB", port: Some(8447), memory_mb: Some(128), ..FUNCTION },
    Remote { name: "lambda-512", output: "GatewayLambda512", label: "Countersign, certificate → Lambda, 512 MB", port: Some(8448), memory_mb: Some(512), ..FUNCTION },
    Remote { name: "lambda-1024", output: "GatewayLambda1024", label: "Countersign, certificate → Lambda, 1,024 MB", port: Some(8449), memory_mb: Some(1024), ..FUNCTION },
    Remote { name: "apigw-rest-http", output: "RestApiHttp", label: "REST API, HTTP_PROXY", ..REST },
    Remote { name: "apigw-rest-lambda-128", output: "RestApiLambda128", label: "REST API → Lambda, 128 MB", memory_mb: Some(128), ..REST },
    Remote { name: "apigw-rest-lambda-512", output: "RestApiLambda512", label: "REST API → Lambda, 512 MB", memory_mb: Some(512), ..REST },
    Remote { name: "apigw-rest-lambda-1024", output: "RestApiLambda1024", label: "REST API → Lambda, 1,024 MB", memory_mb: Some(1024), ..REST },
    Remote { name: "apigw-http-http", output: "HttpApiHttp", label: "HTTP API, HTTP_PROXY", ..HTTP },
    Remote { name: "apigw-http-lambda", output: "HttpApiLambda", label: "HTTP API → Lambda, 512 MB", memory_mb: Some(512), ..HTTP },
];
