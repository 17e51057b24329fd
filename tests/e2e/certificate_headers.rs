//! What upstreams are told of a caller's certificate, compared with what OpenSSL, Python and a
//! real nginx say of the same one; and H1 and H2 for every name under which it is told.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use rcgen::{DnType, SanType, SerialNumber, date_time_ymd};
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::http2::{self, Fate};
use crate::harness::nginx::Nginx;
use crate::harness::pki::Authority;
use crate::harness::recorder::Recorder;
use crate::harness::{python, run, text};

const CALLER: &str = "spiffe://test/billing";

/// An upstream that is told of certificates by `headers`, and one that is not told.
fn config(upstream: impl std::fmt::Display, trust: &str, headers: &str) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["{trust}"] }}
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
certificate = {{ san_uri = "{CALLER}" }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "told"
[[route]]
path = "/open"
method = ["GET", "POST"]
policy = "open"
integration = "told"
[[route]]
path = "/untold"
method = ["GET", "POST"]
policy = "open"
integration = "untold"
[[integration]]
name = "told"
type = "http_proxy"
targets = ["{upstream}"]
certificate_headers = [{headers}]
[[integration]]
name = "untold"
type = "http_proxy"
targets = ["{upstream}"]
"#
    )
}

/// Names, times and a serial number that are easily told wrongly.
fn stage() -> (TempDir, Authority) {
    let directory = tempdir().unwrap();
    let ca = Authority::with(directory.path(), "ca", |params| {
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "Zoë & Söhne, \"AG\"");
        name.push(DnType::CountryName, "CH");
    });
    ca.server("server", &["localhost", "a.example", "b.example"]);
    ca.client_with("billing", CALLER, "", |params| {
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationalUnitName, "a+b;<c>\\=é ");
        params.serial_number = Some(SerialNumber::from(vec![0xa3, 0x05, 0xb1]));
        params.not_before = date_time_ymd(2025, 1, 2);
        params.not_after = date_time_ymd(2125, 11, 30);
        let dns = "billing.example".try_into().unwrap();
        params.subject_alt_names.push(SanType::DnsName(dns));
    });
    (directory, ca)
}

fn ask(gateway: &Gateway, certificate: Option<&str>, path: &str, fields: &[&str]) -> u16 {
    let settings = tls(&gateway.directory, certificate);
    let mut client = Client::tls(gateway.address("public"), &settings, "localhost").unwrap();
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    client.ask(&request).status
}

/// What OpenSSL prints behind `=`.
fn openssl(directory: &Path, what: &[&str]) -> String {
    let file = directory.join("billing.pem").display().to_string();
    let output = run(
        "openssl",
        &[&["x509", "-in", &file, "-noout"], what].concat(),
    );
    let said = text(&output.stdout);
    said.trim_end_matches('\n')
        .split_once('=')
        .unwrap()
        .1
        .to_owned()
}

