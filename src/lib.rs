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
// 5: Permit → Pass
pub mod limit;
// 4: Hit, identity and signature → Permit
pub mod authorize;
// 3: who called, whom we trust, which route, is the signature right, was it used before;
// how events look
pub mod credential_source;
pub mod identity;
pub mod replay;
pub mod response;
pub mod route;
pub mod signature;
pub mod telemetry;
pub mod tls;
// 2: what an operator wrote, what a caller sent, how we say no
pub mod call;
pub mod config;
pub mod credential;
pub mod refusal;
// 1: words and times
pub mod bundle;
pub mod clock;
pub mod digest;
pub mod distrust;
pub mod document;
pub mod field_name;
pub mod key;
pub mod method;
pub mod names;
pub mod pattern;
pub mod problem;
pub mod shape;
pub mod spiffe;
