//! Request signatures. In: a `Call`, the policy's demand and the credential that the call
//! names. Out: whether the signature is right and what the body still owes, or a `Refusal`.
//! Knows nothing of routes, consumers or Pingora; the time is handed in.

pub mod sigv4;