/// The certificate as Python's urllib quotes it.
fn quoted(directory: &Path, safe: &str) -> String {
    let script = "import sys, urllib.parse as u; print(u.quote(open(sys.argv[1]).read(), safe=sys.argv[2]), end='')";
    let file = directory.join("billing.pem");
    let pem = fs::read_to_string(&file).unwrap().replace("\r\n", "\n");
    fs::write(&file, pem).unwrap();
    let file = file.display().to_string();
    let output = run(python(), &["-c", script, &file, safe]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_real_nginx_says_the_same_of_the_certificate() {
    const VARIABLES: [(&str, &str); 8] = [
        ("x-ssl-client-verify", "verify"),
        ("x-ssl-client-s-dn", "s_dn"),
        ("x-ssl-client-i-dn", "i_dn"),
        ("x-ssl-client-serial", "serial"),
        ("x-ssl-client-fingerprint", "fingerprint"),
        ("x-ssl-client-v-start", "v_start"),
        ("x-ssl-client-v-end", "v_end"),
        ("x-ssl-client-cert", "escaped_cert"),
    ];
    let (directory, _ca) = stage();
    let said = VARIABLES
        .map(|(_, name)| format!("$ssl_client_{name}"))
        .join("\\n");
    let nginx = Nginx::with(directory.path(), |address, _| {
        format!(
            "listen {address} ssl; ssl_certificate {d}/server.pem; ssl_certificate_key {d}/server.key;
             ssl_client_certificate {d}/ca.pem; ssl_verify_client optional;
             location / {{ return 200 \"{said}\"; }}",
            d = directory.path().display()
        )
    });
    let upstream = Recorder::start();
    let config = config(upstream.address, "ca.pem", "{ form = \"nginx\" }");
    let gateway = Gateway::start(directory.path(), &config);
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("billing.pem"), file("billing.key"));
    let url = format!("https://localhost:{}/", nginx.address.port());
    let base = ["-s", "--max-time", "20", "--cacert", &ca];
    let shown = ["--cert", &certificate, "--key", &key, &url];
    let said = text(&run("curl", &[&base[..], &shown].concat()).stdout);
    assert_eq!(ask(&gateway, Some("billing"), "/certified", &[]), 200);
    let lines: Vec<&str> = said.split('\n').collect();
    assert_eq!(lines.len(), VARIABLES.len(), "{said}");
    for ((field, _), line) in VARIABLES.iter().zip(&lines) {
        assert_eq!(upstream.field(field).as_deref(), Some(*line), "{field}");
    }
    // Without a certificate both say so, and nothing more.
    let said = text(&run("curl", &[&base[..], &[&url]].concat()).stdout);
    assert_eq!(said.trim(), "NONE");
    upstream.forget();
    assert_eq!(ask(&gateway, None, "/open", &[]), 200);
    assert_eq!(
        upstream.field("x-ssl-client-verify").as_deref(),
        Some("NONE")
    );
    let seen = upstream.seen().to_ascii_lowercase();
    assert_eq!(seen.matches("x-ssl-client-").count(), 1, "{seen}");
}

#[test]
fn alb_and_xfcc_say_what_openssl_and_python_say() {
    let (directory, _ca) = stage();
    let upstream = Recorder::start();
    let forms = r#"{ form = "alb" }, { form = "xfcc", fields = ["dns", "hash", "cert", "uri", "subject"] }"#;
    let config = config(upstream.address, "ca.pem", forms);
    let gateway = Gateway::start(directory.path(), &config);
    assert_eq!(ask(&gateway, Some("billing"), "/certified", &[]), 200);
    let d = directory.path();
    let subject = openssl(d, &["-subject", "-nameopt", "RFC2253"]);
    let validity = format!(
        "NotBefore={};NotAfter={}",
        "2025-01-02T00:00:00Z", "2125-11-30T00:00:00Z"
    );
    for (end, wanted) in [
        ("-serial-number", openssl(d, &["-serial"])),
        ("-issuer", openssl(d, &["-issuer", "-nameopt", "RFC2253"])),
        ("-subject", subject.clone()),
        ("-validity", validity),
        ("-leaf", quoted(d, "+=/")),
    ] {
        let name = format!("x-amzn-mtls-clientcert{end}");
        assert_eq!(upstream.field(&name), Some(wanted), "{name}");
    }
    assert_eq!(upstream.field("x-amzn-mtls-clientcert"), None);
    let fingerprint = openssl(d, &["-fingerprint", "-sha256"]).replace(':', "");
    let element = format!(
        "Hash={};Cert=\"{}\";Subject=\"{}\";URI={CALLER};DNS=billing.example",
        fingerprint.to_ascii_lowercase(),
        quoted(d, ""),
        subject.replace('\\', "\\\\").replace('"', "\\\""),
    );
    assert_eq!(upstream.field("x-forwarded-client-cert"), Some(element));
}

#[test]
fn rfc_9440_tells_the_chain_and_answers_that_vary_by_it_are_nobody_elses() {
    let (directory, ca) = stage();
    let mid = ca.below("mid", |_| {});
    mid.client_with("chained", CALLER, &mid.pem(), |_| {});
    let answer = b"HTTP/1.1 200 OK\r\nVary: Accept, CLIENT-Cert\r\nContent-Length: 2\r\n\r\nok";
    let upstream = Recorder::answering(answer);
    let forms = "{ form = \"rfc9440\", chain = true }";
    let config = config(upstream.address, "ca.pem", forms);
    let gateway = Gateway::start(directory.path(), &config);
    assert_eq!(ask(&gateway, Some("chained"), "/certified", &[]), 200);
    let base64 = |pem: &str| {
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        lines.collect::<String>()
    };
    let file = fs::read_to_string(directory.path().join("chained.pem")).unwrap();
    let (leaf, above) = file.split_once("-----END CERTIFICATE-----").unwrap();
    for (field, pem) in [("client-cert", leaf), ("client-cert-chain", above)] {
        let wanted = format!(":{}:", base64(pem));
        assert_eq!(upstream.field(field), Some(wanted), "{field}");
    }
    for (path, vary) in [
        ("/open", "vary: *\r\n"),
        ("/untold", "vary: accept, client-cert\r\n"),
    ] {
        let settings = tls(directory.path(), None);
        let mut client = Client::tls(gateway.address("public"), &settings, "localhost").unwrap();
        let head = client.get("localhost", path).head.to_ascii_lowercase();
        assert!(head.contains(vary), "{path}: {head}");
        assert_eq!(head.matches("vary:").count(), 1, "{head}");
    }
}

const EVERY_FORM: &str = r#"
{ form = "rfc9440", chain = true, names = { "Client-Cert" = "X-My-Cert" } },
{ form = "xfcc" }, { form = "alb" },
{ form = "nginx", names = { "X-SSL-Client-Verify" = "X-Verdict" } }
"#;

/// Every name, in spellings that some server takes for it.
fn forged() -> Vec<String> {
    let names = [
        "Client-Cert",
        "Client-Cert-Chain",
        "X-My-Cert",
        "X-Verdict",
        "X-Forwarded-Client-Cert",
        "X-SSL-Client-Verify",
        "X-SSL-Client-S-DN",
        "X-SSL-Client-Cert",
        "X-SSL-Client-Anything",
        "X-Amzn-Mtls-Clientcert",
        "X-Amzn-Mtls-Clientcert-Leaf",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
        "X-Client-Cert",
        "X-Consumer",
    ];
    let spelled = names.iter().flat_map(|name| {
        [
            (*name).to_owned(),
            (*name).to_owned(),
            name.to_ascii_uppercase(),
            name.replace('-', "."),
            name.replacen('-', ".", 1),
        ]
    });
    spelled.map(|name| format!("{name}: forged")).collect()
}

#[test]
fn h1_no_caller_says_anything_of_a_certificate_in_any_spelling_on_any_route() {
    let (directory, _ca) = stage();
    let upstream = Recorder::start();
    let config = config(upstream.address, "ca.pem", EVERY_FORM);
    let gateway = Gateway::start(directory.path(), &config);
    let (forged, many) = (forged(), "x-ssl-client-verify: forged");
    let none = |what: &str| {
        let seen = upstream.seen().to_ascii_lowercase();
        assert!(
            seen.starts_with("get") || seen.starts_with("post"),
            "{what}"
        );
        assert!(!seen.contains("forged"), "{what}: {seen}");
        upstream.forget();
    };
    for (certificate, path) in [
        (None, "/open"),
        (None, "/untold"),
        (Some("billing"), "/open"),
        (Some("billing"), "/untold"),
        (Some("billing"), "/certified"),
    ] {
        for fields in forged.chunks(20) {
            let fields: Vec<&str> = fields
                .iter()
                .map(String::as_str)
                .chain([many, many])
                .collect();
            assert_eq!(ask(&gateway, certificate, path, &fields), 200, "{path}");
            let told = path != "/untold" && certificate.is_some();
            assert_eq!(upstream.field("x-my-cert").is_some(), told, "{path}");
            let leaf = upstream.field("x-amzn-mtls-clientcert-leaf");
            assert_eq!(leaf.is_some(), told, "{path}");
            assert_eq!(upstream.field("client-cert"), None, "{path}");
            none(path);
        }
    }
    // A plaintext listener, and trailers.
    let mut plain = Client::plain(gateway.address("plain"));
    for path in ["/open", "/untold"] {
        let fields = forged[..20].join("\r\n");
        let asked = plain.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"
        ));
        assert_eq!(asked.status, 200);
        none(path);
        let asked = plain.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\nX-My-Cert: forged\r\nClient-Cert: forged\r\nX-SSL-Client-Verify: forged\r\n\r\n"
        ));
        assert_eq!(asked.status, 200);
        none(path);
    }
}

