//! Every path that is installed serves whom it should, and nobody else.

use std::time::Duration;

use crate::load::{Asked, Outcome};

use super::origin::FILES;
use super::{ALL, Checks, Failure, Ground, PathKind};

/// In CI, where everything is installed, nothing may be left out.
const ALL_INSTALLED: &str = "BENCH_EVERY_PATH";

#[test]
fn every_path_serves_whom_it_should_and_nobody_else() {
    let home = tempfile::tempdir().expect("a directory");
    let ground = Ground::lay(home.path()).expect("nginx is installed");
    for path in ALL {
        match (path.start)(&ground, path.checks) {
            Ok(stand) => try_out(&ground, path, stand.address),
            Err(Failure::Missing { program, install }) => {
                let all = std::env::var_os(ALL_INSTALLED).is_some();
                assert!(!all, "{}: {program} is missing; {install}", path.name);
                println!("{} is left out: {program} is missing; {install}", path.name);
            }
            Err(Failure::Broken(error)) => panic!("{}: {error:?}", path.name),
        }
    }
}

fn try_out(ground: &Ground, path: &PathKind, address: std::net::SocketAddr) {
    let name = path.name;
    let ask = |checks: Checks, at: usize, connections| -> Outcome {
        let caller = ground.caller(address, checks).expect("a caller");
        let (target, bytes) = FILES[at];
        let asked = Asked { target, bytes };
        caller.closed(asked, connections, Duration::from_millis(200))
    };
    for (at, (target, _)) in FILES.iter().enumerate() {
        let tried = ask(path.checks, at, 8);
        assert!(tried.served > 0, "{name} {target}: {:?}", tried.failed);
        assert!(
            tried.failed.is_empty(),
            "{name} {target}: {:?}",
            tried.failed
        );
    }
    for less in lesser(path.checks) {
        let served = ask(less, 0, 1).served;
        assert_eq!(served, 0, "{name} serves callers with {}", less.words());
    }
}

/// What callers show who lack one thing.
fn lesser(checks: Checks) -> Vec<Checks> {
    let mut all = Vec::new();
    if checks.certificate {
        let certificate = false;
        all.push(Checks {
            certificate,
            ..checks
        });
    }
    if checks.signature.is_some() {
        let signature = None;
        all.push(Checks {
            signature,
            ..checks
        });
    }
    all
}
