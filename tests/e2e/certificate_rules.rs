//! What a certificate must be for a route, and M9: only the certificate of the handshake is one.

use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType,
    SerialNumber,
};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, Client2, tls};
use crate::harness::gateway::{Gateway, ID, PROGRAM, REGION, SECRET, SERVICE};
use crate::harness::pki::Authority;
use crate::harness::{run, text, wait_for};

const CALLER: &str = "spiffe://test/billing";
/// Each rule is that of a policy and a route of its name. `good.pem` is as all of them say,
/// `bare.pem` as none of them.
const RULES: &[(&str, &str)] = &[
    ("san_dns", r#"{ san_dns = "api.partner.example" }"#),
    (
        "san_dns_suffix",
        r#"{ san_dns_suffix = ".partner.example" }"#,
    ),
    (
        "san_email_domain",
        r#"{ san_email_domain = "partner.example" }"#,
    ),
    ("san_ip", r#"{ san_ip = "192.0.2.1" }"#),
    ("subject", r#"{ subject = "CN=good" }"#),
    ("serial", r#"{ issuer = "CN=ca", serial = "0a:1b" }"#),
    ("min_ec_bits", r#"{ min_ec_bits = 384 }"#),
    (
        "extended_key_usage",
        r#"{ extended_key_usage = ["client_auth", "1.3.6.1.4.1.99999.7"] }"#,
    ),
    ("policies", r#"{ policies = ["1.3.6.1.4.1.99999.1"] }"#),
    ("max_age_secs", r#"{ max_age_secs = 7200 }"#),
    ("max_lifetime_secs", r#"{ max_lifetime_secs = 172800 }"#),
    (
        "any_of",
        r#"{ any_of = [{ subject = "CN=x" }, "partner"] }"#,
    ),
    (
        "not",
        r#"{ not = { subject = "CN=bare", issuer = "CN=ca" } }"#,
    ),
];

fn config(rules: &[(&str, &str)]) -> String {
    let mut text = format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem"] }}
[[certificate_rule]]
name = "partner"
san_dns_suffix = ".partner.example"
[[consumer]]
name = "billing"
certificate = {{ san_uri = "{CALLER}" }}
credentials = ["{ID}"]
[[integration]]
name = "ok"
type = "mock"
body = "ok"
"#
    );
    for (name, rule) in rules {
        text += &format!(
            "[[policy]]\nname = \"{name}\"\nall_of = [\"certificate\"]\ncertificate = {rule}\n\
             [[route]]\npath = \"/{name}\"\nmethod = \"GET\"\npolicy = \"{name}\"\nintegration = \"ok\"\n"
        );
    }
    text
}

fn partner(params: &mut CertificateParams) {
    let ia5 = |text: &str| text.try_into().unwrap();
    params.subject_alt_names.extend([
        SanType::DnsName(ia5("api.partner.example")),
        SanType::Rfc822Name(ia5("ada@partner.example")),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
    ]);
    params.serial_number = Some(SerialNumber::from(vec![0x0a, 0x1b]));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let purpose = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 99999, 7]);
    params.extended_key_usages.push(purpose);
    // One policy, 1.3.6.1.4.1.99999.1 (RFC 5280 §4.2.1.4).
    let policies = b"\x30\x0d\x30\x0b\x06\x09\x2b\x06\x01\x04\x01\x86\x8d\x1f\x01";
    let policies = CustomExtension::from_oid_content(&[2, 5, 29, 32], policies.to_vec());
    params.custom_extensions = vec![policies];
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(3600)).into();
    params.not_after = (now + Duration::from_secs(86400)).into();
}

fn stage() -> (TempDir, Authority) {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost"]);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    ca.client_for(&key, "good", CALLER, partner);
    ca.client_with("bare", CALLER, "", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    });
    (directory, ca)
}

/// curl's answer: the status and the body.
fn curl(gateway: &Gateway, certificate: Option<&str>, more: &[&str], path: &str) -> (u16, String) {
    let file = |name: String| gateway.directory.join(name).display().to_string();
    let ca = file("ca.pem".to_owned());
    let mut all = vec!["-s", "--max-time", "20", "--cacert", &ca];
    let files = certificate.map(|name| [file(format!("{name}.pem")), file(format!("{name}.key"))]);
    if let Some([certificate, key]) = &files {
        all.extend(["--cert", certificate, "--key", key]);
    }
    let url = gateway.url(path);
    all.extend_from_slice(more);
    all.extend(["-w", "\n%{http_code}", &url]);
    let output = run("curl", &all);
    let said = text(&output.stdout);
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn a_route_takes_only_certificates_that_are_as_its_rule_says() {
    let (directory, _ca) = stage();
    let gateway = Gateway::start(directory.path(), &config(RULES));
    for (name, rule) in RULES {
        let path = format!("/{name}");
        let served = curl(&gateway, Some("good"), &[], &path);
        assert_eq!(served, (200, "ok".to_owned()), "{rule}");
        let (status, said) = curl(&gateway, Some("bare"), &["--http2"], &path);
        assert_eq!(status, 403, "{rule}: {said}");
        assert!(said.contains("certificate_not_allowed"), "{rule}: {said}");
        assert!(said.contains("The client certificate may not use this route."));
        gateway.logged(rule, |line| line["path"] == path && line["detail"] == *name);
        let (status, said) = curl(&gateway, None, &[], &path);
        assert_eq!(status, 403, "{rule}: {said}");
        assert!(said.contains("certificate_required"), "{rule}: {said}");
    }
}

#[test]
fn a_spiffe_id_that_no_trust_store_vouches_for_opens_nothing() {
    let (directory, _ca) = stage();
    let rule = r#"{ spiffe_trust_domain = "test", spiffe_path = "/billing" }"#;
    let gateway = Gateway::start(directory.path(), &config(&[("spiffe", rule)]));
    let (status, said) = curl(&gateway, Some("good"), &[], "/spiffe");
    assert_eq!(status, 403, "{said}");
    assert!(said.contains("certificate_not_allowed"), "{said}");
}

#[test]
fn a_rule_of_a_policy_that_takes_either_proof_holds_for_signed_requests_too() {
    let (directory, _ca) = stage();
    let either = config(&[("either", r#""partner""#)]).replace(
        "all_of = [\"certificate\"]",
        &format!(
            "any_of = [\"certificate\", \"signature\"]\n\
             signature = {{ schemes = [\"sigv4\"], service = \"{SERVICE}\", region = \"{REGION}\" }}"
        ),
    );
    let gateway = Gateway::start(directory.path(), &either);
    let scheme = format!("aws:amz:{REGION}:{SERVICE}");
    let user = format!("{ID}:{SECRET}");
    let signed = ["--aws-sigv4", &scheme, "--user", &user];
    assert_eq!(curl(&gateway, None, &signed, "/either").0, 200);
    assert_eq!(curl(&gateway, Some("good"), &[], "/either").0, 200);
    assert_eq!(curl(&gateway, Some("good"), &signed, "/either").0, 200);
    for more in [&signed[..], &[]] {
        let (status, said) = curl(&gateway, Some("bare"), more, "/either");
        assert_eq!(status, 403);
        assert!(said.contains("certificate_not_allowed"), "{said}");
    }
}

#[test]
fn m2_a_rule_that_is_tightened_holds_for_open_connections_of_http1_and_http2() {
    let (directory, _ca) = stage();
    let with = |rule: &str| config(&[("ruled", rule)]);
    let gateway = Gateway::start(directory.path(), &with(r#"{ san_ip = "192.0.2.1" }"#));
    let settings = tls(directory.path(), Some("good"));
    let address = gateway.address("public");
    let mut one = Client::tls(address, &settings, "localhost").unwrap();
    assert_eq!(one.get("localhost", "/ruled").status, 200);
    let mut two = Client2::tls(address, &settings, "localhost");
    assert_eq!(two.get("localhost", "/ruled").0, 200);
    assert!(gateway.reload(&with(r#"{ not = { san_ip = "192.0.2.1" } }"#)));
    let refused = one.get("localhost", "/ruled");
    assert_eq!(refused.code(), "certificate_not_allowed");
    let refused = (403, "certificate_not_allowed".to_owned());
    assert_eq!(two.get("localhost", "/ruled"), refused);
    assert!(gateway.reload(&with(r#""partner""#)));
    assert_eq!(one.get("localhost", "/ruled").status, 200);
    assert_eq!(two.get("localhost", "/ruled").0, 200);
}

#[test]
fn m2_a_certificate_that_grows_too_old_is_refused_on_an_open_connection() {
    let (directory, ca) = stage();
    let rules = [("young", "{ max_age_secs = 3600 }")];
    let gateway = Gateway::start(directory.path(), &config(&rules));
    ca.client_with("ageing", CALLER, "", |params| {
        params.not_before = (SystemTime::now() - Duration::from_secs(3595)).into();
    });
    let settings = tls(directory.path(), Some("ageing"));
    let mut open = Client::tls(gateway.address("public"), &settings, "localhost").unwrap();
    assert_eq!(open.get("localhost", "/young").status, 200);
    wait_for("the certificate's age", || {
        let answer = open.get("localhost", "/young");
        (answer.code() == "certificate_not_allowed").then_some(())
    });
}

#[test]
fn m9_a_fingerprint_or_a_serial_that_is_sent_is_no_credential() {
    let (directory, _ca) = stage();
    let file = directory.path().join("good.pem").display().to_string();
    let printed = |what: &str| {
        let output = run(
            "openssl",
            &["x509", "-in", &file, "-noout", "-sha256", what],
        );
        let said = text(&output.stdout);
        said.trim().rsplit_once('=').unwrap().1.to_owned()
    };
    let (fingerprint, serial) = (printed("-fingerprint"), printed("-serial"));
    let rule = format!("{{ fingerprint = \"{fingerprint}\" }}");
    let gateway = Gateway::start(directory.path(), &config(&[("pinned", &rule)]));
    assert_eq!(curl(&gateway, Some("good"), &[], "/pinned").0, 200);
    let plain = fingerprint.replace(':', "").to_ascii_lowercase();
    for (certificate, code) in [
        (None, "certificate_required"),
        (Some("bare"), "certificate_not_allowed"),
    ] {
        for field in [
            format!("X-SSL-Client-Fingerprint: {plain}"),
            format!("X-Client-Cert-Fingerprint: {fingerprint}"),
            format!("X-SSL-Client-Serial: {serial}"),
            format!("X-Forwarded-Client-Cert: Hash={plain}"),
            format!("X-Amzn-Mtls-Clientcert-Serial-Number: {serial}"),
            format!("Authorization: Bearer {plain}"),
            format!("X-Consumer: {plain}"),
            format!("Client-Cert: :{plain}:"),
        ] {
            let (status, said) = curl(&gateway, certificate, &["-H", &field], "/pinned");
            assert_eq!(status, 403, "{field}: {said}");
            assert!(said.contains(code), "{field}: {said}");
        }
    }
}

#[test]
fn a_rule_is_explained_with_the_condition_that_fails() {
    let (directory, _ca) = stage();
    let gateway = Gateway::start(directory.path(), &config(RULES));
    let file = |name: &str| gateway.directory.join(name).display().to_string();
    let explain = |path: &str, certificate: &str| {
        let (config, certificate) = (file("gateway.toml"), file(certificate));
        let url = format!("https://localhost{path}");
        let arguments = [
            "routes",
            "explain",
            "--config",
            &config,
            "GET",
            &url,
            "--certificate",
            &certificate,
        ];
        text(&run(PROGRAM, &arguments).stdout)
    };
    let said = explain("/min_ec_bits", "bare.pem");
    for words in [
        "rule         min_ec_bits 384\n             fails: min_ec_bits 384\n",
        "refused: 403 certificate_not_allowed",
        "(min_ec_bits)",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = explain("/any_of", "good.pem");
    for words in [
        "any of (subject CN=x), (san_dns_suffix .partner.example)\n             holds\n",
        "served, as billing",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