#[test]
fn h1_underscores_are_gone_over_http2_and_before_a_real_nginx_that_takes_them() {
    let (directory, _ca) = stage();
    let nginx = Nginx::with(directory.path(), |address, _| {
        format!(
            "listen {address}; underscores_in_headers on;
             location / {{ return 200 \"$http_client_cert|$http_x_my_cert|$http_x_verdict|$http_x_ssl_client_s_dn|$http_x_consumer\"; }}"
        )
    });
    let config = config(nginx.address, "ca.pem", EVERY_FORM);
    let gateway = Gateway::start(directory.path(), &config);
    let ca = directory.path().join("ca.pem").display().to_string();
    for version in ["--http1.1", "--http2"] {
        for path in ["/open", "/untold"] {
            let url = gateway.url(path);
            let mut curl = vec!["-s", "--max-time", "20", version, "--cacert", &ca];
            for field in [
                "X.My.Cert: forged",
                "X.My-Cert: forged",
                "x-verdict: forged",
                "x-ssl.client-s-dn: forged",
            ] {
                curl.extend(["-H", field]);
            }
            curl.push(&url);
            let verdict = if path == "/open" { "NONE" } else { "" };
            let said = text(&run("curl", &curl).stdout);
            assert_eq!(said, format!("||{verdict}||"), "{version} {path}");
        }
    }
    // A name with an underscore is refused before it could be taken for another.
    let settings = tls(directory.path(), None);
    let fields: [(&[u8], &[u8]); 5] = [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"localhost"),
        (b":path", b"/open"),
        (b"x_my_cert", b"forged"),
    ];
    let public = gateway.address("public");
    let ask = |fields: &[_]| http2::ask(public, &settings, fields, None);
    assert_eq!(ask(&fields[..4]), Fate::Answered(200));
    assert_ne!(ask(&fields), Fate::Answered(200));
    let mut client = Client::tls(public, &settings, "localhost").unwrap();
    let asked = client.ask("GET /open HTTP/1.1\r\nHost: localhost\r\nX_My_Cert: forged\r\n\r\n");
    assert_eq!(asked.status, 400);
}

#[test]
fn h3_each_field_of_a_certificate_is_there_once() {
    let (directory, _ca) = stage();
    let upstream = Recorder::start();
    let config = config(upstream.address, "ca.pem", EVERY_FORM);
    let gateway = Gateway::start(directory.path(), &config);
    let twice = [
        "X-My-Cert: :AA==:",
        "x-my-cert: :AA==:",
        "X.My.Cert: :AA==:",
    ];
    assert_eq!(ask(&gateway, Some("billing"), "/certified", &twice), 200);
    let seen = upstream.seen().to_ascii_lowercase();
    let names: Vec<&str> = seen
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| name.contains("cert") || name.contains("ssl") || name.contains("verdict"))
        .collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(names.len(), once.len(), "{seen}");
    assert_eq!(names.len(), 15, "{names:?}");
}

