//! Certificates for a test: an authority and what it issues, as PEM files in one directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
    pub file: PathBuf,
}

impl Authority {
    /// An authority whose certificate is in `directory/NAME.pem`.
    pub fn new(directory: &Path, name: &str) -> Self {
        Self::with(directory, name, |_| {})
    }

    pub fn with(directory: &Path, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let file = directory.join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).expect("a file");
        Self {
            issuer,
            directory: directory.to_owned(),
            file,
        }
    }

    /// An authority below this one.
    pub fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).expect("an authority");
        let file = self.directory.join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).expect("a file");
        Self {
            issuer,
            directory: self.directory.clone(),
            file,
        }
    }

    /// Lets the authority's own certificate be shown by a client: its key beside it.
    pub fn with_key(self, name: &str) -> Self {
        let file = self.directory.join(format!("{name}.key"));
        write_private(&file, &self.issuer.key().serialize_pem());
        self
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate for these names, `NAME.pem` and `NAME.key`.
    pub fn server(&self, name: &str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        self.issue(name, params, "");
    }

    /// A client certificate with this URI, `NAME.pem` and `NAME.key`.
    pub fn client(&self, name: &str, uri: &str) {
        self.client_with(name, uri, "", |_| {});
    }

    pub fn client_with(
        &self,
        name: &str,
        uri: &str,
        chain: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .subject_alt_names
            .push(SanType::URI(uri.try_into().expect("ASCII")));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.issue(name, params, chain);
    }

    fn issue(&self, name: &str, params: CertificateParams, chain: &str) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |end| self.directory.join(format!("{name}.{end}"));
        fs::write(file("pem"), certificate.pem() + chain).expect("a file");
        write_private(&file("key"), &key.serialize_pem());
    }
}

/// A file that only its owner may read, as the gateway wants it.
pub fn write_private(file: &Path, text: &str) {
    fs::write(file, text).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
}
