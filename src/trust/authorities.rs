//! The authorities of a trust store. In: PEM bundles. Out: trust anchors with their own times.
//! What is no authority does not become one by standing in a bundle: webpki would let it issue.

use std::path::Path;

use aws_lc_rs::digest::Context;
use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::TrustStore;
use crate::identity::Identity;
use crate::problem::Problems;
use crate::revocation::{Certificate, Crl};

use super::inspect::Inspected;

/// Every authority of a store, and what webpki needs of each at the same place.
#[derive(Debug, Default)]
pub(super) struct Authorities {
    all: Vec<Authority>,
    anchors: Vec<TrustAnchor<'static>>,
}

/// One authority.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) der: CertificateDer<'static>,
    pub(super) inspected: Inspected,
    subject: String,
}

impl Authorities {
    pub(super) fn open(file: &Path, store: &TrustStore) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut authorities = Self::default();
        for bundle in &store.authorities {
            let opened = read_bundle(bundle).map_err(|text| vec![text]);
            let opened = opened.and_then(|found| {
                let name = bundle.display();
                let wrong = found.into_iter().filter_map(|der| {
                    let added = authorities.add(der, store);
                    added.err().map(|text| format!("{name}: {text}"))
                });
                let wrong: Vec<String> = wrong.collect();
                if wrong.is_empty() { Ok(()) } else { Err(wrong) }
            });
            for text in opened.err().into_iter().flatten() {
                problems.add(file, store.line, text);
            }
        }
        problems.or_ok(authorities)
    }

    fn add(&mut self, der: CertificateDer<'static>, store: &TrustStore) -> Result<(), String> {
        if self.all.iter().any(|one| one.der == der) {
            return Ok(());
        }
        let unusable = |why: String| format!("an authority cannot be used: {why}");
        let identity = Identity::parse(&der).map_err(|e| unusable(e.to_string()))?;
        let subject = identity.subject();
        let inspected = Inspected::of(&der).map_err(|e| unusable(e.to_string()))?;
        if !inspected.is_authority {
            return Err(format!(
                "\"{subject}\" is no certificate authority, and here it could issue certificates; to take this very certificate, write pins = [{{ certificate = \"…\" }}]"
            ));
        }
        if store.check_key_usage && !inspected.may_issue() {
            return Err(format!(
                "the key of \"{subject}\" is not for issuing certificates (KeyUsage without keyCertSign)"
            ));
        }
        if inspected.check_key(store.min_rsa_bits).is_err() {
            let bits = store.min_rsa_bits;
            return Err(format!(
                "the key of \"{subject}\" has less than {bits} bits; let the authority have a new one, or lower \"min_rsa_bits\""
            ));
        }
        let anchor = webpki::anchor_from_trusted_cert(&der);
        let anchor = anchor.map_err(|e| unusable(e.to_string()))?.to_owned();
        let subject = subject.to_owned();
        self.anchors.push(anchor);
        self.all.push(Authority {
            der,
            inspected,
            subject,
        });
        Ok(())
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The place of an anchor that came from here.
    pub(super) fn place_of(&self, anchor: &TrustAnchor<'_>) -> Option<usize> {
        let same = |one: &TrustAnchor<'static>| std::ptr::addr_eq(one, anchor);
        self.anchors.iter().position(same)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Authority> {
        self.all.get(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Authority> {
        self.all.iter()
    }

    pub(super) fn subject(&self, place: usize) -> Option<&str> {
        self.all.get(place).map(|one| one.subject.as_str())
    }

    pub(super) fn ends(&self) -> impl Iterator<Item = (&str, UtcTime)> {
        let all = self.all.iter();
        all.map(|one| (one.subject.as_str(), one.inspected.not_after))
    }

    /// Whether a list bears the name of one of these, and none of them has signed it.
    pub(super) fn disown(&self, crl: &Crl) -> bool {
        let all = self.all.iter();
        let all: Vec<_> = all
            .filter_map(|one| Certificate::read(&one.der).ok())
            .collect();
        let named = |one: &Certificate<'_>| crl.bears_name_of(one);
        let signed = |one: &Certificate<'_>| crl.is_by(one);
        all.iter().any(named) && !all.iter().any(signed)
    }

    /// Their names as TLS tells them: whole names in DER, where webpki keeps what is inside.
    pub(super) fn names(&self) -> impl Iterator<Item = DistinguishedName> {
        let anchors = self.anchors.iter();
        anchors.map(|anchor| DistinguishedName::in_sequence(&anchor.subject))
    }

    pub(super) fn add_to(&self, hash: &mut Context) {
        for authority in &self.all {
            hash.update(&authority.der);
        }
    }
}
