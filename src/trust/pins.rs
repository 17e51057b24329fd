//! Certificates and keys that are taken as they are, whoever issued them. A pin is compared with
//! the caller's own certificate and with nothing above it: what a pinned certificate signs is
//! signed by nobody.

use std::collections::BTreeSet;
use std::path::Path;

use aws_lc_rs::digest::Context;

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::Pin;
use crate::digest::sha256;
use crate::identity::Identity;
use crate::problem::Problems;

use super::Voucher;

/// The pins of a store.
#[derive(Debug, Default)]
pub(super) struct Pins {
    fingerprints: BTreeSet<[u8; 32]>,
    public_keys: BTreeSet<[u8; 32]>,
    /// Subject and last second of those that are there whole.
    ends: Vec<(String, UtcTime)>,
}

impl Pins {
    pub(super) fn open(config: &Path, all: &[Pin]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut pins = Self::default();
        for pin in all {
            match pin {
                Pin::Fingerprint(hash) => _ = pins.fingerprints.insert(*hash),
                Pin::PublicKey(hash) => _ = pins.public_keys.insert(*hash),
                Pin::Certificate { file, line } => match read_bundle(file) {
                    Ok(found) => found.iter().for_each(|one| pins.add(one)),
                    Err(text) => problems.add(config, *line, text),
                },
            }
        }
        problems.or_ok(pins)
    }

    fn add(&mut self, certificate: &[u8]) {
        self.fingerprints.insert(sha256(certificate));
        // One that cannot be read is no caller's either.
        if let Ok(identity) = Identity::parse(certificate) {
            let subject = identity.subject().to_owned();
            self.ends.push((subject, identity.not_after()));
        }
    }

    pub(super) fn ends(&self) -> impl Iterator<Item = (&str, UtcTime)> {
        let ends = self.ends.iter();
        ends.map(|(subject, end)| (subject.as_str(), *end))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fingerprints.is_empty() && self.public_keys.is_empty()
    }

    /// The pin of a certificate, or else of its key.
    pub(super) fn find(&self, identity: &Identity) -> Option<Voucher> {
        let whole = self.fingerprints.contains(identity.fingerprint());
        let key = self.public_keys.contains(identity.public_key());
        match (whole, key) {
            (true, _) => Some(Voucher::Pin),
            (false, true) => Some(Voucher::PinOfKey),
            (false, false) => None,
        }
    }

    pub(super) fn add_to(&self, hash: &mut Context) {
        for (kind, pins) in [(b"f", &self.fingerprints), (b"k", &self.public_keys)] {
            for pin in pins {
                hash.update(kind);
                hash.update(pin);
            }
        }
    }
}
