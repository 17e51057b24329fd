//! `[[policy]]`: what a route demands of its callers.

use crate::names::{ConsumerName, PolicyName};

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name; `open` for the one that is always there.
    pub name: PolicyName,
    /// What is demanded.
    pub demand: Demand,
    /// The consumers it admits; `None` admits every configured one.
    pub consumers: Option<Vec<ConsumerName>>,
    /// The line of the configuration where it starts; 0 for `open`.
    pub line: usize,
}

/// What a policy demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: anyone may call.
    Open,
    /// Every one of these proofs, all of the same consumer.
    AllOf(Proof),
    /// At least one of these; what is shown must be right, and of one consumer.
    AnyOf(Proof),
}

/// The proofs that a policy takes; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// A client certificate of a consumer.
    pub certificate: bool,
    /// A signature by a consumer's credential.
    pub signature: Option<SignatureDemand>,
}

/// How a signature must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureDemand {
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
    /// The service of the credential scope.
    pub service: String,
    /// The region of the credential scope.
    pub region: String,
    /// Seconds by which the signature's time may be off, both ways; at least 1.
    pub max_skew_secs: u32,
    /// Whether `UNSIGNED-PAYLOAD` is taken, over TLS only.
    pub unsigned_payload: bool,
    /// The largest body taken from callers that send no `x-amz-content-sha256`: it is held
    /// until its hash, and with it the signature, is known.
    pub max_buffered_body_bytes: u64,
}

/// How SigV4's canonical request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureProfile {
    /// Every service but S3: the path is normalised and encoded twice.
    Aws,
    /// S3: the path is taken as it is and encoded once.
    S3,
}
