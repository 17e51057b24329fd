//! The files of a store: its password and the authorities that vouch for its servers.
//! In: the configuration. Out: what the files hold, or every `Problem` with them.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::bundle::read_bundle;
use crate::config::ReplayStore;
use crate::digest::sha256;
use crate::private_file;
use crate::problem::Problems;

/// What the files of a store hold.
pub(super) struct Files {
    /// `None` when there is no authentication.
    pub(super) password: Option<Zeroizing<String>>,
    /// `None` for plaintext.
    pub(super) authorities: Option<Vec<CertificateDer<'static>>>,
}

impl Files {
    /// Reads them; `file` is the configuration that names them.
    pub(super) fn open(settings: &ReplayStore, file: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let password = settings.password_file.as_deref().map(read_password);
        let password = password.transpose().unwrap_or_else(|found| {
            problems.extend(found);
            None
        });
        let mut texts = Vec::new();
        let authorities = settings.ca.as_deref();
        let authorities = authorities.map(|bundles| read_authorities(bundles, &mut texts));
        for text in texts {
            problems.add(file, settings.line, text);
        }
        problems.or_ok(Self {
            password,
            authorities,
        })
    }

    /// A hash that is equal exactly when they hold the same.
    pub(super) fn hash(&self) -> [u8; 32] {
        let password = self.password.as_ref().map(|text| sha256(text.as_bytes()));
        let authorities = self.authorities.iter().flatten();
        let hashes = authorities.map(|authority| sha256(authority));
        let all: Vec<u8> = password.into_iter().chain(hashes).flatten().collect();
        sha256(&all)
    }
}

/// The password in `file`, without the end of its line.
fn read_password(file: &Path) -> Result<Zeroizing<String>, Problems> {
    let text = private_file::read(file)?;
    let password = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    match password.is_empty() || password.contains(['\r', '\n']) {
        false => Ok(password),
        true => Err(Problems::with_file(
            file,
            "must hold the password on its only line",
        )),
    }
}

fn read_authorities(bundles: &[PathBuf], texts: &mut Vec<String>) -> Vec<CertificateDer<'static>> {
    let mut authorities = Vec::new();
    for bundle in bundles {
        let found = read_bundle(bundle).unwrap_or_else(|text| {
            texts.push(text);
            Vec::new()
        });
        for authority in found {
            if let Err(e) = RootCertStore::empty().add(authority.clone()) {
                let name = bundle.display();
                texts.push(format!("{name}: an authority cannot be used: {e}"));
            }
            authorities.push(authority);
        }
    }
    authorities
}
