//! What a bench asks of the local Lambda: shares of a processor, cold starts told, nothing kept.

use std::fs;
use std::path::Path;
use std::sync::mpsc;

use countersign_local_lambda::{Function, LocalLambda, processor_shares_are_permitted};

use crate::caller::invoke;

/// Version 1 and version 2 of control groups.
const ROOTS: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "1447"),
    ("/sys/fs/cgroup", "cpu.max", "1447 20000"),
];

/// The limits of the groups that this process has made.
fn limits() -> Vec<(String, &'static str)> {
    let prefix = format!("local-lambda-{}-", std::process::id());
    let mut limits = Vec::new();
    for (root, file, expected) in ROOTS {
        let groups = fs::read_dir(Path::new(root))
            .into_iter()
            .flatten()
            .flatten();
        let own = groups.filter(|group| group.file_name().to_string_lossy().starts_with(&prefix));
        let read = own.map(|group| fs::read_to_string(group.path().join(file)).expect("a limit"));
        limits.extend(read.map(|limit| (limit.trim().to_owned(), expected)));
    }
    limits
}

#[test]
fn a_sandbox_that_has_started_is_held_to_its_share_until_it_ends() {
    if !processor_shares_are_permitted() {
        println!("This machine permits no shares of a processor.");
        return;
    }
    let lambda = LocalLambda::start(vec![Function {
        holds_processor_share: true,
        ..Function::python("echo")
    }]);
    invoke(lambda.address(), "echo", "{}");
    let limits_of_one = limits();
    assert_eq!(limits_of_one.len(), 1);
    assert_eq!(limits_of_one[0].0, limits_of_one[0].1);
    drop(lambda);
    assert_eq!(limits(), []);
}

#[test]
fn a_cold_start_is_told_once_and_nothing_is_kept_where_nothing_is_to_be() {
    let (tell, told) = mpsc::channel();
    let lambda = LocalLambda::start(vec![Function {
        is_remembered: false,
        cold_starts: Some(tell),
        ..Function::python("echo")
    }]);
    for _ in 0..3 {
        assert_eq!(invoke(lambda.address(), "echo", "{}").status, 200);
    }
    assert_eq!(told.try_iter().count(), 1);
    assert_eq!(lambda.invocations("echo").len(), 0);
}
