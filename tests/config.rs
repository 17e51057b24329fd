//! Loads every configuration under `tests/config/` and compares what is said of it with the
//! `.problems` file beside it. `UPDATE_GOLDEN=1` writes those files anew: read them before you keep them.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use countersign::config::{Config, Demand, IntegrationKind, Proof, RouteMethods, SigV4Algorithm};

fn said_of(file: &Path) -> String {
    match Config::load(file) {
        Ok(_) => "ok\n".to_owned(),
        Err(problems) => format!("{problems}\n"),
    }
}

fn configurations() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_said_of_each_configuration_is_what_was_agreed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for file in configurations() {
        let golden = file.with_extension("problems");
        let said = said_of(&file);
        if update {
            fs::write(&golden, &said).unwrap();
            continue;
        }
        match fs::read_to_string(&golden) {
            Ok(agreed) if agreed == said => {}
            Ok(agreed) => wrong.push(format!(
                "{}\n--- agreed\n{agreed}--- said\n{said}",
                golden.display()
            )),
            Err(error) => wrong.push(format!("{}: {error}\n", golden.display())),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_golden_is_left_without_its_configuration() {
    for entry in fs::read_dir("tests/config").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "problems") {
            assert!(path.with_extension("toml").exists(), "{}", path.display());
        }
    }
}

#[test]
fn the_configurations_that_are_shipped_are_good() {
    for file in [
        "config/gateway.toml",
        "config/examples/behind-api-gateway.toml",
        "config/examples/lambda.toml",
        "config/examples/partner.toml",
        "config/examples/webhooks.toml",
    ] {
        assert_eq!(said_of(Path::new(file)), "ok\n", "{file}");
    }
}

#[test]
fn the_shipped_configuration_needs_no_other_file() {
    let config = Config::load(Path::new("config/gateway.toml")).unwrap();
    assert_eq!(config.process.credential_store, None);
    assert!(config.listeners.iter().all(|l| l.tls.is_none()));
    let mock = |kind: &IntegrationKind| matches!(kind, IntegrationKind::Mock(_));
    assert!(config.integrations.iter().all(|i| mock(&i.kind)));
}

#[test]
fn paths_are_relative_to_the_file_and_names_are_made_of_what_is_there() {
    let config = Config::load(Path::new("tests/config/good_full.toml")).unwrap();
    let store = config.process.credential_store.unwrap();
    assert_eq!(store, Path::new("tests/config/credentials.toml"));
    let tls = config.listeners[0].tls.as_ref().unwrap();
    assert_eq!(tls.certificates[0].chain, Path::new("/etc/tls/a.pem"));
    let names: Vec<_> = config.routes.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "api.example.com GET,POST /x/{id}",
            "GET /x/{name}",
            "everything"
        ]
    );
    assert_eq!(config.routes[2].methods, RouteMethods::Any);
    assert_eq!(config.policies[0].name.as_str(), "open");
}

#[test]
fn a_policy_takes_the_algorithms_of_the_schemes_that_it_names_and_no_others() {
    let config = Config::load(Path::new("tests/config/good_full.toml")).unwrap();
    let taken = config.policies.iter().filter_map(|policy| {
        let (Demand::AllOf(proof) | Demand::AnyOf(proof)) = &policy.demand else {
            return None;
        };
        let Proof { signature, .. } = proof;
        let sigv4 = signature.as_ref()?.sigv4.as_ref()?;
        Some(sigv4.algorithms.as_slice())
    });
    let taken: Vec<_> = taken.collect();
    let (hmac, both) = (
        [SigV4Algorithm::Hmac],
        [SigV4Algorithm::Hmac, SigV4Algorithm::Ecdsa],
    );
    assert_eq!(taken, [&hmac[..], &hmac[..], &both[..], &hmac[..]]);
}
