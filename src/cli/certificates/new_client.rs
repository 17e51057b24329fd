//! `certificates new-client`: a client certificate as API Gateway generates them: self-signed,
//! version 3 without any extension, of which nothing counts but that it is this very one. Only its
//! subject is better: no two have the same.

use std::time::{Duration, SystemTime};

use anyhow::bail;
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, PublicKeyData as _};
use zeroize::Zeroizing;

use crate::digest::{hex, sha256};

use super::Place;
use super::directory::{CLIENT, Directory, NEXT, OLD};

/// What to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Its subject's common name, for people: nothing must be decided by it
    #[arg(long, value_name = "NAME", default_value = "countersign", value_parser = parse_name)]
    name: String,
    /// How many days it is valid
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// The kind of its key
    #[arg(long, value_name = "KIND", default_value = "rsa-2048")]
    key_type: KeyType,
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KeyType {
    /// RSA, as API Gateway's.
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// ECDSA, whose handshakes cost the gateway less.
    #[value(name = "ecdsa-p256")]
    EcdsaP256,
}

/// The attribute `serialNumber` of a subject (X.520 §6.2.9).
const SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];
/// The clock of an upstream may be behind.
const BEFORE: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes the first certificate, or the next; says what the operator does next.
pub(super) fn make(options: &Options) -> anyhow::Result<String> {
    let directory = Directory::new(&options.place.directory);
    directory.make()?;
    if directory.has(NEXT.0) {
        bail!(
            "{}: there is a next certificate already; `countersign certificates rotate-client` makes it the current one",
            directory.path(NEXT.0).display()
        );
    }
    let is_first = !directory.has(CLIENT.0);
    let pair = if is_first { CLIENT } else { NEXT };
    let (certificate, key) = generate(options)?;
    directory.put_pair(pair, &certificate.pem(), &key)?;
    directory.remove(OLD)?;
    directory.accept()?;
    let what = if is_first { "current" } else { "next" };
    let steps = if is_first { FIRST } else { FURTHER };
    Ok(format!(
        "{} is the {what} client certificate.\nSHA-256: {}\n\n{}",
        directory.path(pair.0).display(),
        hex(&sha256(certificate.der())),
        steps.replace("DIRECTORY", &options.place.directory.display().to_string())
    ))
}

const FIRST: &str = "\
1. Have the upstream accept DIRECTORY/accepted.pem; for nginx, see deploy/nginx/verify-gateway.conf.
2. In `tls` of the [[integration]]:
   certificate = { chain = \"DIRECTORY/client.pem\", private_key = \"DIRECTORY/client.key\" }
3. Reload the gateway.";

const FURTHER: &str = "\
1. Carry DIRECTORY/accepted.pem and accepted.map to the upstream and reload it.
2. countersign certificates rotate-client --directory DIRECTORY
3. Reload the gateway.";

fn generate(options: &Options) -> anyhow::Result<(rcgen::Certificate, Zeroizing<String>)> {
    let key = KeyPair::generate_for(match options.key_type {
        KeyType::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        KeyType::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
    })?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, options.name.as_str());
    // OpenSSL looks up what it is to accept by the subject alone: of two certificates with one
    // subject, it would never accept the second.
    let number = sha256(&key.subject_public_key_info());
    let number = hex(&number[..8]).as_str().try_into()?;
    name.push(
        DnType::from_oid(&SERIAL_NUMBER),
        DnValue::PrintableString(number),
    );
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    let now = SystemTime::now();
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + DAY * options.days).into();
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Zeroizing::new(key.serialize_pem())))
}

/// X.520 lets a common name have 64 characters.
fn parse_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    match fits {
        true => Ok(text.to_owned()),
        false => Err("use 1 to 64 printable ASCII characters".to_owned()),
    }
}
