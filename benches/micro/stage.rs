//! What the benches run against: a snapshot of a hundred routes, and requests to it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use countersign::authorize::Answers;
use countersign::call::{Call, Parts};
use countersign::clock::UtcTime;
use countersign::config::{Config, Demand, SigV4Algorithm, SignatureDemand};
use countersign::credential::{Credential, CredentialStore};
use countersign::flow::{self, Circumstances, Decision};
use countersign::identity::{Caller, Identity, Shown, Vouched};
use countersign::signature::{KeyRing, KnownBody, SigningRequest, sign};
use countersign::snapshot::{Fetched, Snapshot};
use http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};

const AUTHORITY: &str = "gateway.example:8443";
const STORE: &str = r#"
[[credential]]
id = "CSBENCH"
secret = "a-secret-that-opens-nothing-but-a-bench"
"#;
const CONFIG: &str = r#"
[gateway]
credential_store = "credentials.toml"

[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
client_certificate = { mode = "optional", trust = ["server.pem"] }

[[consumer]]
name = "billing"
certificate = { san_uri = "spiffe://bench/billing" }
credentials = ["CSBENCH"]

[[policy]]
name = "partner"
all_of = ["certificate", "signature"]
signature = { schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }

[[policy]]
name = "ruled"
all_of = ["certificate"]
certificate = { any_of = [{ san_dns_suffix = ".partner.example" }, { san_uri = "spiffe://bench/billing" }], not = { issuer = "CN=Old CA", serial = "0a1b" }, min_rsa_bits = 3072, min_ec_bits = 256, extended_key_usage = ["client_auth"], max_age_secs = 3155760000 }

[[integration]]
name = "mock"
type = "mock"

[[integration]]
name = "rfc9440"
type = "http_proxy"
targets = ["127.0.0.1:80"]
certificate_headers = [{ form = "rfc9440" }]

[[integration]]
name = "alb"
type = "http_proxy"
targets = ["127.0.0.1:80"]
certificate_headers = [{ form = "alb" }]

[[integration]]
name = "nginx"
type = "http_proxy"
targets = ["127.0.0.1:80"]
certificate_headers = [{ form = "nginx" }]

[[integration]]
name = "xfcc"
type = "http_proxy"
targets = ["127.0.0.1:80"]
certificate_headers = [{ form = "xfcc" }]
"#;

/// A request whose head has been parsed.
pub struct Request {
    target: String,
    headers: HeaderMap,
}

/// What the benches run against.
pub struct Stage {
    answers: Answers,
    pub snapshot: Snapshot,
    /// A request for each kind of route, by the kind's name.
    pub routed: Vec<(&'static str, Request)>,
    pub signed: Request,
    pub demand: SignatureDemand,
    pub keys: KeyRing,
    pub certificate: Vec<u8>,
    pub now: UtcTime,
    pub identity: Identity,
}

impl Stage {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let certificate = write_certificates(&path);
        write_private(&path("credentials.toml"), STORE);
        fs::write(path("gateway.toml"), CONFIG.to_owned() + &routes()).expect("a file");
        countersign::tls::install_crypto();
        let config = Config::load(&path("gateway.toml")).expect("a configuration");
        let store = CredentialStore::load(&path("credentials.toml")).expect("a store");
        let partner = config
            .policies
            .iter()
            .find(|one| one.name.as_str() == "partner");
        let demand = match partner.map(|policy| &policy.demand) {
            Some(Demand::AllOf(proof) | Demand::AnyOf(proof)) => proof.signature.clone(),
            _ => None,
        };
        let demand = demand.expect("a signature");
        let now = UtcTime::now();
        let credential = store.iter().next().expect("a credential");
        Self {
            routed: vec![
                ("literal", Request::plain("/service50/orders")),
                ("parameter", Request::plain("/service50/orders/4711/lines")),
                ("greedy", Request::plain("/service50/files/a/b/c/d.txt")),
                ("none", Request::plain("/service50/nothing/here")),
            ],
            signed: Request::signed(
                "/service50/orders/4711/lines?b=2&a=1",
                credential,
                &demand,
                now,
            ),
            answers: Answers::default(),
            snapshot: Snapshot::build(config, Fetched::default(), None).expect("a snapshot"),
            keys: KeyRing::new(Arc::new(store), Arc::default()),
            identity: Identity::parse(&certificate).expect("an identity"),
            demand,
            certificate,
            now,
        }
    }

    /// The stages from the route to the integration, as a request of a known caller runs them.
    pub fn decide(&self, call: &Call<'_>) {
        let around = Circumstances {
            caller: Caller {
                certificate: Shown::Trusted(Vouched {
                    identity: &self.identity,
                    trust_store: Some("clients"),
                    spiffe_trust_domains: &[],
                }),
                sni: Some("gateway.example"),
                secure: true,
                address: None,
            },
            body: KnownBody::Empty,
            answers: &self.answers,
            tls: None,
            max_body_bytes: 1 << 20,
            now: self.now,
            timely: true,
        };
        let decided = flow::decide(&self.snapshot, call, &around);
        assert!(
            matches!(decided.outcome, Ok(Decision::Serve(_))),
            "{:?}",
            decided.outcome.err()
        );
    }
}

impl Request {
    fn plain(target: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(AUTHORITY));
        headers.insert("user-agent", HeaderValue::from_static("bench/1"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        Self {
            target: target.to_owned(),
            headers,
        }
    }

    fn signed(
        target: &str,
        credential: &Credential,
        demand: &SignatureDemand,
        now: UtcTime,
    ) -> Self {
        let demand = demand.sigv4.as_ref().expect("SigV4");
        let mut request = Self::plain(target);
        let signed = sign(&SigningRequest {
            algorithm: SigV4Algorithm::Hmac,
            method: "GET",
            target,
            authority: AUTHORITY,
            headers: &[],
            payload_hash: None,
            body: &[],
            profile: demand.profile,
            region: &demand.region,
            service: &demand.service,
            id: credential.id.as_str(),
            secret: credential.secret_access_key().expect("a secret"),
            now,
        });
        for (name, value) in signed.expect("a signature") {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            let value = HeaderValue::from_str(&value).expect("a value");
            request.headers.insert(name, value);
        }
        request
    }

    pub fn call(&self) -> Call<'_> {
        Call::admit(&Parts {
            method: "GET",
            target: self.target.as_bytes(),
            authority: None,
            headers: &self.headers,
            ended: true,
        })
        .expect("a request")
    }
}

/// A hundred services with four routes each.
fn routes() -> String {
    let paths = [
        "orders",
        "orders/{id}",
        "orders/{id}/lines",
        "files/{proxy+}",
    ];
    let mut text = String::new();
    for service in 0..100 {
        for path in paths {
            let _ = write!(
                text,
                "\n[[route]]\npath = \"/service{service}/{path}\"\nmethod = \"GET\"\n\
                 policy = \"partner\"\nintegration = \"mock\"\n"
            );
        }
    }
    text
}

/// A file that only its owner may read, as the gateway wants it.
fn write_private(file: &Path, text: &str) {
    fs::write(file, text).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// Writes an authority as `server.pem`; returns a client's certificate.
pub fn write_certificates(path: &dyn Fn(&str) -> std::path::PathBuf) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["gateway.example".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    write_private(&path("server.key"), &key.serialize_pem());
    let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
    fs::write(path("server.pem"), issuer.pem()).expect("a file");

    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Example");
    params
        .distinguished_name
        .push(DnType::CommonName, "billing");
    let uri = "spiffe://bench/billing".try_into().expect("a URI");
    params.subject_alt_names.push(SanType::URI(uri));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    certificate.der().to_vec()
}
