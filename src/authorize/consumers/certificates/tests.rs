//! Found by a mark or by walking through all of them, the consumer is the same.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, SanType};

use super::{Certificates, failing, mark};
use crate::clock::UtcTime;
use crate::config::{CertificateCondition, CertificateRule, Config, Consumer, Demand};
use crate::digest::hex;
use crate::identity::{Identity, Vouched};
use crate::names::ConsumerName;

const URIS: [&str; 3] = [
    "spiffe://a.example/x",
    "spiffe://b.example/x",
    "urn:example:z",
];

/// Certificates that share subjects, names and keys with one another, or have a name twice.
static IDENTITIES: LazyLock<Vec<Identity>> = LazyLock::new(|| {
    let [one, other] = [0, 1].map(|_| KeyPair::generate().unwrap());
    let mut all = Vec::new();
    for (subject, uris, dns) in [
        ("a", &URIS[..1], &["a.example"][..]),
        ("a", &URIS[1..2], &["a.example", "b.example"]),
        ("b", &URIS[..2], &[]),
        ("b", &URIS[2..], &["b.example", "b.example"]),
        ("c", &[], &[]),
        ("c", &URIS[..1], &["x.a.example"]),
    ] {
        for key in [&one, &other] {
            all.push(identity(key, subject, uris, dns));
        }
    }
    all
});

fn identity(key: &KeyPair, subject: &str, uris: &[&str], dns: &[&str]) -> Identity {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let uris = uris
        .iter()
        .map(|uri| SanType::URI((*uri).try_into().unwrap()));
    let dns = dns
        .iter()
        .map(|name| SanType::DnsName((*name).try_into().unwrap()));
    params.subject_alt_names = uris.chain(dns).collect();
    Identity::parse(params.self_signed(key).unwrap().der()).unwrap()
}

/// The rules that are written so in TOML.
fn rules(toml: &[String]) -> Vec<Arc<CertificateRule>> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.toml");
    let text = format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "s.pem", private_key = "s.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[policy]]
name = "ruled"
all_of = ["certificate"]
certificate = {{ any_of = [{}] }}
[[route]]
path = "/"
method = "GET"
policy = "ruled"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#,
        toml.join(", ")
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    let Demand::AllOf(proof) = &config.policies[1].demand else {
        panic!("{:?}", config.policies);
    };
    match proof.certificate_rule.as_ref().unwrap().conditions() {
        [CertificateCondition::AnyOf(rules)] => rules.clone(),
        other => panic!("{other:?}"),
    }
}

fn consumers(rules: &[Arc<CertificateRule>], places: &[Vec<usize>]) -> Vec<Consumer> {
    let consumers = places.iter().enumerate().map(|(number, places)| Consumer {
        name: ConsumerName::new(format!("consumer {number}")),
        certificates: places
            .iter()
            .map(|place| rules[place % rules.len()].clone())
            .collect(),
        credentials: Vec::new(),
        principals: Vec::new(),
        explain_refusals: false,
        line: 0,
    });
    consumers.collect()
}

/// What finding must come to: the consumers that fit, one by one.
fn walk<'c>(
    consumers: &'c [Consumer],
    vouched: &Vouched<'_>,
    now: UtcTime,
) -> Option<&'c ConsumerName> {
    let fits = |consumer: &&Consumer| {
        let mut rules = consumer.certificates.iter();
        rules.any(|rule| failing(rule, vouched, now).is_none())
    };
    match consumers.iter().filter(fits).collect::<Vec<_>>()[..] {
        [one] => Some(&one.name),
        _ => None,
    }
}

