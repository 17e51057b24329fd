//! What docs/signatures.md shows is true: its configurations start a gateway, each of its snippets
//! is let in by it, and its table of refusals is the source's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use countersign::refusal::Refusal;
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, HOOK_SECRET, PROGRAM, SECRET};
use crate::harness::nginx::free_address;
use crate::harness::pki::Authority;
use crate::harness::sts::{APP, Sts};
use crate::harness::{node_home, python, text};
use crate::messages::{key_pair, write_private};

#[path = "snippets/sign_sigv4.rs"]
mod sign_sigv4;

const BODY: &str = "{\"amount\": 7}";
const ENDPOINT: &str = "regions = [\"us-west-2\"]";
const FENCE: &str = "```";
const MARK: &str = "<!-- test: ";

/// A block of code, and the mark above it.
struct Block {
    mark: String,
    language: String,
    code: String,
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn blocks() -> Vec<Block> {
    let document = read("docs/signatures.md");
    let mut lines = document.lines();
    let (mut blocks, mut before) = (Vec::new(), "");
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix(FENCE) {
            let mark = before.strip_prefix(MARK);
            let mark = mark.and_then(|mark| mark.strip_suffix(" -->"));
            let code = lines.by_ref().take_while(|line| *line != FENCE);
            let code: String = code.map(|line| format!("{line}\n")).collect();
            blocks.push(Block {
                mark: mark.unwrap_or_else(|| panic!("no mark: {code}")).to_owned(),
                language: language.to_owned(),
                code,
            });
        }
        before = line;
    }
    blocks
}

/// The schemes that are shown, each with a policy of its name.
const SCHEMES: [(&str, &str, &str); 4] = [
    ("sigv4", "CSBILLING", SECRET),
    ("rfc9421", "CSORDERS", ""),
    ("hmac", "CSMETERS", HOOK_SECRET),
    ("sts", "", ""),
];

struct Stage {
    directory: TempDir,
    gateway: Gateway,
    _sts: Sts,
}

impl Stage {
    fn new(blocks: &[Block]) -> Self {
        let directory = tempdir().unwrap();
        let home = directory.path();
        Authority::new(home, "ca").server("server", &["localhost"]);
        key_pair(home, "orders", &["-algorithm", "ed25519"]);
        fs::write(home.join("order.json"), BODY).unwrap();
        symlink(node_home().join("node_modules"), home.join("node_modules")).unwrap();
        let shown = |mark: &str| -> String {
            let of = blocks.iter().filter(|block| block.mark == mark);
            of.map(|block| block.code.as_str()).collect()
        };
        let public = fs::read_to_string(home.join("orders.pub")).unwrap();
        let before = "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n";
        let mut store = shown("store");
        assert!(store.contains(before), "{store}");
        store = store.replace(before, &public);
        for (id, scheme, secret) in [
            ("CSBILLING", "sigv4", SECRET),
            ("CSGITHUB", "hmac", "a-secret-of-github-or-another"),
            ("CSMETERS", "hmac", HOOK_SECRET),
        ] {
            store += &format!(
                "[[credential]]\nid = \"{id}\"\nscheme = \"{scheme}\"\nsecret = \"{secret}\"\n"
            );
        }
        write_private(&home.join("credentials.toml"), &store);
        let sts = Sts::start(free_address());
        let policies = shown("config");
        assert!(policies.contains(ENDPOINT), "{policies}");
        let endpoint = format!("{ENDPOINT}, endpoint = \"http://{}\"", sts.address);
        let route = |(name, ..): &(&str, &str, &str)| {
            format!(
                "[[route]]\npath = \"/{name}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"{name}\"\nintegration = \"ok\"\n"
            )
        };
        let config = format!(
            "[[listener]]\nname = \"public\"\naddress = \"127.0.0.1:0\"\n\
             certificate = [{{ chain = \"server.pem\", private_key = \"server.key\" }}]\n\
             [[integration]]\nname = \"ok\"\ntype = \"mock\"\n{}{}",
            policies.replace(ENDPOINT, &endpoint),
            SCHEMES.iter().map(route).collect::<String>()
        );
        Self {
            gateway: Gateway::start(home, &config),
            directory,
            _sts: sts,
        }
    }

    fn url(&self, scheme: &str) -> String {
        self.gateway.url(&format!("/{scheme}/orders?id=7"))
    }

