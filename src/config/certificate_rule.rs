//! `[[certificate_rule]]`, and the same written in a policy or for a consumer: what a certificate
//! must be. In: TOML. Out: a `CertificateRule` in which every name has been replaced by what it
//! stands for, or problems with what is unknown, empty, circular or too deep.
//! Judges no certificate: see `authorize`.

mod condition;
mod resolve;
mod words;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use resolve::CertificateRules;

/// What a certificate must be: every one of these conditions, of which there is at least one.
///
/// Two rules are equal when they ask for the same, whatever they are called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateRule {
    conditions: Vec<CertificateCondition>,
    /// 1 for a rule that holds no other rule.
    height: usize,
}

impl CertificateRule {
    /// The conditions, in the order in which they are judged.
    pub fn conditions(&self) -> &[CertificateCondition] {
        &self.conditions
    }

    /// How much there is to judge: conditions, those of inner rules among them.
    fn size(&self) -> usize {
        self.conditions
            .iter()
            .map(|condition| {
                1 + condition
                    .inner()
                    .iter()
                    .map(|one| one.size())
                    .sum::<usize>()
            })
            .sum()
    }
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CertificateCondition {
    /// The trust store that believes it, by name.
    TrustStore(String),
    /// The subject as RFC 4514 writes it.
    Subject(String),
    /// The issuer as RFC 4514 writes it.
    Issuer(String),
    /// The serial number: lower-case hexadecimal digits without zeros in front. Never alone.
    Serial(String),
    /// A URI among the subject's alternative names, compared exactly.
    SanUri(String),
    /// A DNS name among them, lower case.
    SanDns(String),
    /// `.partner.example`: a DNS name among them has labels in front of this, lower case.
    SanDnsSuffix(String),
    /// An e-mail address among them, compared exactly.
    SanEmail(String),
    /// The domain of an e-mail address among them, lower case.
    SanEmailDomain(String),
    /// An IP address among them.
    SanIp(IpAddr),
    /// The trust domain of its SPIFFE ID, for which the trust store must speak.
    SpiffeTrustDomain(String),
    /// The path of that ID.
    SpiffePath(SpiffePath),
    /// SHA-256 of the certificate (DER).
    Fingerprint([u8; 32]),
    /// SHA-256 of the public key (DER of SubjectPublicKeyInfo).
    PublicKey([u8; 32]),
    /// The least bits of an RSA modulus; says nothing of other keys.
    MinRsaBits(u32),
    /// The least bits of an elliptic curve's field; says nothing of other keys.
    MinEcBits(u32),
    /// Purposes that are all named (RFC 5280 §4.2.1.12), as dotted OIDs.
    ExtendedKeyUsage(Vec<String>),
    /// Certificate policies that are all named (RFC 5280 §4.2.1.4), as dotted OIDs.
    Policies(Vec<String>),
    /// The longest time since its validity began.
    MaxAge(Duration),
    /// The longest validity.
    MaxLifetime(Duration),
    /// Every one of these rules.
    AllOf(Vec<Arc<CertificateRule>>),
    /// At least one of these rules.
    AnyOf(Vec<Arc<CertificateRule>>),
    /// Anything but this.
    Not(Arc<CertificateRule>),
}

/// The paths of SPIFFE IDs that a rule takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SpiffePath {
    /// This one.
    Exact(String),
    /// Every one below this, which ends with a slash.
    Below(String),
}

impl CertificateCondition {
    /// Its key in the configuration, which refusals name.
    pub fn key(&self) -> &'static str {
        match self {
            Self::TrustStore(_) => "trust_store",
            Self::Subject(_) => "subject",
            Self::Issuer(_) => "issuer",
            Self::Serial(_) => "serial",
            Self::SanUri(_) => "san_uri",
            Self::SanDns(_) => "san_dns",
            Self::SanDnsSuffix(_) => "san_dns_suffix",
            Self::SanEmail(_) => "san_email",
            Self::SanEmailDomain(_) => "san_email_domain",
            Self::SanIp(_) => "san_ip",
            Self::SpiffeTrustDomain(_) => "spiffe_trust_domain",
            Self::SpiffePath(_) => "spiffe_path",
            Self::Fingerprint(_) => "fingerprint",
            Self::PublicKey(_) => "public_key",
            Self::MinRsaBits(_) => "min_rsa_bits",
            Self::MinEcBits(_) => "min_ec_bits",
            Self::ExtendedKeyUsage(_) => "extended_key_usage",
            Self::Policies(_) => "policies",
            Self::MaxAge(_) => "max_age_secs",
            Self::MaxLifetime(_) => "max_lifetime_secs",
            Self::AllOf(_) => "all_of",
            Self::AnyOf(_) => "any_of",
            Self::Not(_) => "not",
        }
    }

    /// The rules that it holds.
    fn inner(&self) -> &[Arc<CertificateRule>] {
        match self {
            Self::AllOf(rules) | Self::AnyOf(rules) => rules,
            Self::Not(rule) => std::slice::from_ref(rule),
            _ => &[],
        }
    }
}
