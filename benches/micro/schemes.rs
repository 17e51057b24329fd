//! What a signature costs by scheme and size of the body: from the parsed head to the last byte
//! of the body checked, in the pieces in which a body passes through the gateway.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::Bytes;
use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::{Config, SigV4Algorithm, SignatureDemand};
use countersign::credential::{Credential, CredentialStore, Key, Secret};
use countersign::digest::sha256;
use countersign::flow::body::BodyWatch;
use countersign::key::{Algorithm, SigningKey, VerifyingKey};
use countersign::names::CredentialId;
use countersign::signature::rfc9421::{self, DigestAlgorithm};
use countersign::signature::{
    self, BodyDuty, Evidence, HmacSigningRequest, KeyRing, KnownBody, Outcome, SigningRequest,
};
use criterion::{Criterion, Throughput};
use http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
};

const ID: &str = "CSBENCH";
const SECRET: &str = "a-secret-that-opens-nothing-but-a-bench";
const AUTHORITY: &str = "gateway.example";
const TARGET: &str = "/orders/4711/lines?b=2&a=1";
const REGION: &str = "us-west-2";
const SERVICE: &str = "execute-api";
/// As Pingora reads a body.
const PIECE: usize = 64 * 1024;
const SIZES: [usize; 5] = [0, 1024, 64 * 1024, 1 << 20, 16 << 20];

const POLICIES: [(&str, &str); 4] = [
    (
        "aws",
        r#"schemes = ["sigv4", "sigv4a"], service = "execute-api", region = "us-west-2", streaming = ["signed"]"#,
    ),
    ("message", r#"schemes = ["rfc9421"]"#),
    (
        "github",
        r#"schemes = ["hmac"], hmac = { preset = "github", credentials = ["CSBENCH"] }, max_buffered_body_bytes = 1073741824"#,
    ),
    (
        "stripe",
        r#"schemes = ["hmac"], hmac = { preset = "stripe", credentials = ["CSBENCH"] }, max_buffered_body_bytes = 1073741824"#,
    ),
];

/// A signed request and everything that judges it.
struct Case {
    headers: HeaderMap,
    /// As it is on the wire.
    body: Bytes,
    demand: SignatureDemand,
    keys: KeyRing,
    /// Whether it is read whole before the signature is judged.
    is_read_first: bool,
}

/// The table: every scheme by every size.
pub fn measure(criterion: &mut Criterion) {
    let demands = demands();
    let sizes = SIZES.map(|size| Bytes::from(vec![b'x'; size]));
    for (name, make) in schemes() {
        let mut group = criterion.benchmark_group(format!("verify/{name}"));
        group
            .sample_size(20)
            .measurement_time(Duration::from_secs(1));
        group.warm_up_time(Duration::from_millis(300));
        for body in &sizes {
            let case = make(&demands, body);
            case.judge();
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(size_name(body.len()), |b| b.iter(|| case.judge()));
        }
        group.finish();
    }
}

/// Heap allocations of verifying a GET, warm, by scheme.
pub fn count_allocations(during: impl Fn(&dyn Fn()) -> u64) {
    let demands = demands();
    for (name, make) in schemes() {
        let case = make(&demands, &Bytes::new());
        case.judge();
        println!(
            "verify/{name}: {} heap allocations",
            during(&|| case.judge())
        );
    }
}

type Make = Box<dyn Fn(&HashMap<&str, SignatureDemand>, &Bytes) -> Case>;

fn schemes() -> Vec<(&'static str, Make)> {
    let message = |algorithm, pem: Option<String>| -> Make {
        Box::new(move |demands, body| message_case(demands, body, algorithm, pem.as_deref()))
    };
    let pair = |kind| KeyPair::generate_for(kind).expect("a key").serialize_pem();
    let rsa = pair(&PKCS_RSA_SHA256);
    vec![
        (
            "sigv4",
            Box::new(|demands, body| aws_case(demands, body, SigV4Algorithm::Hmac)),
        ),
        ("sigv4-chunks", Box::new(chunked_case)),
        (
            "sigv4a",
            Box::new(|demands, body| aws_case(demands, body, SigV4Algorithm::Ecdsa)),
        ),
        ("rfc9421-hmac-sha256", message(Algorithm::HmacSha256, None)),
        (
            "rfc9421-ed25519",
            message(Algorithm::Ed25519, Some(pair(&PKCS_ED25519))),
        ),
        (
            "rfc9421-ecdsa-p256-sha256",
            message(
                Algorithm::EcdsaP256Sha256,
                Some(pair(&PKCS_ECDSA_P256_SHA256)),
            ),
        ),
        (
            "rfc9421-ecdsa-p384-sha384",
            message(
                Algorithm::EcdsaP384Sha384,
                Some(pair(&PKCS_ECDSA_P384_SHA384)),
            ),
        ),
        (
            "rfc9421-rsa-pss-sha512",
            message(Algorithm::RsaPssSha512, Some(rsa.clone())),
        ),
        (
            "rfc9421-rsa-v1_5-sha256",
            message(Algorithm::RsaV15Sha256, Some(rsa)),
        ),
        (
            "hmac-github",
            Box::new(|demands, body| hmac_case(demands, body, "github")),
        ),
        (
            "hmac-stripe",
            Box::new(|demands, body| hmac_case(demands, body, "stripe")),
        ),
    ]
}

impl Case {
    fn new(fields: Vec<(String, String)>, body: Bytes, demand: &SignatureDemand, key: Key) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(AUTHORITY));
        if !body.is_empty() {
            headers.insert("content-length", body.len().into());
        }
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(&value).expect("a value"));
        }
        let credential = Credential {
            id: CredentialId::new(ID),
            key,
            not_before: None,
            not_after: None,
        };
        let store = CredentialStore::from_credentials([credential]);
        Self {
            headers,
            body,
            demand: demand.clone(),
            keys: KeyRing::new(Arc::new(store), Arc::default()),
            is_read_first: demand.hmac.is_some(),
        }
    }

    /// What the gateway does from the parsed head to the end of the body.
    fn judge(&self) {
        let call = Call::admit(&Parts {
            method: method(&self.body),
            target: TARGET.as_bytes(),
            authority: None,
            headers: black_box(&self.headers),
            ended: self.body.is_empty(),
        });
        let call = call.expect("a request");
        let evidence = Evidence {
            call: &call,
            body: match (self.body.is_empty(), self.is_read_first) {
                (true, _) => KnownBody::Empty,
                (false, true) => KnownBody::Whole(&self.body),
                (false, false) => KnownBody::Unread,
            },
            secure: true,
            now: now(),
            timely: true,
        };
        let presented = signature::present(&call, &self.demand, &self.keys);
        let presented = presented.expect("a carrier").expect("a signature");
        let outcome = signature::verify(&presented, &evidence, &self.demand, &self.keys);
        let Ok(Outcome::Verified(verified)) = outcome else {
            panic!("{outcome:?}");
        };
        if !matches!(verified.duty, BodyDuty::None) {
            self.watch(&verified.duty);
        }
    }

    fn watch(&self, duty: &BodyDuty) {
        let mut watch = BodyWatch::new(duty, u64::MAX);
        let mut rest = self.body.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(PIECE.min(rest.len()));
            black_box(watch.pass(piece, false).expect("a right piece"));
        }
        black_box(watch.pass(Bytes::new(), true).expect("a right end"));
    }
}