fn condition() -> impl Strategy<Value = String> {
    let text = |key: &'static str, values: &'static [&'static str]| {
        select(values).prop_map(move |value| format!("{key} = \"{value}\""))
    };
    let hash = |key: &'static str, of: fn(&Identity) -> &[u8; 32]| {
        (0..IDENTITIES.len())
            .prop_map(move |at| format!("{key} = \"{}\"", hex(of(&IDENTITIES[at]))))
    };
    prop_oneof![
        text("san_uri", &URIS),
        text("san_dns", &["a.example", "b.example", "A.example"]),
        text("subject", &["CN=a", "CN=b"]),
        hash("fingerprint", Identity::fingerprint),
        hash("public_key", Identity::public_key),
        text("spiffe_trust_domain", &["a.example", "b.example"]),
        (select(&["a", "b"][..]), select(&["/x", "/y", "/*"][..])).prop_map(|(domain, path)| {
            format!("spiffe_trust_domain = \"{domain}.example\", spiffe_path = \"{path}\"")
        }),
        text("san_dns_suffix", &[".example", ".a.example"]),
        text("issuer", &["CN=a", "CN=b"]),
        Just("min_ec_bits = 384".to_owned()),
        Just("min_rsa_bits = 2048".to_owned()),
    ]
}

/// A table of a rule: conditions of which no two have the same key, and rules within.
fn rule() -> impl Strategy<Value = String> {
    let table = |conditions: Vec<String>| {
        let mut kept: Vec<String> = Vec::new();
        let key = |text: &str| text.split(' ').next().unwrap().to_owned();
        for one in conditions {
            if kept.iter().all(|other| key(other) != key(&one)) {
                kept.push(one);
            }
        }
        kept
    };
    let leaf =
        vec(condition(), 1..4).prop_map(move |all| format!("{{ {} }}", table(all).join(", ")));
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let joined = (select(&["all_of", "any_of"][..]), vec(inner.clone(), 1..3))
            .prop_map(|(joint, rules)| format!("{joint} = [{}]", rules.join(", ")));
        let not = inner.prop_map(|rule| format!("not = {rule}"));
        let all = (vec(condition(), 0..2), prop_oneof![3 => joined, 1 => not]);
        all.prop_map(|(mut all, joint)| {
            all.push(joint);
            format!("{{ {} }}", all.join(", "))
        })
    })
}

proptest! {
    #[test]
    fn a_consumer_is_found_as_if_all_were_walked(
        written in vec(rule(), 1..8),
        places in vec(vec(0_usize..8, 0..3), 0..8),
        domains in vec(select(&["a.example", "b.example"][..]), 0..3),
    ) {
        let consumers = consumers(&rules(&written), &places);
        let found = Certificates::new(&consumers);
        let domains: Vec<String> = domains.into_iter().map(str::to_owned).collect();
        for identity in IDENTITIES.iter() {
            let vouched = Vouched { identity, trust_store: Some("clients"), spiffe_trust_domains: &domains };
            let now = identity.not_before();
            prop_assert_eq!(found.find(&vouched, now), walk(&consumers, &vouched, now));
        }
    }
}

#[test]
fn rules_that_ask_for_a_name_or_a_hash_are_not_walked() {
    let hash = hex(IDENTITIES[0].fingerprint());
    for toml in [
        r#"{ san_uri = "urn:example:z" }"#.to_owned(),
        r#"{ san_dns = "a.example", min_rsa_bits = 3072 }"#.to_owned(),
        r#"{ subject = "CN=a", not = { issuer = "CN=b" } }"#.to_owned(),
        format!(r#"{{ fingerprint = "{hash}" }}"#),
        format!(r#"{{ public_key = "{hash}" }}"#),
        r#"{ spiffe_trust_domain = "a.example", spiffe_path = "/x" }"#.to_owned(),
        r#"{ all_of = [{ min_ec_bits = 256 }, { all_of = [{ san_dns = "a.example" }] }] }"#
            .to_owned(),
    ] {
        assert!(
            mark(&rules(std::slice::from_ref(&toml))[0]).is_some(),
            "{toml}"
        );
    }
    for toml in [
        r#"{ any_of = [{ san_uri = "urn:example:z" }, { min_ec_bits = 256 }] }"#,
        r#"{ not = { subject = "CN=a" } }"#,
        r#"{ spiffe_trust_domain = "a.example", spiffe_path = "/*" }"#,
        r#"{ san_dns_suffix = ".example" }"#,
    ] {
        assert!(mark(&rules(&[toml.to_owned()])[0]).is_none(), "{toml}");
    }
}