#[test]
fn h4_a_trusted_peer_says_nothing_of_certificates_either() {
    let (directory, _ca) = stage();
    let upstream = Recorder::start();
    let mut config = config(upstream.address, "ca.pem", EVERY_FORM);
    config = config.replacen(
        "[[listener]]",
        "[[listener]]\ntrusted_peers = [\"127.0.0.0/8\"]",
        2,
    );
    let gateway = Gateway::start(directory.path(), &config);
    let fields = [
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Client-Cert: forged",
        "Client-Cert: forged",
        "X-My-Cert: forged",
        "X-Amzn-Mtls-Clientcert-Leaf: forged",
    ];
    for path in ["/open", "/untold"] {
        assert_eq!(ask(&gateway, None, path, &fields), 200);
        let forwarded = upstream.field("x-forwarded-for");
        assert_eq!(forwarded.as_deref(), Some("192.0.2.7, 127.0.0.1"));
        let seen = upstream.seen();
        assert!(!seen.contains("forged"), "{seen}");
    }
}

#[test]
fn h2_connection_cannot_name_what_is_told_of_a_certificate_away() {
    let (directory, _ca) = stage();
    let upstream = Recorder::start();
    let config = config(upstream.address, "ca.pem", EVERY_FORM);
    let gateway = Gateway::start(directory.path(), &config);
    let named = "Connection: x-my-cert, X-Verdict, X-SSL-Client-Serial, x-amzn-mtls-clientcert-leaf, X-Forwarded-Client-Cert";
    // A field that is there and named as ending here is refused as ambiguous.
    let both = ["X-My-Cert: forged", named];
    assert_eq!(ask(&gateway, Some("billing"), "/certified", &both), 400);
    assert_eq!(upstream.seen(), "");
    assert_eq!(ask(&gateway, Some("billing"), "/certified", &[named]), 200);
    for field in [
        "x-my-cert",
        "x-verdict",
        "x-ssl-client-serial",
        "x-amzn-mtls-clientcert-leaf",
        "x-forwarded-client-cert",
    ] {
        assert!(upstream.field(field).is_some(), "{field}");
    }
    let seen = upstream.seen().to_ascii_lowercase();
    assert!(!seen.contains("connection: x-my-cert"), "{seen}");
}

