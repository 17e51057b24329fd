//! Signers of RFC 9421 that others wrote, judged by our verifier: what they sign is taken, and
//! refused once it is changed. And our signer, judged by theirs. `tests/prepare` installs them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::Rfc9421Demand;
use countersign::key::{Algorithm, SigningKey, VerifyingKey};
use countersign::refusal::Refusal;
use countersign::signature::rfc9421::{
    DigestAlgorithm, Found, SigningRequest, present, sign, signature_base, verify,
};
use http::{HeaderMap, HeaderName, HeaderValue};

const KEYID: &str = "CSPARTNER1";
const AUTHORITY: &str = "gateway.example:8443";
const TARGET: &str = "/orders/7%2F8?b=2&a=1&c=%20x";
const BODY: &[u8] = b"{\"hello\": \"world\"}";
const COMPONENTS: [&str; 6] = [
    "@method",
    "@authority",
    "@path",
    "@query",
    "@target-uri",
    "content-type",
];

/// Who signs.
#[derive(Clone, Copy, Debug)]
enum Signer {
    Python,
    Node,
}

impl Signer {
    /// One of its two scripts: `sign` or `verify`.
    fn script(self, what: &str) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = |ending: &str| root.join(format!("tests/e2e/rfc9421_{what}.{ending}"));
        match self {
            Self::Python => {
                let mut command = Command::new(root.join("target/venv/bin/python"));
                command.arg(script("py"));
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(script("mjs")).arg(root.join("target/node"));
                command
            }
        }
    }
}

/// A key pair made by openssl, in files.
struct Keys {
    directory: tempfile::TempDir,
    algorithm: Algorithm,
}

impl Keys {
    fn new(algorithm: Algorithm) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Self {
            directory,
            algorithm,
        };
        let kind: &[&str] = match algorithm {
            Algorithm::HmacSha256 => {
                let secret = b"a secret of more than thirty-two bytes";
                std::fs::write(keys.path("private"), secret).unwrap();
                return keys;
            }
            Algorithm::RsaPssSha512 | Algorithm::RsaV15Sha256 => {
                &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
            }
            Algorithm::EcdsaP256Sha256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Algorithm::EcdsaP384Sha384 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Algorithm::Ed25519 => &["ED25519"],
        };
        let (private, public) = (keys.path("private"), keys.path("public"));
        let make = [&["genpkey", "-out", &private, "-algorithm"], kind].concat();
        run(Command::new("openssl").args(make));
        run(Command::new("openssl").args(["pkey", "-in", &private, "-pubout", "-out", &public]));
        keys
    }

    fn path(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn signing(&self) -> SigningKey {
        let private = std::fs::read(self.path("private")).unwrap();
        match self.algorithm {
            Algorithm::HmacSha256 => SigningKey::from_secret(&private).unwrap(),
            algorithm => {
                let pem = String::from_utf8(private).unwrap();
                SigningKey::from_pem(Some(algorithm), &pem).unwrap()
            }
        }
    }

    fn verifying(&self) -> VerifyingKey {
        match self.algorithm {
            Algorithm::HmacSha256 => {
                VerifyingKey::from_secret(&std::fs::read(self.path("private")).unwrap()).unwrap()
            }
            algorithm => {
                let pem = std::fs::read_to_string(self.path("public")).unwrap();
                VerifyingKey::from_pem(Some(algorithm), &pem).unwrap()
            }
        }
    }
}

