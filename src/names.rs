//! The names of what an operator configures, each a type of its own so that a route is
//! never looked up by a consumer's name, and the id of one request.
//! Cheap to clone; knows nothing of what it names.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Declares one kind of name. A macro, because the kinds differ in nothing but their type,
/// and the type is the point.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name `text`, as configured.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A listener: an address with its TLS.
    ListenerName
);
name!(
    /// A trust store: whose word is taken for callers' certificates.
    TrustStoreName
);
name!(
    /// A consumer: a configured caller.
    ConsumerName
);
name!(
    /// A policy: what a route demands.
    PolicyName
);
name!(
    /// A route: method, path pattern and host. Unnamed routes are called `METHOD /path`.
    RouteName
);
name!(
    /// An integration: what answers a route.
    IntegrationName
);
name!(
    /// An authorizer: a function that is asked about calls.
    AuthorizerName
);
name!(
    /// A credential's public half, SigV4's access key id.
    CredentialId
);

/// The id of one request: 32 hexadecimal digits, unique across restarts and siblings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the id is made of hexadecimal digits only")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Hands out request ids: a random half for the process, a counted half for the request.
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// A source whose ids start with `process`, which the caller draws at random.
    pub fn new(process: u64) -> Self {
        Self {
            process,
            next: AtomicU64::new(0),
        }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 32];
        write_hex(self.process, &mut id[..16]);
        write_hex(count, &mut id[16..]);
        RequestId(id)
    }
}

fn write_hex(value: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, digit) in out.iter_mut().rev().enumerate() {
        *digit = DIGITS[(value >> (4 * place)) as usize & 15];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_carry_the_process_and_count_up() {
        let ids = RequestIds::new(0x0123_4567_89ab_cdef);
        assert_eq!(ids.next().as_str(), "0123456789abcdef0000000000000000");
        assert_eq!(ids.next().as_str(), "0123456789abcdef0000000000000001");
    }
}
