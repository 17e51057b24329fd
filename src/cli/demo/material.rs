//! What the demo needs on disk: a certificate authority, certificates, a credential, a
//! configuration, and the four files that the 2017 measurement of API Gateway fetched.
//! Only what is missing is made.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use crate::credential::CredentialStore;

/// The region of the demo's policy.
pub(super) const REGION: &str = "us-west-2";
/// The service of the demo's policy: API Gateway's.
pub(super) const SERVICE: &str = "execute-api";

/// What was made, as far as the guide tells of it.
pub(super) struct Made {
    pub(super) files: PathBuf,
    pub(super) id: String,
    pub(super) secret: String,
}

/// Makes what is missing in `directory`. The configuration is written each time: it holds
/// the addresses of this run.
pub(super) fn make(
    directory: &Path,
    listen: SocketAddr,
    admin: SocketAddr,
    target: &str,
) -> anyhow::Result<Made> {
    let tls = directory.join("tls");
    fs::create_dir_all(&tls)?;
    if !tls.join("ca.pem").exists() {
        make_certificates(&tls, listen)?;
    }
    let files = directory.join("files");
    if !files.join("index.html").exists() {
        make_files(&files)?;
    }
    let store = directory.join("credentials.toml");
    if !store.exists() {
        let text = format!(
            "[[credential]]\nid = \"CSDEMO{}\"\nsecret = \"{}\"\n",
            random(12)?,
            random(40)?
        );
        write_secret(&store, text.as_bytes())?;
    }
    let opened = CredentialStore::load(&store)?;
    let credential = opened
        .iter()
        .next()
        .context("the credential store is empty")?;
    let id = credential.id.to_string();
    let secret = credential.secret_access_key();
    let secret = secret.context("the credential is none for SigV4")?;
    fs::write(
        directory.join("gateway.toml"),
        configuration(listen, admin, target, &id),
    )?;
    Ok(Made {
        files,
        id,
        secret: secret.expose().to_owned(),
    })
}

fn configuration(listen: SocketAddr, admin: SocketAddr, target: &str, id: &str) -> String {
    format!(
        r#"# Written by `countersign demo` at each start.
[gateway]
credential_store = "credentials.toml"
drain_grace_secs = 0
access_log = "access.log"

[admin]
address = "{admin}"

[[listener]]
name = "public"
address = "{listen}"
certificate = [{{ chain = "tls/server.pem", private_key = "tls/server.key" }}]
client_certificate = {{ mode = "optional", trust = ["tls/ca.pem"] }}

[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://demo.countersign/billing" }}
credentials = ["{id}"]

[[policy]]
name = "partner"
all_of = ["certificate", "signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}" }}

[[route]]
path = "/"
method = "GET"
policy = "open"
integration = "origin"

[[route]]
path = "/random_text_files.zip"
method = "GET"
policy = "open"
integration = "origin"

[[route]]
path = "/child/{{proxy+}}"
method = "ANY"
policy = "partner"
integration = "origin"

[[integration]]
name = "origin"
type = "http_proxy"
targets = ["{target}"]
"#
    )
}

fn make_certificates(tls: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Countersign demo authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    write_secret(&tls.join("ca.key"), key.serialize_pem().as_bytes())?;
    let issuer = Issuer::new(params, key);

    let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
    server.distinguished_name = named("localhost");
    server
        .subject_alt_names
        .push(SanType::IpAddress(listen.ip()));
    issue(
        tls,
        "server",
        server,
        ExtendedKeyUsagePurpose::ServerAuth,
        &issuer,
    )?;

    let mut client = CertificateParams::default();
    client.distinguished_name = named("billing");
    let name = "spiffe://demo.countersign/billing".try_into()?;
    client.subject_alt_names.push(SanType::URI(name));
    issue(
        tls,
        "client",
        client,
        ExtendedKeyUsagePurpose::ClientAuth,
        &issuer,
    )?;

    // Last, for it says that the others are there.
    fs::write(tls.join("ca.pem"), authority.pem())?;
    Ok(())
}

fn issue(
    tls: &Path,
    name: &str,
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> anyhow::Result<()> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    fs::write(tls.join(format!("{name}.pem")), certificate.pem())?;
    write_secret(
        &tls.join(format!("{name}.key")),
        key.serialize_pem().as_bytes(),
    )?;
    Ok(())
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// The four files of the measurement: an index, 1 KiB, 2 KiB, and an archive of texts.
fn make_files(files: &Path) -> anyhow::Result<()> {
    let grandchild = files.join("child/grandchild");
    fs::create_dir_all(&grandchild)?;
    fs::write(files.join("child/random.txt"), random(1024)?)?;
    fs::write(grandchild.join("random.txt"), random(2048)?)?;
    let archive = fs::File::create(files.join("random_text_files.zip"))?;
    let mut archive = zip::ZipWriter::new(archive);
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 1..=4 {
        archive.start_file(format!("random_{number}.txt"), stored)?;
        archive.write_all(random(4096)?.as_bytes())?;
    }
    archive.finish()?;
    let index = "<!doctype html>\n<title>Private</title>\n<h1>This is the private server.</h1>\n";
    fs::write(files.join("index.html"), index)?;
    Ok(())
}

/// Random letters and digits.
fn random(length: usize) -> anyhow::Result<String> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes)
        .ok()
        .context("no randomness")?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte & 31)]))
        .collect())
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text)
}
