//! Who certificates say they are: those that rcgen makes, and those that OpenSSL makes and prints.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

use super::*;

fn certificate(params: CertificateParams) -> Vec<u8> {
    let key = KeyPair::generate().expect("a key");
    params
        .self_signed(&key)
        .expect("a certificate")
        .der()
        .to_vec()
}

fn ia5(text: &str) -> rcgen::string::Ia5String {
    text.try_into().expect("ASCII")
}

#[test]
fn every_kind_of_name_is_kept_apart() {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![
        SanType::DnsName(ia5("A.Example")),
        SanType::URI(ia5("spiffe://example.org/billing")),
        SanType::Rfc822Name(ia5("a@example.org")),
        SanType::IpAddress("192.0.2.1".parse().expect("an address")),
    ];
    let identity = Identity::parse(&certificate(params)).expect("an identity");
    assert_eq!(identity.names().dns, ["a.example"]);
    assert_eq!(identity.names().uri, ["spiffe://example.org/billing"]);
    assert_eq!(identity.names().email, ["a@example.org"]);
    assert_eq!(
        identity.names().ip,
        ["192.0.2.1".parse::<IpAddr>().expect("an address")]
    );
    assert!(identity.is_valid_at(UtcTime::now()));
}

#[test]
fn the_subject_is_written_as_rfc_4514_says() {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "CH");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Example, Inc. ");
    params
        .distinguished_name
        .push(DnType::CommonName, "#1=\"a+b\"");
    let identity = Identity::parse(&certificate(params)).expect("an identity");
    assert_eq!(
        identity.subject(),
        "CN=\\#1=\\\"a\\+b\\\",O=Example\\, Inc.\\ ,C=CH"
    );
}

#[test]
fn a_name_with_a_nul_in_it_is_no_identity() {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName(ia5("good.example\0.evil.example"))];
    assert_eq!(
        Identity::parse(&certificate(params)),
        Err(IdentityError::AmbiguousName)
    );
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "good\0evil");
    assert_eq!(
        Identity::parse(&certificate(params)),
        Err(IdentityError::AmbiguousName)
    );
}

#[test]
fn what_is_no_certificate_is_no_identity() {
    let mut der = certificate(CertificateParams::default());
    der.push(0);
    assert_eq!(Identity::parse(&der), Err(IdentityError::Unreadable));
    assert_eq!(
        Identity::parse(b"\x30\x03abc"),
        Err(IdentityError::Unreadable)
    );
    assert_eq!(Identity::parse(b""), Err(IdentityError::Unreadable));
}

#[test]
fn a_request_belongs_to_the_name_of_its_handshake() {
    let is_for = |host: &str, sni: Option<&str>| {
        let caller = Caller {
            certificate: Shown::Nothing,
            sni,
            secure: true,
            address: None,
        };
        caller.is_for(host)
    };
    for (host, sni) in [
        ("a.example", Some("a.example")),
        ("A.Example.", Some("a.example")),
        ("127.0.0.1", None),
        ("[::1]", None),
    ] {
        assert!(is_for(host, sni), "{host} {sni:?}");
    }
    for (host, sni) in [
        ("b.example", Some("a.example")),
        ("a.example.evil", Some("a.example")),
        ("x.a.example", Some("a.example")),
        ("127.0.0.1", Some("a.example")),
        ("a.example", None),
        ("localhost", None),
    ] {
        assert!(!is_for(host, sni), "{host} {sni:?}");
    }
}

#[test]
fn a_key_tells_how_strong_it_is() {
    let strength = |key: &KeyPair| {
        let certificate = CertificateParams::default().self_signed(key).unwrap();
        Identity::parse(certificate.der()).unwrap().key()
    };
    let of = |algorithm| strength(&KeyPair::generate_for(algorithm).unwrap());
    assert_eq!(of(&rcgen::PKCS_ECDSA_P256_SHA256), KeyStrength::Ec(256));
    assert_eq!(of(&rcgen::PKCS_ECDSA_P384_SHA384), KeyStrength::Ec(384));
    assert_eq!(of(&rcgen::PKCS_ECDSA_P521_SHA512), KeyStrength::Ec(521));
    assert_eq!(of(&rcgen::PKCS_ED25519), KeyStrength::Ec(256));
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    assert_eq!(strength(&rsa.unwrap()), KeyStrength::Rsa(2048));
}

#[test]
fn purposes_are_told_as_they_are_named() {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 99999, 7]),
    ];
    let identity = Identity::parse(&certificate(params)).unwrap();
    assert_eq!(
        identity.extended_key_usages(),
        ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.99999.7"]
    );
    let bare = Identity::parse(&certificate(CertificateParams::default())).unwrap();
    assert!(bare.extended_key_usages().is_empty() && bare.policies().is_empty());
}

