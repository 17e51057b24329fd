//! Every condition, against certificates that have it and certificates that do not.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    SanType, SerialNumber, date_time_ymd,
};

use super::failing;
use crate::clock::UtcTime;
use crate::config::{CertificateRule, Config, Demand};
use crate::digest::hex;
use crate::identity::{Identity, Vouched};

/// The rule that a policy has in TOML; `named` are rules that it may name.
fn rule_with(named: &str, toml: &str) -> Arc<CertificateRule> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gateway.toml");
    let text = format!(
        r#"{named}
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "s.pem", private_key = "s.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[trust_store]]
name = "clients"
authorities = ["ca.pem"]
[[trust_store]]
name = "others"
authorities = ["ca.pem"]
[[policy]]
name = "ruled"
all_of = ["certificate"]
certificate = {toml}
[[route]]
path = "/"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    match &config.policies[1].demand {
        Demand::AllOf(proof) => proof.certificate_rule.clone().unwrap(),
        demand => panic!("{demand:?}"),
    }
}

fn rule(toml: &str) -> Arc<CertificateRule> {
    rule_with("", toml)
}

fn identity_with(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = &mut params.distinguished_name;
    name.push(DnType::OrganizationName, "Example");
    name.push(DnType::CommonName, "billing");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 31);
    params.serial_number = Some(SerialNumber::from(vec![0x0a, 0x1b]));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 99999, 7]),
    ];
    // One policy, 1.3.6.1.4.1.99999.1 (RFC 5280 §4.2.1.4).
    let policies = b"\x30\x0d\x30\x0b\x06\x09\x2b\x06\x01\x04\x01\x86\x8d\x1f\x01";
    let policies = CustomExtension::from_oid_content(&[2, 5, 29, 32], policies.to_vec());
    params.custom_extensions = vec![policies];
    let ia5 = |text: &str| text.try_into().unwrap();
    params.subject_alt_names = vec![
        SanType::URI(ia5("spiffe://example.org/ns/prod/billing")),
        SanType::DnsName(ia5("Api.Partner.Example")),
        SanType::Rfc822Name(ia5("Ada@Partner.example")),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
    ];
    change(&mut params);
    Identity::parse(params.self_signed(key).unwrap().der()).unwrap()
}

fn identity() -> Identity {
    identity_with(&KeyPair::generate().unwrap(), |_| {})
}

/// The key of the condition that fails first, in the middle of the certificate's validity;
/// empty when all hold.
fn fails(rule: &CertificateRule, identity: &Identity) -> &'static str {
    fails_at(rule, identity, "2026-01-15T00:00:00Z")
}

fn fails_at(rule: &CertificateRule, identity: &Identity, now: &str) -> &'static str {
    let vouched = Vouched {
        identity,
        trust_store: Some("clients"),
        spiffe_trust_domains: &["example.org".to_owned()],
    };
    let now = UtcTime::parse_rfc3339(now).unwrap();
    failing(rule, &vouched, now).map_or("", |condition| condition.key())
}

