//! What single stages cost: admitting a call, finding its route, verifying the SigV4 of a GET,
//! all of `decide`, parsing a certificate, finding whose it is, holding it to a rule and telling
//! it upstream; verifying each scheme, and telling a function of a request, by size of the body.
//! Prints first how often a verification and an event allocate.

mod allocations;
mod certificates;
mod consumers;
mod events;
mod schemes;
mod stage;

use std::hint::black_box;

use countersign::call::Call;
use countersign::identity::Identity;
use countersign::signature::{self, Evidence, KnownBody};
use criterion::Criterion;

use stage::Stage;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() {
    let stage = Stage::new();
    // The first verification derives the signing key and sizes the thread's scratch.
    let call = stage.signed.call();
    verify(&stage, &call);
    let allocations = allocations::during(|| verify(&stage, &call));
    println!("sigv4_verify_get: {allocations} heap allocations");
    certificates::count_allocations(&stage, |work| allocations::during(work));
    schemes::count_allocations(|work| allocations::during(work));
    events::count_allocations(&stage.certificate, |work| allocations::during(work));
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, &stage);
    certificates::measure(&mut criterion, &stage);
    consumers::measure(&mut criterion, &stage);
    schemes::measure(&mut criterion);
    events::measure(&mut criterion, &stage.certificate);
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, stage: &Stage) {
    let mut group = criterion.benchmark_group("route_find");
    for (kind, request) in &stage.routed {
        let call = request.call();
        group.bench_function(*kind, |b| {
            b.iter(|| stage.snapshot.routes().find(black_box(&call)).is_ok());
        });
    }
    group.finish();
    criterion.bench_function("call_admit", |b| b.iter(|| black_box(&stage.signed).call()));
    let call = stage.signed.call();
    criterion.bench_function("sigv4_verify_get", |b| {
        b.iter(|| verify(stage, black_box(&call)));
    });
    criterion.bench_function("decide_signed_get", |b| {
        b.iter(|| stage.decide(black_box(&call)));
    });
    criterion.bench_function("identity_parse", |b| {
        b.iter(|| Identity::parse(black_box(&stage.certificate)).is_ok());
    });
}

/// What the gateway does for the signature of a GET whose head has been parsed.
fn verify(stage: &Stage, call: &Call<'_>) {
    let presented = signature::present(call, &stage.demand, &stage.keys)
        .ok()
        .flatten();
    let evidence = Evidence {
        call,
        body: KnownBody::Empty,
        secure: true,
        now: stage.now,
        timely: true,
    };
    let outcome = signature::verify(
        &presented.expect("a signature"),
        &evidence,
        &stage.demand,
        &stage.keys,
    );
    assert!(outcome.is_ok(), "{outcome:?}");
}