/// What a signer was given and what it said.
#[derive(Clone)]
struct Signed {
    method: &'static str,
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Signed {
    fn by(signer: Signer, keys: &Keys, algorithm: &str, method: &'static str) -> Self {
        let mut command = signer.script("sign");
        let body: &[u8] = if method == "POST" { BODY } else { b"" };
        let mut components = COMPONENTS.to_vec();
        let mut file = "-".to_owned();
        if !body.is_empty() {
            file = keys.path("body");
            std::fs::write(&file, body).unwrap();
            components.push("content-digest");
        }
        let url = format!("https://{AUTHORITY}{TARGET}");
        command
            .args([algorithm, &keys.path("private"), KEYID, method, &url, &file])
            .args(components);
        let fields: serde_json::Value = serde_json::from_slice(&run(&mut command)).unwrap();
        let field = |(name, value): (&String, &serde_json::Value)| {
            (name.to_lowercase(), value.as_str().unwrap().to_owned())
        };
        Self {
            method,
            target: TARGET.to_owned(),
            fields: fields.as_object().unwrap().iter().map(field).collect(),
            body: body.to_vec(),
        }
    }

    fn field(&mut self, name: &str) -> &mut String {
        let found = self.fields.iter_mut().find(|(one, _)| one == name);
        &mut found.unwrap().1
    }

    fn with_call<T>(&self, use_it: impl FnOnce(&Call<'_>) -> T) -> T {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        use_it(
            &Call::admit(&Parts {
                method: self.method,
                target: self.target.as_bytes(),
                authority: Some(AUTHORITY),
                headers: &headers,
                ended: self.body.is_empty(),
            })
            .unwrap(),
        )
    }

    fn judge(&self, key: &VerifyingKey) -> Result<(), Refusal> {
        let demand = Rfc9421Demand {
            components: vec!["content-type".to_owned()],
            tag: self
                .fields
                .iter()
                .any(|(_, value)| value.contains("tag="))
                .then(|| "e2e".to_owned()),
            ..Rfc9421Demand::default()
        };
        let found = |id: &str| (id == KEYID).then_some(Found { key, live: true });
        self.with_call(|call| {
            let presented = present(call, &demand, |id| id == KEYID)?;
            let presented = presented.ok_or(Refusal::SignatureRequired(Arc::default()))?;
            let verified = verify(&presented, call, &demand, found, true, UtcTime::now())?;
            assert_eq!(verified.digest().is_some(), !self.body.is_empty());
            verified
                .digest()
                .map_or(Ok(()), |digest| digest.check(&self.body))
        })
    }
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("run tests/prepare first");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}

/// Takes what was signed, and refuses it once anything is another.
fn take_and_refuse(signed: &Signed, key: &VerifyingKey, who: &str) {
    assert_eq!(signed.judge(key), Ok(()), "{who}");
    let wrong = Err(Refusal::SignatureMismatch("the signature is wrong"));
    let changed = |change: &dyn Fn(&mut Signed)| {
        let mut signed = signed.clone();
        change(&mut signed);
        signed.judge(key)
    };
    assert_eq!(changed(&|one| one.method = "DELETE"), wrong, "{who}");
    assert_eq!(changed(&|one| one.target.push('0')), wrong, "{who}");
    assert_eq!(
        changed(&|one| one.target = TARGET.replace("b=2&a=1", "a=1&b=2")),
        wrong,
        "{who}"
    );
    let type_changed = changed(&|one| *one.field("content-type") = "text/html".to_owned());
    assert_eq!(type_changed, wrong, "{who}");
    let tampered = changed(&|one| {
        let field = one.field("signature-input");
        *field = field.replace("created=1", "x=1;created=1");
    });
    assert_eq!(tampered, wrong, "{who}");
    let another = VerifyingKey::from_secret(&[1; 32]).unwrap();
    assert!(
        matches!(signed.judge(&another), Err(Refusal::SignatureMismatch(_))),
        "{who}"
    );
    if !signed.body.is_empty() {
        let body = changed(&|one| one.body[0] ^= 1);
        assert_eq!(body, Err(Refusal::BodyHashMismatch), "{who}");
    }
}

fn take_from(signer: Signer, algorithms: &[Algorithm]) {
    for algorithm in algorithms {
        let keys = Keys::new(*algorithm);
        for method in ["GET", "POST"] {
            let signed = Signed::by(signer, &keys, algorithm.as_str(), method);
            let who = format!("{signer:?} {algorithm} {method}");
            take_and_refuse(&signed, &keys.verifying(), &who);
        }
    }
}

#[test]
fn what_the_package_of_pypi_signs_is_taken() {
    // It has no P-384.
    let all = Algorithm::ALL.into_iter();
    let algorithms: Vec<Algorithm> = all
        .filter(|one| *one != Algorithm::EcdsaP384Sha384)
        .collect();
    take_from(Signer::Python, &algorithms);
}

#[test]
fn what_the_package_of_npm_signs_is_taken() {
    take_from(Signer::Node, &Algorithm::ALL);
}

#[test]
fn a_salt_that_is_not_64_bytes_long_is_refused() {
    let keys = Keys::new(Algorithm::RsaPssSha512);
    let signed = Signed::by(Signer::Node, &keys, "rsa-pss-sha512/longest", "GET");
    let wrong = Err(Refusal::SignatureMismatch("the signature is wrong"));
    assert_eq!(signed.judge(&keys.verifying()), wrong);
}

/// Signs with ours, and has `signer`'s package verify; whether it did.
fn is_taken_by(signer: Signer, keys: &Keys, method: &'static str, changed: bool) -> bool {
    let body: &[u8] = if method == "POST" { BODY } else { b"" };
    let components = COMPONENTS.iter().map(|name| (*name).to_owned());
    let digest = (!body.is_empty()).then(|| "content-digest".to_owned());
    let components: Vec<String> = components.chain(digest).collect();
    let mut fields = vec![("content-type".to_owned(), "text/plain".to_owned())];
    let added = sign(&SigningRequest {
        method,
        target: TARGET,
        authority: AUTHORITY,
        secure: true,
        headers: &fields,
        content: (!body.is_empty()).then_some((body, DigestAlgorithm::Sha256)),
        components: &components,
        label: "ours",
        created: UtcTime::now(),
        expires: Some(UtcTime::from_unix(UtcTime::now().unix() + 60)),
        nonce: Some("a \"nonce\""),
        tag: Some("e2e"),
        keyid: KEYID,
        with_alg: true,
        key: &keys.signing(),
    });
    fields.extend(added.unwrap());
    if changed {
        fields[0].1.push('x');
    }
    let fields: serde_json::Map<String, serde_json::Value> = fields
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let fields = serde_json::Value::from(fields).to_string();
    let file = keys.path("body");
    std::fs::write(&file, body).unwrap();
    let key = match keys.algorithm {
        Algorithm::HmacSha256 => keys.path("private"),
        _ => keys.path("public"),
    };
    let file = if body.is_empty() { "-" } else { &file };
    let url = format!("https://{AUTHORITY}{TARGET}");
    let mut command = signer.script("verify");
    command.args([keys.algorithm.as_str(), &key, method, &url, file, &fields]);
    let output = command.output().expect("run tests/prepare first");
    assert!(
        output.status.success() || changed,
        "{command:?}: {output:?}"
    );
    output.status.success()
}

#[test]
fn what_we_sign_is_taken_by_the_others() {
    for algorithm in Algorithm::ALL {
        let keys = Keys::new(algorithm);
        for method in ["GET", "POST"] {
            assert!(is_taken_by(Signer::Node, &keys, method, false));
            assert!(!is_taken_by(Signer::Node, &keys, method, true));
            if algorithm != Algorithm::EcdsaP384Sha384 {
                assert!(is_taken_by(Signer::Python, &keys, method, false));
                assert!(!is_taken_by(Signer::Python, &keys, method, true));
            }
        }
    }
}

/// The base as `countersign verify` would print it, signed by hand.
#[test]
fn what_openssl_signs_is_taken() {
    for algorithm in [
        Algorithm::Ed25519,
        Algorithm::RsaPssSha512,
        Algorithm::RsaV15Sha256,
    ] {
        let keys = Keys::new(algorithm);
        let mut signed = Signed {
            method: "GET",
            target: TARGET.to_owned(),
            fields: [
                ("content-type", "text/plain".to_owned()),
                (
                    "signature-input",
                    format!(
                        "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-type\");created={};keyid=\"{KEYID}\"",
                        UtcTime::now().unix()
                    ),
                ),
                ("signature", "sig1=::".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
            body: Vec::new(),
        };
        let base = signed.with_call(|call| {
            let presented = present(call, &Rfc9421Demand::default(), |_| true)
                .unwrap()
                .unwrap();
            signature_base(&presented, call, true).unwrap()
        });
        let (file, signature) = (keys.path("base"), keys.path("signature"));
        std::fs::write(&file, base).unwrap();
        let private = keys.path("private");
        let mut command = Command::new("openssl");
        match algorithm {
            Algorithm::Ed25519 => command.args(["pkeyutl", "-sign", "-rawin", "-inkey", &private]),
            _ => {
                let hash = match algorithm {
                    Algorithm::RsaPssSha512 => "-sha512",
                    _ => "-sha256",
                };
                command.args(["dgst", hash, "-sign", &private])
            }
        };
        if algorithm == Algorithm::RsaPssSha512 {
            for option in ["rsa_padding_mode:pss", "rsa_pss_saltlen:64"] {
                command.args(["-sigopt", option]);
            }
        }
        command.args(["-out", &signature]);
        match algorithm {
            Algorithm::Ed25519 => command.args(["-in", &file]),
            _ => command.arg(&file),
        };
        run(&mut command);
        let signature = STANDARD.encode(std::fs::read(signature).unwrap());
        *signed.field("signature") = format!("sig1=:{signature}:");
        take_and_refuse(&signed, &keys.verifying(), algorithm.as_str());
    }
}
