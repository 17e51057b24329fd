//! `[[consumer]]`: a known caller, by certificate, by credential, or by both.

use std::net::IpAddr;

use crate::names::{ConsumerName, CredentialId};

/// One consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: ConsumerName,
    /// The certificates by which it is known: any of these.
    pub certificates: Vec<CertificateMatch>,
    /// The credentials by which it is known; none is shared between consumers.
    pub credentials: Vec<CredentialId>,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// What a certificate must have to be a consumer's: everything that is given here.
/// At least one thing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateMatch {
    /// A URI among the subject's alternative names, compared exactly.
    pub san_uri: Option<String>,
    /// A DNS name among them, lower case.
    pub san_dns: Option<String>,
    /// An e-mail address among them, compared exactly.
    pub san_email: Option<String>,
    /// An IP address among them.
    pub san_ip: Option<IpAddr>,
    /// The subject as RFC 4514 writes it, compared exactly.
    pub subject: Option<String>,
    /// SHA-256 of the certificate (DER).
    pub fingerprint: Option<[u8; 32]>,
    /// SHA-256 of the public key (DER of SubjectPublicKeyInfo).
    pub public_key: Option<[u8; 32]>,
}
