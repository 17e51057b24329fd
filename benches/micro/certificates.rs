//! What a certificate costs at every request: holding it to a rule, and telling it upstream.

use std::hint::black_box;

use countersign::authorize::failing;
use countersign::config::{CertificateRule, Demand, IntegrationKind};
use countersign::identity::Vouched;
use countersign::integration::{CertificateHeaders, Told};
use criterion::Criterion;
use rustls_pki_types::CertificateDer;

use crate::stage::Stage;

/// Prints how often judging allocates.
pub fn count_allocations(stage: &Stage, count: impl Fn(&dyn Fn()) -> u64) {
    let rule = rule(stage);
    let allocations = count(&|| judge(stage, rule));
    println!("certificate_rule: {allocations} heap allocations");
}

/// Times a rule of eight conditions, and each form of telling.
pub fn measure(criterion: &mut Criterion, stage: &Stage) {
    let rule = rule(stage);
    criterion.bench_function("certificate_rule", |b| {
        b.iter(|| judge(black_box(stage), rule));
    });
    let mut group = criterion.benchmark_group("certificate_headers");
    let chain = [CertificateDer::from(stage.certificate.clone())];
    for integration in &stage.snapshot.config().integrations {
        let IntegrationKind::HttpProxy(proxy) = &integration.kind else {
            continue;
        };
        let headers = CertificateHeaders::new(&proxy.certificate_headers);
        group.bench_function(integration.name.as_str(), |b| {
            b.iter(|| {
                let told = Told::Verified {
                    identity: black_box(&stage.identity),
                    chain: &chain,
                };
                headers.fields(told).map(|fields| fields.len())
            });
        });
    }
    group.finish();
}

fn rule(stage: &Stage) -> &CertificateRule {
    let policies = &stage.snapshot.config().policies;
    let ruled = policies.iter().find(|one| one.name.as_str() == "ruled");
    match ruled.map(|policy| &policy.demand) {
        Some(Demand::AllOf(proof)) => proof.certificate_rule.as_deref().expect("a rule"),
        other => panic!("{other:?}"),
    }
}

fn judge(stage: &Stage, rule: &CertificateRule) {
    let vouched = Vouched {
        identity: &stage.identity,
        trust_store: Some("clients"),
        spiffe_trust_domains: &[],
    };
    let failed = failing(rule, &vouched, stage.now);
    assert!(failed.is_none(), "{failed:?}");
}
