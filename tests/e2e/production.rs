//! The configuration that ships with the stacks for AWS, as their machines would meet it.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::gateway::PROGRAM;
use crate::harness::pki::{Authority, write_private};
use crate::harness::{run, text};

fn is_good(home: &Path, config: &str) {
    let file = home.join("gateway.toml");
    fs::write(&file, config).unwrap();
    let file = file.display().to_string();
    let said = run(PROGRAM, &["check", "--config", &file]);
    let words = text(&said.stdout) + &text(&said.stderr);
    assert!(said.status.success(), "{words}");
}

#[test]
fn the_configuration_of_the_stack_is_good_with_the_files_that_its_machines_fetch() {
    let directory = tempdir().unwrap();
    let home = directory.path();
    let authority = Authority::new(home, "clients-ca");
    authority.server("server", &["api.example.org"]);
    write_private(&home.join("credentials.toml"), "");
    write_private(&home.join("replay-password"), "a word\n");
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/infra/production/gateway.toml");
    let config = fs::read_to_string(shipped).unwrap();
    is_good(home, &config);
    // With the shared memory that it leaves out, whose authorities are the image's.
    let with_memory: String = config
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with("ca = ") => "ca = [\"clients-ca.pem\"]".to_owned(),
            Some(rest) if rest.starts_with("[replay") || rest.contains(" = ") => {
                rest.replace("ITS-OUTPUT-SERVER", "memory.example.org")
            }
            _ => line.to_owned(),
        })
        .map(|line| line + "\n")
        .collect();
    assert!(with_memory.contains("\nservers = "), "{with_memory}");
    is_good(home, &with_memory);
}
