//! The certificates that a listener shows. In: the name that the caller asks for and the
//! signatures that it understands. Out: the certificate of the exact name, or else of a wildcard
//! of one label, or else the first; of several for one name one whose signature is understood.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::clock::UtcTime;
use crate::config::CertificateFiles;
use crate::problem::Problems;

use super::pair::{Pair, ServedCertificate, describe};
use super::staple::Staple;

/// All of them, by name.
#[derive(Debug)]
pub(super) struct Certificates {
    served: Vec<ServedCertificate>,
    staples: Vec<Arc<Staple>>,
    /// For names that no other has: the first, and others of the same names.
    first: Choices,
    exact: HashMap<String, Choices>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, Choices>,
}

/// Certificates for one name. Those of ECDSA and Ed25519 stand before those of RSA, which costs
/// a server ten times as much and is understood by everybody; otherwise as configured.
type Choices = Vec<Arc<Opened>>;

#[derive(Debug)]
struct Opened {
    served: ServedCertificate,
    key: Arc<CertifiedKey>,
    staple: Option<Arc<Staple>>,
}

impl Certificates {
    /// Opens the files. Responses that were fetched for the same certificate by `previous` are
    /// shown on.
    pub(super) fn open(
        file: &Path,
        files: &[CertificateFiles],
        previous: Option<&Self>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut opened = Vec::new();
        let before = previous.map_or(&[][..], |previous| &previous.staples);
        for entry in files {
            match open_one(file, entry, before) {
                Ok(found) => opened.push(Arc::new(found)),
                Err(found) => problems.extend(found),
            }
        }
        match opened.is_empty() {
            true => Err(problems),
            false => problems.or_ok(Self::of(&opened)),
        }
    }

    fn of(opened: &[Arc<Opened>]) -> Self {
        let mut ordered = opened.to_vec();
        ordered.sort_by_key(|one| one.key.key.algorithm() == SignatureAlgorithm::RSA);
        let first = &opened[0];
        let same = |one: &&Arc<Opened>| {
            let (names, of_first) = (&one.served.names, &first.served.names);
            Arc::ptr_eq(one, first) || (!names.is_empty() && names == of_first)
        };
        let mut certificates = Self {
            served: opened.iter().map(|one| one.served.clone()).collect(),
            staples: opened.iter().filter_map(|one| one.staple.clone()).collect(),
            first: ordered.iter().filter(same).cloned().collect(),
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        };
        for one in &ordered {
            certificates.add(one);
        }
        certificates
    }

    pub(super) fn all(&self) -> &[ServedCertificate] {
        &self.served
    }

    /// The staples that are to be fetched.
    pub(super) fn staples(&self) -> impl Iterator<Item = &Arc<Staple>> {
        self.staples.iter().filter(|one| one.is_fetched())
    }

    fn add(&mut self, one: &Arc<Opened>) {
        for name in &one.served.names {
            let (names, name) = match name.strip_prefix("*.") {
                Some(parent) => (&mut self.wildcard, parent),
                None => (&mut self.exact, name.as_str()),
            };
            names.entry(name.to_owned()).or_default().push(one.clone());
        }
    }

    /// One whose signature is not among `schemes` is chosen only when there is no other: the
    /// handshake then says what it failed by.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> &Opened {
        let name = name.map(|name| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase());
        let exact = name.as_ref().and_then(|name| self.exact.get(name));
        let parent = name.as_ref().and_then(|name| name.split_once('.'));
        let wildcard = parent.and_then(|(_, parent)| self.wildcard.get(parent));
        let named = || exact.into_iter().chain(wildcard).flatten();
        let fits = |one: &&Arc<Opened>| one.key.key.choose_scheme(schemes).is_some();
        let named_first = named().next();
        let of_name = named().find(fits).or(named_first);
        of_name
            .or_else(|| self.first.iter().find(fits))
            .unwrap_or(&self.first[0])
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(hello.server_name(), hello.signature_schemes());
        // rustls hands in no time, and a response must not be shown beyond its own.
        let stapled = chosen.staple.as_ref();
        let stapled = stapled.and_then(|staple| staple.key(UtcTime::now()));
        Some(stapled.unwrap_or_else(|| chosen.key.clone()))
    }
}

/// Stands in for a certificate that is still to be had: nobody believes it.
fn stand_in(files: &CertificateFiles) -> Result<Opened, String> {
    let failed = |e: rcgen::Error| format!("no certificate could be made to stand in: {e}");
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.not_after = params.not_before;
    let certificate = params.self_signed(&key).map_err(failed)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let signer = any_supported_type(&key).map_err(|e| e.to_string())?;
    Ok(Opened {
        served: describe(&files.chain, certificate.der())?,
        key: Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signer)),
        staple: None,
    })
}

fn open_one(
    config: &Path,
    files: &CertificateFiles,
    before: &[Arc<Staple>],
) -> Result<Opened, Problems> {
    let noted = |text: String| {
        let mut problems = Problems::default();
        problems.add(config, files.line, text);
        problems
    };
    if files.may_be_missing && !files.chain.exists() {
        return stand_in(files).map_err(noted);
    }
    let Pair { key, served } = Pair::open(config, files)?;
    let key = Arc::new(key);
    let staple = Staple::open(files, &key, before, UtcTime::now()).map_err(noted)?;
    Ok(Opened {
        served,
        staple: staple.map(Arc::new),
        key,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