fn aws_case(
    demands: &HashMap<&str, SignatureDemand>,
    body: &Bytes,
    algorithm: SigV4Algorithm,
) -> Case {
    let hash = (!body.is_empty()).then(|| hex(&sha256(body)));
    let fields = sign_aws(method(body), algorithm, &[], hash);
    let key = Key::Aws(Secret::new(SECRET.to_owned()));
    Case::new(fields, body.clone(), &demands["aws"], key)
}

fn sign_aws(
    method: &str,
    algorithm: SigV4Algorithm,
    headers: &[(String, String)],
    hash: Option<String>,
) -> Vec<(String, String)> {
    let signed = signature::sign(&SigningRequest {
        algorithm,
        method,
        target: TARGET,
        authority: AUTHORITY,
        headers,
        payload_hash: hash,
        body: b"",
        profile: countersign::config::SignatureProfile::Aws,
        region: REGION,
        service: SERVICE,
        id: ID,
        secret: &Secret::new(SECRET.to_owned()),
        now: now(),
    });
    headers
        .iter()
        .cloned()
        .chain(signed.expect("a signature"))
        .collect()
}

/// The body in AWS's chunks, each signed (Amazon S3 API Reference, "Transferring Payload in
/// Multiple Chunks").
fn chunked_case(demands: &HashMap<&str, SignatureDemand>, body: &Bytes) -> Case {
    if body.is_empty() {
        return aws_case(demands, body, SigV4Algorithm::Hmac);
    }
    let length = (
        "x-amz-decoded-content-length".to_owned(),
        body.len().to_string(),
    );
    let mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned();
    let fields = sign_aws("POST", SigV4Algorithm::Hmac, &[length], Some(mode));
    let stamp = now().amz();
    let key = countersign::signature::derive_key(
        &Secret::new(SECRET.to_owned()),
        &stamp[..8],
        REGION,
        SERVICE,
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let seed = &fields.last().expect("authorization").1;
    let mut previous = seed.rsplit('=').next().expect("a signature").to_owned();
    let mut wire = Vec::with_capacity(body.len() + 1024);
    for chunk in body.chunks(PIECE).chain([&b""[..]]) {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{}/{REGION}/{SERVICE}/aws4_request\n{previous}\n{}\n{}",
            &stamp[..8],
            hex(&sha256(b"")),
            hex(&sha256(chunk))
        );
        previous = hex(hmac::sign(&key, text.as_bytes()).as_ref());
        wire.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).into_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    let key = Key::Aws(Secret::new(SECRET.to_owned()));
    Case::new(fields, wire.into(), &demands["aws"], key)
}

