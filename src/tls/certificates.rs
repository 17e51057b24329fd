//! The certificates that a listener shows, chosen by the name that the caller asks for:
//! the exact name first, then a wildcard of one label, then the first certificate.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::CertificateFiles;
use crate::problem::Problems;

/// One certificate that the gateway shows: a listener to callers, or an `http_proxy` to targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCertificate {
    /// The file it came from.
    pub chain: std::path::PathBuf,
    /// The first second of its validity.
    pub not_before: UtcTime,
    /// The last second of its validity.
    pub not_after: UtcTime,
}

/// All of them, by name.
#[derive(Debug)]
pub(super) struct Certificates {
    all: Vec<ServedCertificate>,
    first: Arc<CertifiedKey>,
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    pub(super) fn open(file: &Path, files: &[CertificateFiles]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut opened = Vec::new();
        for entry in files {
            match open_one(entry) {
                Ok(found) => opened.push(found),
                Err(text) => problems.add(file, entry.line, text),
            }
        }
        let Some(first) = opened.first().map(|one| one.key.clone()) else {
            return Err(problems);
        };
        let mut certificates = Self {
            all: Vec::new(),
            first,
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        };
        for one in opened {
            certificates.add(one);
        }
        problems.or_ok(certificates)
    }

    pub(super) fn all(&self) -> &[ServedCertificate] {
        &self.all
    }

    /// The first certificate that has a name keeps it.
    fn add(&mut self, one: Opened) {
        for name in one.names {
            let (names, name) = match name.strip_prefix("*.") {
                Some(parent) => (&mut self.wildcard, parent.to_owned()),
                None => (&mut self.exact, name),
            };
            names.entry(name).or_insert_with(|| one.key.clone());
        }
        self.all.push(one.served);
    }

    fn choose(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let Some(name) = name else {
            return &self.first;
        };
        let name = name.to_ascii_lowercase();
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.exact
            .get(&name)
            .or_else(|| self.wildcard.get(parent?))
            .unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.choose(hello.server_name()).clone())
    }
}

struct Opened {
    served: ServedCertificate,
    key: Arc<CertifiedKey>,
    names: Vec<String>,
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
    let (served, _) = describe(files, certificate.der())?;
    Ok(Opened {
        served,
        key: Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signer)),
        names: Vec::new(),
    })
}

fn open_one(files: &CertificateFiles) -> Result<Opened, String> {
    if files.may_be_missing && !files.chain.exists() {
        return stand_in(files);
    }
    let chain = read_bundle(&files.chain)?;
    let name = files.private_key.display();
    let key = PrivateKeyDer::from_pem_file(&files.private_key)
        .map_err(|e| format!("{name}: holds no private key that can be read: {e}"))?;
    let signer = any_supported_type(&key)
        .map_err(|e| format!("{name}: the private key is of no supported kind: {e}"))?;
    let (served, names) = describe(files, &chain[0])?;
    let key = CertifiedKey::new(chain, signer);
    match key.keys_match() {
        Ok(()) => Ok(Opened {
            served,
            key: Arc::new(key),
            names,
        }),
        Err(e) => Err(format!(
            "{name}: is not the key of {}: {e}",
            files.chain.display()
        )),
    }
}

fn describe(
    files: &CertificateFiles,
    leaf: &[u8],
) -> Result<(ServedCertificate, Vec<String>), String> {
    let chain = files.chain.display();
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|_| format!("{chain}: its first certificate cannot be parsed"))?;
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let served = ServedCertificate {
        chain: files.chain.clone(),
        not_before: UtcTime::from_unix(leaf.validity().not_before.timestamp()),
        not_after: UtcTime::from_unix(leaf.validity().not_after.timestamp()),
    };
    Ok((served, names))
}
