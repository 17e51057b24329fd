//! What it costs to find whose a certificate is, by how many consumers there are: as the gateway
//! finds it, and by holding the certificate to the rules of one consumer after the other.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;

use countersign::authorize::failing;
use countersign::config::Config;
use countersign::identity::Vouched;
use countersign::snapshot::{Fetched, Snapshot};
use criterion::Criterion;

use crate::stage::{Stage, write_certificates};

const CONFIG: &str = r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
client_certificate = { mode = "optional", trust = ["server.pem"] }

[[route]]
path = "/"
method = "GET"
policy = "open"
integration = "mock"

[[integration]]
name = "mock"
type = "mock"
"#;

/// Times 1, 100 and 1,000 consumers, of which the last one calls.
pub fn measure(criterion: &mut Criterion, stage: &Stage) {
    let vouched = Vouched {
        identity: &stage.identity,
        trust_store: Some("clients"),
        spiffe_trust_domains: &[],
    };
    let mut group = criterion.benchmark_group("consumer");
    for count in [1, 100, 1000] {
        let snapshot = snapshot(count);
        let find = || snapshot.authorizer().consumer_of(&vouched, stage.now);
        assert_eq!(find().map(|name| name.as_str()), Some("caller"));
        group.bench_function(format!("found/{count}"), |b| b.iter(|| black_box(find())));
        let consumers = &snapshot.config().consumers;
        group.bench_function(format!("walked/{count}"), |b| {
            b.iter(|| {
                let rules = consumers.iter().flat_map(|one| &one.certificates);
                let fitting = rules.filter(|rule| failing(rule, &vouched, stage.now).is_none());
                black_box(fitting.count())
            });
        });
    }
    group.finish();
}

fn snapshot(count: usize) -> Snapshot {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    write_certificates(&path);
    let mut text = CONFIG.to_owned();
    let others = (1..count).map(|number| (format!("other {number}"), format!("other/{number}")));
    for (name, id) in others.chain([("caller".to_owned(), "billing".to_owned())]) {
        let _ = write!(
            text,
            "\n[[consumer]]\nname = \"{name}\"\ncertificate = {{ san_uri = \"spiffe://bench/{id}\" }}\n"
        );
    }
    fs::write(path("gateway.toml"), text).expect("a file");
    let config = Config::load(&path("gateway.toml")).expect("a configuration");
    Snapshot::build(config, Fetched::default(), None).expect("a snapshot")
}