#[test]
fn each_condition_holds_for_what_has_it() {
    let identity = identity();
    let (fingerprint, key) = (hex(identity.fingerprint()), hex(identity.public_key()));
    for toml in [
        r#"{ trust_store = "clients" }"#,
        r#"{ subject = "CN=billing,O=Example" }"#,
        r#"{ issuer = "CN=billing,O=Example" }"#,
        r#"{ issuer = "CN=billing,O=Example", serial = "0a1b" }"#,
        r#"{ issuer = "CN=billing,O=Example", serial = "00:0A:1B" }"#,
        r#"{ san_uri = "spiffe://example.org/ns/prod/billing" }"#,
        r#"{ san_dns = "API.partner.example" }"#,
        r#"{ san_dns_suffix = ".partner.example" }"#,
        r#"{ san_dns_suffix = ".EXAMPLE" }"#,
        r#"{ san_email = "Ada@Partner.example" }"#,
        r#"{ san_email_domain = "partner.Example" }"#,
        r#"{ san_ip = "192.0.2.1" }"#,
        r#"{ spiffe_trust_domain = "example.org" }"#,
        r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/ns/prod/billing" }"#,
        r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/ns/prod/*" }"#,
        r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/*" }"#,
        &format!(r#"{{ fingerprint = "{fingerprint}" }}"#),
        &format!(r#"{{ public_key = "{key}" }}"#),
        r#"{ min_ec_bits = 256 }"#,
        // Says nothing of a key of another kind.
        r#"{ min_rsa_bits = 4096 }"#,
        r#"{ extended_key_usage = ["client_auth"] }"#,
        r#"{ extended_key_usage = ["1.3.6.1.4.1.99999.7", "client_auth"] }"#,
        r#"{ policies = ["1.3.6.1.4.1.99999.1"] }"#,
        r#"{ max_age_secs = 1209600 }"#,
        r#"{ max_lifetime_secs = 2592000 }"#,
    ] {
        assert_eq!(fails(&rule(toml), &identity), "", "{toml}");
    }
}

#[test]
fn each_condition_fails_for_what_has_it_not() {
    let identity = identity();
    let other = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    for (toml, key) in [
        (r#"{ trust_store = "others" }"#, "trust_store"),
        (r#"{ subject = "cn=billing,O=Example" }"#, "subject"),
        (r#"{ subject = "CN=billing" }"#, "subject"),
        (r#"{ issuer = "O=Example,CN=billing" }"#, "issuer"),
        (r#"{ issuer = "CN=x", serial = "0a1b" }"#, "issuer"),
        (
            r#"{ issuer = "CN=billing,O=Example", serial = "a1" }"#,
            "serial",
        ),
        (
            r#"{ issuer = "CN=billing,O=Example", serial = "a1b0" }"#,
            "serial",
        ),
        (r#"{ san_uri = "spiffe://example.org/ns/prod" }"#, "san_uri"),
        (r#"{ san_uri = "Api.Partner.Example" }"#, "san_uri"),
        (r#"{ san_dns = "partner.example" }"#, "san_dns"),
        // The common name is no DNS name.
        (r#"{ san_dns = "billing" }"#, "san_dns"),
        (r#"{ san_dns_suffix = ".rtner.example" }"#, "san_dns_suffix"),
        (
            r#"{ san_dns_suffix = ".api.partner.example" }"#,
            "san_dns_suffix",
        ),
        (r#"{ san_email = "ada@partner.example" }"#, "san_email"),
        (r#"{ san_email_domain = "example" }"#, "san_email_domain"),
        (r#"{ san_ip = "192.0.2.2" }"#, "san_ip"),
        (
            r#"{ spiffe_trust_domain = "example.com" }"#,
            "spiffe_trust_domain",
        ),
        (
            r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/ns/prod" }"#,
            "spiffe_path",
        ),
        (
            r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/ns/pro/*" }"#,
            "spiffe_path",
        ),
        (
            r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/ns/prod/billing/*" }"#,
            "spiffe_path",
        ),
        (&format!(r#"{{ fingerprint = "{other}" }}"#), "fingerprint"),
        (&format!(r#"{{ public_key = "{other}" }}"#), "public_key"),
        (r#"{ min_ec_bits = 384 }"#, "min_ec_bits"),
        (
            r#"{ extended_key_usage = ["client_auth", "1.3.6.1.5.5.7.3.1"] }"#,
            "extended_key_usage",
        ),
        (
            r#"{ policies = ["1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"] }"#,
            "policies",
        ),
        (r#"{ policies = ["2.5.29.32.0"] }"#, "policies"),
        (r#"{ max_age_secs = 1209599 }"#, "max_age_secs"),
        (r#"{ max_lifetime_secs = 2591999 }"#, "max_lifetime_secs"),
    ] {
        assert_eq!(fails(&rule(toml), &identity), key, "{toml}");
    }
}

#[test]
fn the_first_condition_that_fails_is_named() {
    let both = rule(r#"{ max_age_secs = 1, subject = "CN=nobody" }"#);
    assert_eq!(fails(&both, &identity()), "subject");
    let within = rule(r#"{ all_of = [{ min_ec_bits = 256 }, { san_dns = "x.example" }] }"#);
    assert_eq!(fails(&within, &identity()), "san_dns");
}

#[test]
fn rules_are_joined_by_all_any_and_not() {
    let named = r#"
[[certificate_rule]]
name = "partner"
san_dns_suffix = ".partner.example"
[[certificate_rule]]
name = "strong"
min_ec_bits = 384
[[certificate_rule]]
name = "either"
any_of = ["strong", "partner"]
"#;
    let identity = identity();
    for (toml, key) in [
        (r#""partner""#, ""),
        (r#""strong""#, "min_ec_bits"),
        (r#""either""#, ""),
        (r#"{ all_of = ["partner", "strong"] }"#, "min_ec_bits"),
        (
            r#"{ any_of = ["strong", { san_dns = "x.example" }] }"#,
            "any_of",
        ),
        (
            r#"{ any_of = ["strong", "partner"], subject = "CN=x" }"#,
            "subject",
        ),
        (r#"{ not = "strong" }"#, ""),
        (r#"{ not = "either" }"#, "not"),
        (r#"{ not = { not = "partner" } }"#, ""),
        (
            r#"{ not = { issuer = "CN=billing,O=Example", serial = "0a1b" } }"#,
            "not",
        ),
    ] {
        assert_eq!(fails(&rule_with(named, toml), &identity), key, "{toml}");
    }
}

#[test]
fn a_minimum_speaks_of_keys_of_its_own_kind() {
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
    let identity = identity_with(&rsa.unwrap(), |_| {});
    for (toml, key) in [
        ("{ min_rsa_bits = 2048 }", ""),
        ("{ min_rsa_bits = 2049 }", "min_rsa_bits"),
        ("{ min_ec_bits = 384 }", ""),
        ("{ min_rsa_bits = 3072, min_ec_bits = 256 }", "min_rsa_bits"),
    ] {
        assert_eq!(fails(&rule(toml), &identity), key, "{toml}");
    }
    let edwards = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let identity = identity_with(&edwards, |_| {});
    assert_eq!(fails(&rule("{ min_ec_bits = 256 }"), &identity), "");
    assert_eq!(
        fails(&rule("{ min_ec_bits = 257 }"), &identity),
        "min_ec_bits"
    );
}

#[test]
fn age_is_judged_by_the_time_of_the_request() {
    let rule = rule("{ max_age_secs = 86400 }");
    let identity = identity();
    assert_eq!(fails_at(&rule, &identity, "2026-01-02T00:00:00Z"), "");
    let later = fails_at(&rule, &identity, "2026-01-02T00:00:01Z");
    assert_eq!(later, "max_age_secs");
}

#[test]
fn a_spiffe_id_that_nobody_vouches_for_fulfils_nothing() {
    let identity = identity();
    let vouched = Vouched {
        identity: &identity,
        trust_store: Some("clients"),
        spiffe_trust_domains: &[],
    };
    let now = UtcTime::parse_rfc3339("2026-01-15T00:00:00Z").unwrap();
    let rule = rule(r#"{ spiffe_trust_domain = "example.org", spiffe_path = "/ns/prod/*" }"#);
    let failed = failing(&rule, &vouched, now).map(|condition| condition.key());
    assert_eq!(failed, Some("spiffe_trust_domain"));
}

#[test]
fn a_name_with_an_empty_label_is_below_nothing() {
    let below = super::is_below;
    assert!(below("a.b.partner.example", ".partner.example"));
    for name in [
        ".partner.example",
        "..partner.example",
        "a..partner.example",
        "partner.example",
        "apartner.example",
        "a.partner.example.",
        "a.partner.example.evil.example",
    ] {
        assert!(!below(name, ".partner.example"), "{name}");
    }
}

#[test]
fn a_mailbox_with_an_at_sign_in_it_is_of_the_last_domain() {
    let at = super::is_at;
    assert!(at("ada@partner.example", "partner.example"));
    for address in [
        "\"ada@partner.example\"@evil.example",
        "ada@x.partner.example",
        "@partner.example",
        "partner.example",
    ] {
        assert!(!at(address, "partner.example"), "{address}");
    }
}

#[test]
fn a_rule_reads_like_what_was_written() {
    let toml = r#"{ min_rsa_bits = 3072, any_of = [{ san_dns = "A.example" }, { san_ip = "::1" }], not = { issuer = "CN=Old CA", serial = "0A" } }"#;
    assert_eq!(
        rule(toml).to_string(),
        "min_rsa_bits 3072 and any of (san_dns a.example), (san_ip ::1) \
         and not (issuer CN=Old CA and serial a)"
    );
}
