//! Chains that a trust store believes, remembered: callers come back with the same certificate, and
//! its path need not be verified for each of their handshakes. What proves that a caller holds the
//! key is made anew for each and is not remembered. Only what was believed is: strangers cannot
//! fill the memory. It is one trust's, so a reload or a new list begins with an empty one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::CertificateDer;

use crate::clock::UtcTime;

use super::Judgement;

/// Chains at once, at about 100 bytes each.
const MOST: usize = 10_000;

/// Judgements by the chains that they are about.
#[derive(Debug)]
pub(super) struct Believed {
    most: usize,
    chains: Mutex<HashMap<ChainId, Judgement>>,
}

/// SHA-256 of a chain, certificate by certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChainId([u8; 32]);

impl ChainId {
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Self {
        let mut hash = Context::new(&SHA256);
        for certificate in chain {
            hash.update(&(certificate.len() as u64).to_be_bytes());
            hash.update(certificate);
        }
        let mut id = [0; 32];
        id.copy_from_slice(hash.finish().as_ref());
        Self(id)
    }
}

impl Default for Believed {
    fn default() -> Self {
        Self::with_room(MOST)
    }
}

impl Believed {
    fn with_room(most: usize) -> Self {
        Self {
            most,
            chains: Mutex::default(),
        }
    }

    /// How a chain was judged, while that holds.
    pub(super) fn find(&self, id: &ChainId, now: UtcTime) -> Option<Judgement> {
        let chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        chains.get(id).copied().filter(|found| now <= found.until)
    }

    /// Remembers how a chain was judged. Room is made of what holds no longer, or else of
    /// everything: it is found out again.
    pub(super) fn remember(&self, id: ChainId, judgement: Judgement, now: UtcTime) {
        if judgement.until < now {
            return;
        }
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= self.most {
            chains.retain(|_, known| now <= known.until);
        }
        if chains.len() >= self.most {
            chains.clear();
        }
        chains.insert(id, judgement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Voucher;

    fn at(seconds: i64) -> UtcTime {
        UtcTime::from_unix(1_440_938_160 + seconds)
    }

    fn until(seconds: i64) -> Judgement {
        Judgement {
            until: at(seconds),
            by: Voucher::Pin,
            needed: 1,
        }
    }

    #[test]
    fn a_chain_is_its_certificates_and_where_they_end() {
        let chain = |parts: &[&'static [u8]]| {
            let parts: Vec<_> = parts.iter().map(|one| CertificateDer::from(*one)).collect();
            ChainId::of(&parts)
        };
        assert_eq!(chain(&[b"ab", b"c"]), chain(&[b"ab", b"c"]));
        for other in [
            chain(&[b"a", b"bc"]),
            chain(&[b"abc"]),
            chain(&[b"c", b"ab"]),
        ] {
            assert_ne!(chain(&[b"ab", b"c"]), other);
        }
    }

    #[test]
    fn what_was_believed_is_remembered_as_long_as_it_holds() {
        let believed = Believed::default();
        let id = ChainId([1; 32]);
        assert_eq!(believed.find(&id, at(0)), None);
        believed.remember(id, until(10), at(0));
        assert_eq!(believed.find(&id, at(10)), Some(until(10)));
        assert_eq!(believed.find(&id, at(11)), None);
        // What held for no time at all is not remembered.
        believed.remember(ChainId([2; 32]), until(-1), at(0));
        assert_eq!(believed.find(&ChainId([2; 32]), at(-1)), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let believed = Believed::with_room(2);
        let id = |n| ChainId([n; 32]);
        believed.remember(id(1), until(5), at(0));
        believed.remember(id(2), until(50), at(0));
        believed.remember(id(3), until(50), at(6));
        assert_eq!(believed.find(&id(1), at(5)), None);
        assert_eq!(believed.find(&id(2), at(6)), Some(until(50)));
        believed.remember(id(4), until(50), at(6));
        assert_eq!(believed.find(&id(2), at(6)), None);
        assert_eq!(believed.find(&id(4), at(6)), Some(until(50)));
    }
}
