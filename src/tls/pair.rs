//! A certificate that the gateway shows, with its key, opened: for listeners and towards upstreams.

use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::bundle::read_bundle;
use crate::clock::UtcTime;
use crate::config::CertificateFiles;
use crate::private_file;
use crate::problem::Problems;

/// One certificate that the gateway shows: a listener to callers, or an `http_proxy` to targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCertificate {
    /// The file it came from.
    pub chain: PathBuf,
    /// Its DNS names, lower case.
    pub names: Vec<String>,
    /// The first second of its validity.
    pub not_before: UtcTime,
    /// The last second of its validity.
    pub not_after: UtcTime,
}

/// A certificate and its key.
pub struct Pair {
    /// What rustls shakes hands with.
    pub key: CertifiedKey,
    /// What is told of it.
    pub served: ServedCertificate,
}

impl Pair {
    /// Opens the files that `config` names.
    ///
    /// # Errors
    /// A file that is missing or unreadable, a key that is another certificate's, or one that
    /// others than its owner can read.
    pub fn open(config: &Path, files: &CertificateFiles) -> Result<Self, Problems> {
        let pem = private_file::read(&files.private_key)?;
        Self::of(files, pem.as_bytes()).map_err(|text| {
            let mut problems = Problems::default();
            problems.add(config, files.line, text);
            problems
        })
    }

    fn of(files: &CertificateFiles, pem: &[u8]) -> Result<Self, String> {
        let chain = read_bundle(&files.chain)?;
        let (name, certificate) = (files.private_key.display(), files.chain.display());
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|e| format!("{name}: holds no private key that can be read: {e}"))?;
        let signer = any_supported_type(&key)
            .map_err(|e| format!("{name}: the private key is of no supported kind: {e}"))?;
        let served = describe(&files.chain, &chain[0])?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) => Ok(Self { key, served }),
            Err(e) => Err(format!("{name}: is not the key of {certificate}: {e}")),
        }
    }
}

/// What a leaf says of itself.
pub(super) fn describe(chain: &Path, leaf: &[u8]) -> Result<ServedCertificate, String> {
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| {
        format!(
            "{}: its first certificate cannot be parsed",
            chain.display()
        )
    })?;
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let validity = leaf.validity();
    Ok(ServedCertificate {
        chain: chain.to_owned(),
        names,
        not_before: UtcTime::from_unix(validity.not_before.timestamp()),
        not_after: UtcTime::from_unix(validity.not_after.timestamp()),
    })
}
