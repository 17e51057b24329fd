//! Certificates and lists of revoked ones, in a directory that goes with the bench.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, PKCS_RSA_SHA256, RevokedCertParams,
    RsaKeySize, SanType, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

/// The name of the server, and who calls.
pub const HOST: &str = "localhost";
pub const URI: &str = "spiffe://bench/billing";

/// `ca.pem`, `server.pem`, `server.key`, both in `server.both`, and per kind of key `KIND.pem` and
/// `KIND.key`.
pub struct Material {
    directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Material {
    pub fn make() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "bench");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let directory = tempfile::tempdir().expect("a directory");
        let material = Self { directory, issuer };
        material.write("ca.pem", material.issuer.pem());
        let server = CertificateParams::new(vec![HOST.to_owned()]).expect("a name");
        let pair = material.issue("server", server, &KeyPair::generate().expect("a key"));
        material.write("server.both", pair);
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
        for (kind, key) in [("P-256", KeyPair::generate()), ("RSA-2048", rsa)] {
            let mut params = CertificateParams::default();
            params
                .distinguished_name
                .push(DnType::CommonName, "billing");
            params.subject_alt_names = vec![SanType::URI(URI.try_into().expect("ASCII"))];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            material.issue(kind, params, &key.expect("a key"));
        }
        material
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path(name);
        fs::write(&file, text).expect("a file");
        file
    }

    fn issue(&self, name: &str, params: CertificateParams, key: &KeyPair) -> String {
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        let (pem, key) = (certificate.pem(), key.serialize_pem());
        self.write(&format!("{name}.pem"), &pem);
        let file = self.write(&format!("{name}.key"), &key);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(file, mode).expect("a mode");
        pem + &key
    }

    /// A list in DER that revokes so many certificates, none of them a caller's.
    pub fn list(&self, name: &str, entries: u64, number: u64) -> PathBuf {
        let revoked = |index: u64| RevokedCertParams {
            // As long as what authorities choose at random.
            serial_number: SerialNumber::from([&[0x11; 8][..], &index.to_be_bytes()].concat()),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: (0..entries).map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a list");
        self.write(name, list.der())
    }
}
