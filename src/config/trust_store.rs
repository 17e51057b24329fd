//! `[[trust_store]]`: whose word is taken for callers' certificates, and what is asked of them.
//! In: a section. Out: stores that listeners pick by name. No file is opened here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::declared::Declared;
use crate::config::hash::read_hash;
use crate::config::revocation::{self, Revocation};
use crate::document::{Document, Placed, Table};
use crate::names::TrustStoreName;
use crate::spiffe;

/// A trust store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustStore {
    /// Its name; the listener's for one that is written into a listener.
    pub name: TrustStoreName,
    /// Whether it has that name by itself, so that certificate rules may ask for it.
    pub is_named: bool,
    /// PEM bundles of certificate authorities.
    pub authorities: Vec<PathBuf>,
    /// Certificates that are taken as they are, whoever issued them; with no authorities, at
    /// least one.
    pub pins: Vec<Pin>,
    /// Whether callers are told the authorities' names; `None` tells them unless there are pins,
    /// whose holders might then show nothing.
    pub advertise_ca_names: Option<bool>,
    /// The most certificates in a chain that is shown, the caller's own among them.
    pub max_chain_certificates: usize,
    /// The smallest RSA key of a chain, in bits.
    pub min_rsa_bits: usize,
    /// Whether KeyUsage is looked at (RFC 5280 §4.2.1.3).
    pub check_key_usage: bool,
    /// Whether an authority that has expired vouches for nobody.
    pub check_authority_expiry: bool,
    /// Whether a caller's certificate must say that it is for client authentication; if not, one
    /// that says nothing of its purpose is taken as well.
    pub require_client_auth_purpose: bool,
    /// The SPIFFE trust domains for which the authorities speak.
    pub spiffe_trust_domains: Vec<String>,
    /// How it is found out that a certificate is revoked; `None` when nobody asks.
    pub revocation: Option<Revocation>,
    /// The line of the configuration that names the authorities or pins.
    pub line: usize,
}

/// One certificate or key that is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// SHA-256 of the certificate (DER).
    Fingerprint([u8; 32]),
    /// SHA-256 of the public key (DER of SubjectPublicKeyInfo).
    PublicKey([u8; 32]),
    /// The certificates in this PEM file.
    Certificate {
        /// The file.
        file: PathBuf,
        /// The line of the configuration that names it.
        line: usize,
    },
}

impl TrustStore {
    /// A store of `authorities` with the defaults of everything else.
    pub fn of_authorities(name: &str, authorities: Vec<PathBuf>, line: usize) -> Self {
        Self {
            name: TrustStoreName::new(name),
            is_named: false,
            authorities,
            pins: Vec::new(),
            advertise_ca_names: None,
            max_chain_certificates: DEFAULT_CHAIN,
            min_rsa_bits: DEFAULT_RSA_BITS,
            check_key_usage: true,
            check_authority_expiry: true,
            require_client_auth_purpose: false,
            spiffe_trust_domains: Vec::new(),
            revocation: None,
            line,
        }
    }
}

/// As many as API Gateway and ALB take.
const DEFAULT_CHAIN: usize = 4;
const DEFAULT_RSA_BITS: usize = 2048;
/// webpki builds no longer ones.
const MAX_CHAIN: usize = 7;

/// The trust stores that have names.
pub(super) struct TrustStores {
    names: Declared,
    stores: Vec<Arc<TrustStore>>,
}

impl TrustStores {
    /// Their names.
    pub(super) fn names(&self) -> &Declared {
        &self.names
    }

    /// The store that `used` names, for `user`; a problem is noted when there is none.
    pub(super) fn find(
        &self,
        document: &Document<'_>,
        user: &str,
        used: &Placed<String>,
    ) -> Option<Arc<TrustStore>> {
        self.names.check(document, user, used);
        let mut stores = self.stores.iter();
        stores
            .find(|store| store.name.as_str() == used.value)
            .cloned()
    }
}

/// Reads every `[[trust_store]]`; `base` is what relative paths are relative to.
pub(super) fn read(root: &mut Table<'_>, base: &Path) -> TrustStores {
    let mut names = Declared::new("trust store");
    let mut stores = Vec::new();
    for mut table in root.tables("trust_store") {
        let name = names.name_of(&mut table).unwrap_or_default();
        stores.push(Arc::new(read_store(&mut table, &name, base)));
        table.finish();
    }
    TrustStores { names, stores }
}

fn read_store(table: &mut Table<'_>, name: &str, base: &Path) -> TrustStore {
    let line = match table.has("authorities") {
        true => table.line_of("authorities"),
        false => table.line_of("pins"),
    };
    let nobody = !table.has("authorities") && !table.has("pins");
    let authorities = table.texts("authorities").unwrap_or_default();
    let pins = read_pins(table, base);
    if nobody {
        let text = format!(
            "{} trusts nobody; name authorities = [\"tls/clients-ca.pem\"], or pins = [{{ certificate = \"tls/client.pem\" }}]",
            table.label()
        );
        table.document().note(line, text);
    }
    let defaults = TrustStore::of_authorities(name, Vec::new(), line);
    TrustStore {
        is_named: true,
        authorities: authorities
            .into_iter()
            .map(|path| base.join(path.value))
            .collect(),
        pins,
        advertise_ca_names: table.boolean("advertise_ca_names"),
        max_chain_certificates: table
            .integer("max_chain_certificates", 1..=MAX_CHAIN)
            .unwrap_or(DEFAULT_CHAIN),
        min_rsa_bits: table
            .integer("min_rsa_bits", 2048..=8192)
            .unwrap_or(DEFAULT_RSA_BITS),
        check_key_usage: table.boolean("check_key_usage").unwrap_or(true),
        check_authority_expiry: table.boolean("check_authority_expiry").unwrap_or(true),
        require_client_auth_purpose: table
            .boolean("require_client_auth_purpose")
            .unwrap_or(false),
        spiffe_trust_domains: read_trust_domains(table),
        revocation: revocation::read(table, base),
        ..defaults
    }
}

fn read_pins(table: &mut Table<'_>, base: &Path) -> Vec<Pin> {
    let document = table.document();
    let mut pins = Vec::new();
    for mut table in table.table_or_tables("pins") {
        let line = table.line();
        let given = ["certificate", "fingerprint", "public_key"];
        if given.iter().filter(|key| table.has(key)).count() != 1 {
            let text = "a pin is one of certificate = \"tls/client.pem\", fingerprint = \"…\" and public_key = \"…\"";
            document.note(line, text);
        }
        let file = table.text("certificate").map(|file| Pin::Certificate {
            file: base.join(file.value),
            line: file.line,
        });
        let fingerprint = read_hash(&mut table, "fingerprint").map(Pin::Fingerprint);
        let public_key = read_hash(&mut table, "public_key").map(Pin::PublicKey);
        table.finish();
        pins.extend(file.or(fingerprint).or(public_key));
    }
    pins
}

fn read_trust_domains(table: &mut Table<'_>) -> Vec<String> {
    let document = table.document();
    let domains = table.texts("spiffe_trust_domains").unwrap_or_default();
    for domain in &domains {
        if let Err(why) = spiffe::check_trust_domain(&domain.value) {
            let text = format!(
                "SPIFFE trust domain \"{}\" is none: {why}; write for example \"example.org\"",
                domain.value
            );
            document.note(domain.line, text);
        }
    }
    domains.into_iter().map(|domain| domain.value).collect()
}