fn svid() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(ia5("spiffe://example.org/billing"))];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// The SPIFFE ID of a certificate that is an SVID but for one change.
fn spiffe_of(change: impl FnOnce(&mut CertificateParams)) -> Option<String> {
    let mut params = svid();
    change(&mut params);
    let identity = Identity::parse(&certificate(params)).unwrap();
    identity.spiffe().map(|id| id.as_str().to_owned())
}

#[test]
fn a_valid_svid_has_a_spiffe_id() {
    let id = Some("spiffe://example.org/billing".to_owned());
    assert_eq!(spiffe_of(|_| {}), id);
    assert_eq!(spiffe_of(|p| p.extended_key_usages.clear()), id);
    assert_eq!(spiffe_of(|p| p.is_ca = IsCa::ExplicitNoCa), id);
    let dns = SanType::DnsName(ia5("billing.example"));
    assert_eq!(spiffe_of(|p| p.subject_alt_names.push(dns)), id);
}

#[test]
fn what_an_svid_must_not_be_takes_its_id_away() {
    let uri = |text: &str| SanType::URI(ia5(text));
    let more = uri("spiffe://example.org/other");
    assert_eq!(spiffe_of(|p| p.subject_alt_names.push(more)), None);
    let other = uri("https://example.org/");
    assert_eq!(spiffe_of(|p| p.subject_alt_names.push(other)), None);
    let bad = uri("spiffe://example.org/a/../b");
    assert_eq!(spiffe_of(|p| p.subject_alt_names = vec![bad]), None);
    let root = uri("spiffe://example.org");
    assert_eq!(spiffe_of(|p| p.subject_alt_names = vec![root]), None);
    assert_eq!(spiffe_of(|p| p.subject_alt_names.clear()), None);
    assert_eq!(spiffe_of(|p| p.key_usages.clear()), None);
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        assert_eq!(spiffe_of(|p| p.key_usages.push(usage)), None);
    }
    let agreement = vec![KeyUsagePurpose::KeyAgreement];
    assert_eq!(spiffe_of(|p| p.key_usages = agreement), None);
    let servers = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(spiffe_of(|p| p.extended_key_usages = servers), None);
    let authority = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(spiffe_of(|p| p.is_ca = authority), None);
}

#[test]
fn a_spiffe_id_counts_only_where_the_trust_store_speaks_for_its_domain() {
    let identity = Identity::parse(&certificate(svid())).unwrap();
    let vouched = |domains: &[String]| {
        let vouched = Vouched {
            identity: &identity,
            trust_store: Some("clients"),
            spiffe_trust_domains: domains,
        };
        vouched.spiffe().is_some()
    };
    assert!(vouched(&["a.example".to_owned(), "example.org".to_owned()]));
    assert!(!vouched(&[]));
    assert!(!vouched(&[
        "a.example".to_owned(),
        "xexample.org".to_owned()
    ]));
}

/// OpenSSL makes a certificate and prints its names; what is told here is the same, byte for
/// byte.
#[test]
fn names_in_rfc_2253_are_those_that_openssl_prints() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("one.pem");
    for subject in [
        "/CN=billing/O=Example/C=CH",
        "/CN= edge, \"a\"+b;<c>\\\\d=e /O=#1",
        "/CN=Zoë/O=Köln 株式会社/C=DE",
        "/CN=a+UID=b+OU=c/O=d",
        "/GN=Ada/SN=L/title=Dr/street=S 1/serialNumber=7/DC=x/emailAddress=a@b.example",
        "/organizationIdentifier=X/postalCode=8000/jurisdictionC=CH/description=d/pseudonym=p",
        "/1.3.6.1.4.1.99999.1=unknown/CN=tab\tbed",
    ] {
        let openssl = |arguments: &[&str]| {
            let mut command = std::process::Command::new("openssl");
            let output = command.args(arguments).output().expect("openssl starts");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let path = file.to_str().unwrap();
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-out",
            path,
            "-utf8",
            "-multivalue-rdn",
            "-subj",
            subject,
        ]);
        let said = openssl(&[
            "x509", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253",
        ]);
        let said = said
            .trim_end_matches('\n')
            .strip_prefix("subject=")
            .unwrap();
        let chain = crate::bundle::read_bundle(&file).unwrap();
        let identity = Identity::parse(&chain[0]).unwrap();
        assert_eq!(identity.subject_rfc2253(), said, "{subject}");
        assert!(said.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}
