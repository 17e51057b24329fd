//! PEM bundles of certificates: authorities that are believed, chains that are shown.
//! In: a file. Out: its certificates, never none, or what is wrong with it and the cure.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Reads the certificates of a PEM bundle.
///
/// # Errors
/// Says what is wrong with the file and how to mend it. An empty bundle is an error: it
/// would trust nobody, which is never meant.
pub fn read_bundle(bundle: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = bundle.display();
    let pem = std::fs::read(bundle).map_err(|e| format!("{name}: cannot be read: {e}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|e| format!("{name}: is no PEM bundle: {e}"))?;
    match found.is_empty() {
        true => Err(format!(
            "{name}: holds no CERTIFICATE block; an empty bundle would trust nobody"
        )),
        false => Ok(found),
    }
}
