//! Certificates and keys that all paths share: one authority, a server's and a caller's P-256
//! certificate, and what the caller signs with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ED25519, SanType,
};

/// The name of every server, and who calls.
pub const HOST: &str = "localhost";
pub const URI: &str = "spiffe://bench/billing";

pub const KEY_ID: &str = "CSBENCHBILLING";
pub const SIGNER_ID: &str = "CSBENCHSIGNER";
pub const REGION: &str = "us-east-1";
pub const SERVICE: &str = "execute-api";

/// `ca.pem`, `server.pem`, `server.key`, both in `server.both`, `client.pem`, `client.key`, the pair
/// `signer.key`, `signer.pub` of Ed25519, and `secret` for SigV4.
pub struct Material {
    directory: PathBuf,
}

impl Material {
    /// Makes all of it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn make(directory: &Path) -> anyhow::Result<Self> {
        let material = Self::open(directory);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "bench");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        material.write("ca.pem", &issuer.pem())?;

        let server = CertificateParams::new(vec![HOST.to_owned()])?;
        let pair = material.issue("server", server, &issuer)?;
        material.write("server.both", &pair)?;

        let mut client = CertificateParams::default();
        client
            .distinguished_name
            .push(DnType::CommonName, "billing");
        client.subject_alt_names = vec![SanType::URI(URI.try_into()?)];
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        material.issue("client", client, &issuer)?;

        let signer = KeyPair::generate_for(&PKCS_ED25519)?;
        material.write("signer.key", &signer.serialize_pem())?;
        material.write("signer.pub", &signer.public_key_pem())?;
        let mut secret = [0; 20];
        aws_lc_rs::rand::fill(&mut secret)?;
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        material.write("secret", &secret)?;
        Ok(material)
    }

    /// That which was made before, or elsewhere.
    pub fn open(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What is in a file of it.
    ///
    /// # Errors
    /// There is no such file.
    pub fn read(&self, name: &str) -> anyhow::Result<String> {
        fs::read_to_string(self.path(name)).with_context(|| name.to_owned())
    }

    fn issue(
        &self,
        name: &str,
        params: CertificateParams,
        issuer: &CertifiedIssuer<'static, KeyPair>,
    ) -> anyhow::Result<String> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?.pem();
        let key = key.serialize_pem();
        self.write(&format!("{name}.pem"), &certificate)?;
        self.write(&format!("{name}.key"), &key)?;
        Ok(certificate + &key)
    }

    /// For its owner alone, as keys must be.
    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.path(name);
        fs::write(&file, text)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
        Ok(())
    }
}
