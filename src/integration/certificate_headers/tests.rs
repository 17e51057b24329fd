//! Every form in every verdict. What real parts say of the same certificate is compared in
//! `tests/e2e/certificate_headers.rs`.

#![allow(clippy::unwrap_used)]

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType, date_time_ymd};
use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::*;
use crate::config::XfccField;
use crate::digest::hex;

const ALL: [XfccField; 6] = [
    XfccField::Hash,
    XfccField::Cert,
    XfccField::Chain,
    XfccField::Subject,
    XfccField::Uri,
    XfccField::Dns,
];

fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "billing");
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2025, 12, 31);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().clone()
}

fn settings(form: CertificateForm) -> Settings {
    let standard = form.standard_names().iter();
    Settings {
        names: standard.map(|name| HeaderName::from_static(name)).collect(),
        form,
        max_bytes: 8192,
    }
}

fn fields(form: CertificateForm, told: Told<'_>) -> Vec<(String, String)> {
    let headers = CertificateHeaders::new(&[settings(form)]);
    let fields = headers.fields(told).unwrap().into_iter();
    let text = |(name, value): (HeaderName, HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    fields.map(text).collect()
}

fn value(fields: &[(String, String)], name: &str) -> String {
    let found = fields.iter().find(|(one, _)| one == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn forms() -> [CertificateForm; 4] {
    [
        CertificateForm::Rfc9440 { chain: true },
        CertificateForm::Xfcc {
            fields: ALL.to_vec(),
        },
        CertificateForm::Alb,
        CertificateForm::Nginx,
    ]
}

#[test]
fn rfc_9440_is_a_byte_sequence_and_a_list_without_the_leaf() {
    let chain: Vec<_> = (0..3).map(|_| certificate(|_| {})).collect();
    let identity = Identity::parse(&chain[0]).unwrap();
    let told = |chain| Told::Verified {
        identity: &identity,
        chain,
    };
    let with_chain = || CertificateForm::Rfc9440 { chain: true };
    let all = fields(with_chain(), told(&chain));
    assert_eq!(all.len(), 2);
    let leaf: Item = Parser::new(&value(&all, "client-cert")).parse().unwrap();
    assert_eq!(leaf.bare_item, BareItem::ByteSequence(chain[0].to_vec()));
    let above: List = Parser::new(&value(&all, "client-cert-chain"))
        .parse()
        .unwrap();
    let above = above.into_iter().map(|entry| match entry {
        ListEntry::Item(item) => item.bare_item,
        entry => panic!("{entry:?}"),
    });
    let wanted = chain[1..]
        .iter()
        .map(|one| BareItem::ByteSequence(one.to_vec()));
    assert!(above.eq(wanted));
    assert_eq!(fields(with_chain(), told(&chain[..1])).len(), 1);
    let without = CertificateForm::Rfc9440 { chain: false };
    assert_eq!(fields(without, told(&chain)).len(), 1);
}

/// The pairs of an element as a reader of Envoy's documentation takes them apart.
fn read_xfcc(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let key: String = chars.by_ref().take_while(|c| *c != '=').collect();
        let mut value = String::new();
        let quoted = chars.next_if_eq(&'"').is_some();
        loop {
            match chars.next() {
                Some('\\') if quoted => value.extend(chars.next()),
                Some('"') if quoted => {
                    assert!(matches!(chars.next(), None | Some(';')), "{text}");
                    break;
                }
                Some(';') if !quoted => break,
                Some(c) => value.push(c),
                None => {
                    assert!(!quoted, "{text}");
                    break;
                }
            }
        }
        pairs.push((key, value));
    }
    pairs
}

#[test]
fn nothing_that_a_caller_writes_into_its_certificate_leaves_its_place_in_xfcc() {
    let ia5 = |text: &str| text.try_into().unwrap();
    let uri = "https://a.example/?By=x;Hash=\"0\",Hash=\\";
    let der = certificate(|params| {
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "a\";URI=spiffe://evil;X=\"\\,Hash=0");
        params.subject_alt_names = vec![
            SanType::URI(ia5(uri)),
            SanType::URI(ia5("spiffe://example.org/a")),
            SanType::DnsName(ia5("a.example")),
        ];
    });
    let identity = Identity::parse(&der).unwrap();
    let told = Told::Verified {
        identity: &identity,
        chain: &[der],
    };
    let form = CertificateForm::Xfcc {
        fields: ALL.to_vec(),
    };
    let said = value(&fields(form, told), "x-forwarded-client-cert");
    let pairs = read_xfcc(&said);
    let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    let wanted = ["Hash", "Cert", "Chain", "Subject", "URI", "URI", "DNS"];
    assert_eq!(keys, wanted, "{said}");
    assert_eq!(pairs[0].1, hex(identity.fingerprint()));
    assert_eq!(pairs[3].1, identity.subject_rfc2253());
    assert_eq!(pairs[4].1, uri);
    assert_eq!(pairs[5].1, "spiffe://example.org/a");
    assert!(said.ends_with(";URI=spiffe://example.org/a;DNS=a.example"));
    assert!(said.contains(";Cert=\"-----BEGIN%20CERTIFICATE-----%0A"));
}

#[test]
fn alb_and_nginx_tell_times_and_serials_as_they_do() {
    let der = certificate(|params| {
        let serial = vec![0xa3, 0xa5, 0xb1];
        params.serial_number = Some(rcgen::SerialNumber::from(serial));
    });
    let identity = Identity::parse(&der).unwrap();
    let told = Told::Verified {
        identity: &identity,
        chain: std::slice::from_ref(&der),
    };
    let alb = fields(CertificateForm::Alb, told);
    for (name, wanted) in [
        ("x-amzn-mtls-clientcert-serial-number", "A3A5B1"),
        ("x-amzn-mtls-clientcert-subject", "CN=billing"),
        ("x-amzn-mtls-clientcert-issuer", "CN=billing"),
        (
            "x-amzn-mtls-clientcert-validity",
            "NotBefore=2025-01-01T00:00:00Z;NotAfter=2025-12-31T00:00:00Z",
        ),
        ("x-amzn-mtls-clientcert", ""),
    ] {
        assert_eq!(value(&alb, name), wanted);
    }
    let nginx = fields(CertificateForm::Nginx, told);
    for (name, wanted) in [
        ("x-ssl-client-verify", "SUCCESS"),
        ("x-ssl-client-serial", "A3A5B1"),
        ("x-ssl-client-v-start", "Jan  1 00:00:00 2025 GMT"),
        ("x-ssl-client-v-end", "Dec 31 00:00:00 2025 GMT"),
    ] {
        assert_eq!(value(&nginx, name), wanted);
    }
}

#[test]
fn what_is_not_verified_is_never_told_as_a_proof() {
    let chain = [certificate(|_| {}), certificate(|_| {})];
    let verdicts = |told: Told<'_>| {
        let all = forms().into_iter().flat_map(|form| fields(form, told));
        all.collect::<Vec<_>>()
    };
    let verify = |value: &str| ("x-ssl-client-verify".to_owned(), value.to_owned());
    assert_eq!(verdicts(Told::Nothing), [verify("NONE")]);
    let distrusted = verdicts(Told::Distrusted("expired"));
    assert_eq!(distrusted, [verify("FAILED:expired")]);
    let unverified = verdicts(Told::Unverified { chain: &chain });
    let [(name, pem), failed] = &unverified[..] else {
        panic!("{unverified:?}");
    };
    assert_eq!(name, "x-amzn-mtls-clientcert");
    assert_eq!(pem.matches("%0A-----END%20CERTIFICATE-----%0A").count(), 2);
    assert_eq!(*failed, verify("FAILED:unverified"));
}

#[test]
fn a_field_that_is_too_long_is_an_error_and_not_left_out() {
    let der = certificate(|_| {});
    let identity = Identity::parse(&der).unwrap();
    let chain = [der.clone(), der];
    let told = Told::Verified {
        identity: &identity,
        chain: &chain,
    };
    for form in forms() {
        let mut one = settings(form);
        one.max_bytes = 256;
        let headers = CertificateHeaders::new(&[one]);
        assert!(headers.fields(told).is_err(), "{headers:?}");
        assert!(headers.fields(Told::Nothing).is_ok());
    }
}