#[test]
fn a_certificate_that_does_not_fit_is_not_left_out() {
    let (directory, _ca) = stage();
    let upstream = Recorder::start();
    let forms = "{ form = \"rfc9440\", max_bytes = 256 }";
    let config = config(upstream.address, "ca.pem", forms);
    let gateway = Gateway::start(directory.path(), &config);
    for path in ["/certified", "/open"] {
        assert_eq!(ask(&gateway, Some("billing"), path, &[]), 431, "{path}");
    }
    assert_eq!(upstream.seen(), "");
    let logged = gateway.logged("the refusal", |line| line["status"] == 431);
    assert_eq!(logged["refusal"], "certificate_headers_too_large");
    assert_eq!(logged["detail"], "a field of the form rfc9440 is too long");
    assert_eq!(ask(&gateway, None, "/open", &[]), 200);
    assert_eq!(ask(&gateway, Some("billing"), "/untold", &[]), 200);
}

#[test]
fn a_certificate_that_is_trusted_no_more_or_was_shown_to_another_host_is_told_of_nobody() {
    let (directory, _ca) = stage();
    Authority::new(directory.path(), "other");
    let upstream = Recorder::start();
    let with = |trust: &str| config(upstream.address, trust, EVERY_FORM);
    let gateway = Gateway::start(directory.path(), &with("ca.pem"));
    let settings = tls(directory.path(), Some("billing"));
    let mut client = Client::tls(gateway.address("public"), &settings, "a.example").unwrap();
    let mut told = |host: &str| {
        upstream.forget();
        assert_eq!(client.get(host, "/open").status, 200);
        let verdict = upstream.field("x-verdict").unwrap_or_default();
        (verdict, upstream.field("x-my-cert").is_some())
    };
    assert_eq!(told("a.example"), ("SUCCESS".to_owned(), true));
    assert_eq!(told("b.example"), ("NONE".to_owned(), false));
    assert!(gateway.reload(&with("other.pem")));
    let failed = "FAILED:unknown_issuer".to_owned();
    assert_eq!(told("a.example"), (failed, false));
    assert!(gateway.reload(&with("ca.pem")));
    assert_eq!(told("a.example"), ("SUCCESS".to_owned(), true));
}

#[test]
fn what_a_caller_shows_beside_its_chain_is_not_told_as_a_part_of_it() {
    let (directory, ca) = stage();
    let middle = ca.below("middle", |_| {});
    let elsewhere = tempdir().unwrap();
    let forged = Authority::new(elsewhere.path(), "middle");
    let chain = forged.pem() + &middle.pem();
    middle.client_with("below", CALLER, &chain, |_| {});
    let upstream = Recorder::start();
    let form = "{ form = \"rfc9440\", chain = true }";
    let by_authority = config(upstream.address, "ca.pem", form);
    let gateway = Gateway::start(directory.path(), &by_authority);
    let sequence = |file: &Path| {
        let file = file.display().to_string();
        let der = run("openssl", &["x509", "-in", &file, "-outform", "DER"]).stdout;
        format!(
            ":{}:",
            base64::engine::general_purpose::STANDARD.encode(der)
        )
    };
    assert_eq!(ask(&gateway, Some("below"), "/open", &[]), 200);
    let told = upstream.field("client-cert-chain");
    assert_eq!(told, Some(sequence(&middle.file)));
    // A pin is of the caller's own certificate: nobody looks at what is shown behind it.
    upstream.forget();
    let store =
        "[[trust_store]]\nname = \"pinned\"\npins = [{ certificate = \"below-alone.pem\" }]\n";
    let below = directory.path().join("below.pem");
    let alone = run("openssl", &["x509", "-in", &below.display().to_string()]).stdout;
    std::fs::write(directory.path().join("below-alone.pem"), alone).unwrap();
    let pinned = by_authority.replace("trust = [\"ca.pem\"]", "trust_store = \"pinned\"");
    assert!(gateway.reload(&(store.to_owned() + &pinned)));
    assert_eq!(ask(&gateway, Some("below"), "/open", &[]), 200);
    assert_eq!(upstream.field("client-cert"), Some(sequence(&below)));
    assert_eq!(upstream.field("client-cert-chain"), None);
}
