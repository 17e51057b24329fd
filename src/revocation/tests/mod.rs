//! Lists that no authority would publish, certificates that few would, and what comes of them.

mod crls;
mod sets;

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CrlDistributionPoint, DnType, IsCa,
    KeyPair, KeyUsagePurpose, SerialNumber, SigningKey as _,
};

use crate::clock::UtcTime;

use super::{Certificate, Crl, CrlError};

/// 2026-01-02T00:00:00Z, in the middle of a list's day.
fn now() -> UtcTime {
    UtcTime::parse_amz(b"20260102T000000Z").unwrap()
}

/// A DER value around `parts`.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let digits = content.len().to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[zeros..];
    let mut value = match digits {
        [] => vec![tag, 0],
        [one @ 0..=0x7f] => vec![tag, *one],
        more => [&[tag, 0x80 | more.len() as u8][..], more].concat(),
    };
    value.extend(content);
    value
}

fn utc(digits: &str) -> Vec<u8> {
    tlv(0x17, &[digits.as_bytes()])
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&tlv(6, &[id]), flag, &tlv(4, &[value])])
}

const ECDSA_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];

/// A list in parts, to be spoilt one by one. It is of the first two days of 2026.
#[derive(Clone)]
struct Draft {
    version: Vec<u8>,
    inner_algorithm: Vec<u8>,
    this_update: Vec<u8>,
    next_update: Vec<u8>,
    entries: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    behind: Vec<u8>,
}

impl Draft {
    fn new() -> Self {
        Self {
            version: tlv(2, &[&[1]]),
            inner_algorithm: ECDSA_SHA256.to_vec(),
            this_update: utc("260101000000Z"),
            next_update: utc("260103000000Z"),
            entries: Vec::new(),
            extensions: vec![Self::number(1)],
            behind: Vec::new(),
        }
    }

    fn number(number: u8) -> Vec<u8> {
        extension(&[0x55, 0x1d, 20], false, &tlv(2, &[&[number]]))
    }

    fn numbered(mut self, number: u8) -> Self {
        self.extensions[0] = Self::number(number);
        self
    }

    fn with(mut self, id: &[u8], critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(id, critical, value));
        self
    }

    /// With an IssuingDistributionPoint of these fields.
    fn scoped(self, fields: &[&[u8]]) -> Self {
        self.with(&[0x55, 0x1d, 28], true, &tlv(0x30, fields))
    }

    fn at(self, url: &str) -> Self {
        let name = tlv(0x86, &[url.as_bytes()]);
        self.scoped(&[&tlv(0xa0, &[&tlv(0xa0, &[&name])])])
    }

    fn revoking(mut self, serial: &[u8]) -> Self {
        self.entries = entry(serial, &[]);
        self
    }

    fn dated(mut self, this: &str, next: &str) -> Self {
        (self.this_update, self.next_update) = (utc(this), utc(next));
        self
    }

    fn sign(&self, authority: &Authority) -> Vec<u8> {
        let issuer = Certificate::read(authority.issuer.der()).unwrap();
        let entries = match self.entries.is_empty() {
            true => Vec::new(),
            false => tlv(0x30, &[&self.entries]),
        };
        let extensions = match self.extensions.is_empty() {
            true => Vec::new(),
            false => tlv(0xa0, &[&tlv(0x30, &[&self.extensions.concat()])]),
        };
        let tbs = tlv(
            0x30,
            &[
                &self.version,
                &self.inner_algorithm,
                issuer.subject(),
                &self.this_update,
                &self.next_update,
                &entries,
                &extensions,
            ],
        );
        let signature = authority.issuer.key().sign(&tbs).unwrap();
        let signature = tlv(3, &[&[0], &signature]);
        let mut list = tlv(0x30, &[&tbs, ECDSA_SHA256, &signature]);
        list.extend(&self.behind);
        list
    }

    fn parse(&self, authority: &Authority) -> Result<Crl, CrlError> {
        Crl::parse(&self.sign(authority)).map(|mut all| all.remove(0))
    }

    fn list(&self, authority: &Authority) -> Arc<Crl> {
        Arc::new(self.parse(authority).unwrap())
    }
}

fn entry(serial: &[u8], extensions: &[&[u8]]) -> Vec<u8> {
    let extensions = match extensions {
        [] => Vec::new(),
        some => tlv(0x30, some),
    };
    tlv(
        0x30,
        &[&tlv(2, &[serial]), &utc("260101000000Z"), &extensions],
    )
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(usages: &[KeyUsagePurpose]) -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages.to_vec();
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer }
    }

    fn usual() -> Self {
        Self::new(&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign])
    }

    fn der(&self) -> &[u8] {
        self.issuer.der()
    }

    fn certificate(&self) -> Certificate<'_> {
        Certificate::read(self.der()).unwrap()
    }

    /// A certificate with this serial number; its CRLs are at `points`.
    fn issue(&self, serial: &[u8], is_ca: bool, points: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "caller");
        params.serial_number = Some(SerialNumber::from_slice(serial));
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let uris = |url: &&str| CrlDistributionPoint {
            uris: vec![(*url).to_owned()],
        };
        params.crl_distribution_points = points.iter().map(uris).collect();
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().to_vec()
    }
}