fn message_case(
    demands: &HashMap<&str, SignatureDemand>,
    body: &Bytes,
    algorithm: Algorithm,
    pem: Option<&str>,
) -> Case {
    let key = match pem {
        Some(pem) => SigningKey::from_pem(Some(algorithm), pem),
        None => SigningKey::from_secret(SECRET.as_bytes()),
    };
    let key = key.expect("a key");
    let mut components = ["@method", "@authority", "@path", "@query"]
        .map(str::to_owned)
        .to_vec();
    if !body.is_empty() {
        components.push("content-digest".to_owned());
    }
    let fields = rfc9421::sign(&rfc9421::SigningRequest {
        method: method(body),
        target: TARGET,
        authority: AUTHORITY,
        secure: true,
        headers: &[],
        content: (!body.is_empty()).then_some((body, DigestAlgorithm::Sha256)),
        components: &components,
        label: "sig1",
        created: now(),
        expires: None,
        nonce: None,
        tag: None,
        keyid: ID,
        with_alg: false,
        key: &key,
    });
    let verifying = match pem {
        Some(_) => key.verifying_key(),
        None => VerifyingKey::from_secret(SECRET.as_bytes()),
    };
    let verifying = verifying.expect("a key to verify with");
    let fields = fields.expect("a signature");
    Case::new(
        fields,
        body.clone(),
        &demands["message"],
        Key::Message(verifying),
    )
}

fn hmac_case(demands: &HashMap<&str, SignatureDemand>, body: &Bytes, preset: &str) -> Case {
    let demand = &demands[preset];
    let secret = Secret::new(SECRET.to_owned());
    let fields = signature::sign_hmac(&HmacSigningRequest {
        method: method(body),
        target: TARGET,
        authority: AUTHORITY,
        headers: &[],
        body,
        demand: demand.hmac.as_ref().expect("HMAC"),
        id: ID,
        secret: &secret,
        now: now(),
    });
    Case::new(
        fields.expect("a signature"),
        body.clone(),
        demand,
        Key::Hmac(secret),
    )
}

fn method(body: &[u8]) -> &'static str {
    if body.is_empty() { "GET" } else { "POST" }
}

/// The demands that configuration makes of [`POLICIES`].
fn demands() -> HashMap<&'static str, SignatureDemand> {
    let mut text = String::from(
        "gateway.credential_store = \"none.toml\"\n[[listener]]\nname = \"a\"\naddress = \"127.0.0.1:1\"\n\
         [[consumer]]\nname = \"c\"\ncredentials = [\"CSBENCH\"]\n\
         [[integration]]\nname = \"m\"\ntype = \"mock\"\n[[route]]\npath = \"/\"\nmethod = \"GET\"\npolicy = \"open\"\nintegration = \"m\"\n",
    );
    for (name, signature) in POLICIES {
        let _ = writeln!(
            text,
            "[[policy]]\nname = \"{name}\"\nall_of = [\"signature\"]\nsignature = {{ {signature} }}"
        );
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("gateway.toml");
    std::fs::write(&file, text).expect("a file");
    let config = Config::load(&file).expect("a configuration");
    let demand = |name| {
        let policy = config.policies.iter().find(|one| one.name.as_str() == name);
        policy
            .and_then(|one| one.demand.signature())
            .expect("a demand")
            .clone()
    };
    POLICIES.map(|(name, _)| (name, demand(name))).into()
}

fn now() -> UtcTime {
    UtcTime::from_unix(1_800_000_000)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn size_name(size: usize) -> String {
    match size {
        0 => "0".to_owned(),
        size if size < 1 << 20 => format!("{} KiB", size >> 10),
        size => format!("{} MiB", size >> 20),
    }
}
