//! The gateway against real parts: nginx, curl, botocore, openssl and Redis, and against callers
//! that no well-kept client would be. Each test starts what it needs and ends it.

#![allow(clippy::unwrap_used)]

mod harness;

mod acme;
mod authorities;
mod authorizers;
mod behind_api_gateway;
mod bodies;
mod callers;
mod certificate_headers;
mod certificate_rules;
mod certificates;
mod clock;
mod commands;
mod credentials;
mod doors;
mod explain;
mod floods;
mod framing;
mod function_callers;
mod function_failures;
mod function_streams;
mod function_untrusted;
mod functions;
mod headers;
mod hellos;
mod http2;
mod lane_callers;
mod lane_requests;
mod lane_targets;
mod lanes;
mod lifecycle;
mod limits;
mod matrix;
mod memory;
mod messages;
mod observability;
mod outgoing;
mod paths;
mod pins;
mod principals;
mod provision;
mod proxy_protocol;
mod recipes;
mod replay;
mod replayed;
mod revocation;
mod second_opinion;
mod server_certificates;
mod service;
mod sign_command;
mod signatures;
mod signers;
mod snippets;
mod spiffe;
mod status;
mod stores;
mod tls_callers;
mod untrusted;
mod upgrade;
mod upgrade_failures;
mod upstream_tls;
mod upstreams;
mod webhooks;
