//! Whether a certificate that was trusted is revoked. In: certificates that are verified, and
//! what their issuers publish: CRLs (RFC 5280 §5) and OCSP answers (RFC 6960). Out: good,
//! revoked, or that nobody knows. Knows nothing of trust, policies or connections.

mod certificate;
mod crl;
mod crl_set;
mod der;
mod fetch;
mod http;
pub mod ocsp;
mod signature;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use certificate::{Certificate, Unreadable};
pub use crl::{Crl, CrlError};
pub use crl_set::{CrlSet, CrlStatus};
pub use fetch::{Loaded, load};
