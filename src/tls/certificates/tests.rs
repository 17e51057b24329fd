use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm as Kind};
use rustls::SignatureScheme as Scheme;
use tempfile::TempDir;

use super::*;
use crate::config::StapleFrom;

const EC: &Kind = &rcgen::PKCS_ECDSA_P256_SHA256;
const ED: &Kind = &rcgen::PKCS_ED25519;
const RSA: &Kind = &rcgen::PKCS_RSA_SHA256;

/// What an old client understands, and a new one.
const OLD: [Scheme; 1] = [Scheme::RSA_PKCS1_SHA256];
const NEW: [Scheme; 3] = [
    Scheme::RSA_PSS_SHA256,
    Scheme::ECDSA_NISTP256_SHA256,
    Scheme::RSA_PKCS1_SHA256,
];

/// Opens certificates of these kinds for these names, called by their places.
fn open(all: &[(&'static Kind, &[&str])]) -> (TempDir, Certificates) {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(at, (kind, names))| write(&directory, at, kind, names))
        .collect();
    let opened = Certificates::open(Path::new("gateway.toml"), &files, None).unwrap();
    (directory, opened)
}

fn write(directory: &TempDir, at: usize, kind: &'static Kind, names: &[&str]) -> CertificateFiles {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate_for(kind).unwrap();
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let path = |end: &str| directory.path().join(format!("{at}{end}"));
    fs::write(path(""), certificate.pem()).unwrap();
    fs::write(path(".key"), key.serialize_pem()).unwrap();
    fs::set_permissions(path(".key"), Permissions::from_mode(0o600)).unwrap();
    CertificateFiles {
        chain: path(""),
        private_key: path(".key"),
        staple: StapleFrom::Nowhere,
        line: 1,
        may_be_missing: false,
    }
}

fn chosen(certificates: &Certificates, name: Option<&str>, schemes: &[Scheme]) -> String {
    let chosen = certificates.choose(name, schemes);
    let file = chosen.served.chain.file_name().unwrap();
    file.to_string_lossy().into_owned()
}

#[test]
fn of_two_for_a_name_the_one_is_shown_whose_signature_is_understood() {
    let names = &["a.example"][..];
    for order in [[(RSA, names), (EC, names)], [(EC, names), (RSA, names)]] {
        let (_directory, all) = open(&order);
        let rsa = order.iter().position(|(kind, _)| *kind == RSA).unwrap();
        let other = 1 - rsa;
        // For a name that nobody has, and for none, as well.
        for name in [
            Some("a.example"),
            Some("A.example."),
            Some("b.example"),
            None,
        ] {
            assert_eq!(chosen(&all, name, &OLD), rsa.to_string());
            assert_eq!(chosen(&all, name, &NEW), other.to_string());
        }
    }
}

#[test]
fn of_two_of_one_kind_the_first_is_shown() {
    let names = &["a.example"][..];
    let (_directory, all) = open(&[(EC, names), (EC, names), (ED, names)]);
    assert_eq!(chosen(&all, Some("a.example"), &NEW), "0");
    assert_eq!(chosen(&all, Some("a.example"), &[Scheme::ED25519]), "2");
}

#[test]
fn an_exact_name_goes_before_a_wildcard_whatever_the_order() {
    let (exact, wild) = (&["a.example"][..], &["*.example"][..]);
    for (order, at_exact, at_wild) in [
        ([(EC, exact), (EC, wild)], "0", "1"),
        ([(EC, wild), (EC, exact)], "1", "0"),
        // Not even for a key that would be liked better.
        ([(EC, wild), (RSA, exact)], "1", "0"),
    ] {
        let (_directory, all) = open(&order);
        assert_eq!(chosen(&all, Some("a.example"), &NEW), at_exact);
        assert_eq!(chosen(&all, Some("b.example"), &NEW), at_wild);
        assert_eq!(chosen(&all, Some("c.b.example"), &NEW), "0");
        assert_eq!(chosen(&all, Some("example"), &NEW), "0");
    }
}

#[test]
fn a_wildcard_helps_whom_the_exact_name_cannot() {
    let (_directory, all) = open(&[(EC, &["a.example"]), (RSA, &["*.example"])]);
    assert_eq!(chosen(&all, Some("a.example"), &OLD), "1");
    assert_eq!(chosen(&all, Some("a.example"), &NEW), "0");
}

#[test]
fn whom_nothing_fits_is_shown_the_certificate_of_the_name() {
    let (_directory, all) = open(&[(RSA, &["first.example"]), (EC, &["a.example"])]);
    assert_eq!(chosen(&all, Some("a.example"), &OLD), "1");
    assert_eq!(chosen(&all, Some("other.example"), &[Scheme::ED25519]), "0");
}

/// They may be of anybody: one that stands in for what is still to be had has none either.
#[test]
fn two_certificates_without_names_are_not_for_the_same() {
    let (_directory, all) = open(&[(RSA, &[]), (EC, &[])]);
    assert_eq!(chosen(&all, None, &NEW), "0");
    assert_eq!(chosen(&all, Some("a.example"), &NEW), "0");
}

/// Only those for the same names stand in for the first.
#[test]
fn a_certificate_of_another_name_does_not_answer_for_the_first() {
    let (_directory, all) = open(&[(RSA, &["first.example"]), (EC, &["a.example"])]);
    assert_eq!(chosen(&all, None, &NEW), "0");
}