    /// What a snippet prints.
    fn run(&self, block: &Block, (scheme, id, secret): (&str, &str, &str)) -> String {
        let home = self.directory.path();
        let (program, ending) = match block.language.as_str() {
            "python" => (python(), "py"),
            "javascript" => ("node".into(), "mjs"),
            "sh" => ("sh".into(), "sh"),
            other => panic!("nothing runs {other}"),
        };
        let file = home.join(format!("snippet.{ending}"));
        fs::write(&file, &block.code).unwrap();
        let tools = Path::new(PROGRAM).parent().unwrap().display();
        let path = format!("{tools}:{}", std::env::var("PATH").unwrap());
        let ca = home.join("ca.pem");
        let mut command = Command::new(program);
        command.arg(&file).current_dir(home).env("PATH", path);
        for trust in [
            "SSL_CERT_FILE",
            "NODE_EXTRA_CA_CERTS",
            "CURL_CA_BUNDLE",
            "REQUESTS_CA_BUNDLE",
        ] {
            command.env(trust, &ca);
        }
        let output = command
            .env("URL", self.url(scheme))
            .env("KEY_ID", id)
            .env("SECRET", secret)
            .env("KEY_FILE", home.join("orders.key"))
            .env("AWS_ACCESS_KEY_ID", APP[0])
            .env("AWS_SECRET_ACCESS_KEY", APP[1])
            .output()
            .unwrap();
        text(&output.stdout) + &text(&output.stderr)
    }

    fn post(&self, scheme: &str, fields: &[(String, String)]) -> u16 {
        let (address, config) = (
            self.gateway.address("public"),
            tls(self.directory.path(), None),
        );
        let mut client = Client::tls(address, &config, "localhost").unwrap();
        let url = self.url(scheme);
        let (_, rest) = url.split_once("//").unwrap();
        let (host, target) = rest.split_once('/').unwrap();
        let mut request = format!("POST /{target} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in fields {
            request += &format!("{name}: {value}\r\n");
        }
        let length = BODY.len();
        request += &format!("Content-Length: {length}\r\n\r\n{BODY}");
        client.ask(&request).status
    }
}

#[test]
fn every_snippet_of_the_document_is_let_in() {
    let blocks = blocks();
    let stage = Stage::new(&blocks);
    let mut ran = 0;
    for scheme in SCHEMES {
        let name = scheme.0;
        assert_eq!(stage.post(name, &[]), 401, "{name} without a signature");
        let is_run = |block: &&Block| block.mark == name && block.language != "rust";
        for block in blocks.iter().filter(is_run) {
            let said = stage.run(block, scheme);
            assert_eq!(
                said, "200\n",
                "{name} in {}:\n{}",
                block.language, block.code
            );
            ran += 1;
        }
    }
    let others = |block: &&Block| ["config", "store"].contains(&block.mark.as_str());
    let others = blocks.iter().filter(others).count();
    // The one that is left is Rust's.
    assert_eq!(ran + others + 1, blocks.len(), "a block is not run");
}

#[test]
fn the_snippet_in_rust_is_the_one_that_is_compiled_and_it_is_let_in() {
    let blocks = blocks();
    let rust = blocks.iter().find(|block| block.language == "rust");
    assert_eq!(rust.unwrap().code, read("tests/e2e/snippets/sign_sigv4.rs"));
    let stage = Stage::new(&blocks);
    let (scheme, id, secret) = SCHEMES[0];
    let url = stage.url(scheme);
    let kind = "application/json";
    let signed = sign_sigv4::sign_post(&url, BODY.as_bytes(), kind, id, secret);
    let mut fields = signed.unwrap();
    fields.push(("content-type".to_owned(), kind.to_owned()));
    assert_eq!(stage.post(scheme, &fields), 200);
    fields.last_mut().unwrap().1 = "text/plain".to_owned();
    assert_eq!(stage.post(scheme, &fields), 403);
}

#[test]
fn the_table_of_refusals_is_the_source_s() {
    let document = read("docs/signatures.md");
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<&str> = rows.filter(|line| !line.contains("sigv4`")).collect();
    let refusals = [
        Refusal::SignatureRequired(Arc::default()),
        Refusal::SignatureMalformed(""),
        Refusal::SignatureScope,
        Refusal::SignatureExpired,
        Refusal::SignatureNotYetValid,
        Refusal::ClockUnsynchronized,
        Refusal::SignatureMismatch(""),
        Refusal::SignatureReplayed,
        Refusal::PayloadModeRefused,
        Refusal::BodyHashMismatch,
        Refusal::ConsumerMismatch,
        Refusal::ConsumerNotAllowed,
        Refusal::BodyTooLarge,
        Refusal::BuffersFull,
        Refusal::ReplayMemoryUnavailable(""),
        Refusal::PrincipalUnavailable(""),
        Refusal::UpstreamNotSigned(""),
    ];
    assert_eq!(rows.len(), refusals.len());
    for (row, refusal) in rows.iter().zip(refusals) {
        let start = format!("| `{}` | {} | ", refusal.code(), refusal.status());
        assert!(row.starts_with(&start), "{row}");
    }
    // Each code of a signature that there is.
    let source = read("src/refusal.rs");
    let codes = source.split('"').filter(|word| {
        word.starts_with("signature_") && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    });
    for code in codes {
        assert!(document.contains(&format!("| `{code}` |")), "{code}");
    }
}
