//! Countersign: a gateway that checks the caller's client certificate and the request's
//! signature before it passes the request on. The modules by floor, lowest last; each
//! imports only from floors below its own (`tests/floors.rs` holds them to it).

// 10: the commands
pub mod cli;
// 9: Pingora: accept, guard, callbacks, swap, drain
pub mod server;
// 8: the stages in order, over one snapshot
pub mod flow;
// 7: a configuration compiled
pub mod snapshot;
// 6: Pass → Plan
pub mod integration;
// 5: Permit → Pass; a listener's TLS
pub mod limit;
pub mod tls;
// 4: Hit, identity and signature → Permit; whose word is taken for callers' certificates
pub mod authorize;
pub mod trust;
// 3: who called, which route, is the signature right, was it used before;
// how events look, what functions are told, how a machine gets its files
pub mod acme;
pub mod credential_source;
pub mod identity;
pub mod lambda;
pub mod provision;
pub mod replay;
pub mod response;
pub mod route;
pub mod signature;
pub mod telemetry;
// 2: what an operator wrote, what a caller sent, how we say no, what issuers took back, how we
// speak to AWS
pub mod aws;
pub mod call;
pub mod config;
pub mod credential;
pub mod proxy_protocol;
pub mod refusal;
pub mod revocation;
// 1: words and times
pub mod bundle;
pub mod clock;
pub mod crl_source;
pub mod digest;
pub mod distrust;
pub mod document;
pub mod field_name;
pub mod key;
pub mod method;
pub mod names;
pub mod pattern;
pub mod private_file;
pub mod problem;
pub mod shape;
pub mod spiffe;
